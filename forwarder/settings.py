"""The forwarder's configuration: one TOML file, read once, checked as a whole, then frozen.

``forwarder/example.toml`` shows and explains every setting.
"""

import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from browser_plugin.settings import read_settings
from forwarder.errors import ConfigError
from forwarder.secrets import resolve

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Positive = Annotated[int, Field(gt=0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Server(_Frozen):
    """Where the forwarder listens, and what it serves to pages."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8300
    public_url: str = ""
    """``https://events.example.com`` as pages reach it; empty: taken from each request."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded-For and -Proto are believed."""
    operator_token: SecretStr = SecretStr("")
    """Opens /metrics and /console; empty: they stay closed."""
    assets: Path = Path("dist")
    """Folder with ``page`` and ``analytics.js`` as ``build.py build`` makes it."""
    api_path: Annotated[str, Field(pattern=r"^(v1|d)$")] = "v1"
    """Path that pages are told to post to; ``d`` where block lists match ``v1``."""
    stop_seconds: Annotated[float, Field(ge=0)] = 10.0

    @field_validator("public_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        scheme, separator, host = value.partition("://")
        if value and (scheme not in ("http", "https") or not separator or not host or "/" in host):
            raise ValueError("must be like https://events.example.com, without a path")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network)
        return value

    @field_validator("operator_token")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 16:
            raise ValueError("must have at least 16 characters, or be empty to close the operator's pages")
        return value


class SpoolSettings(_Frozen):
    """Where accepted events wait."""

    path: str = "spool.db"
    max_events: Positive = 5_000_000
    max_bytes: Positive = 10_000_000_000


class Limits(_Frozen):
    """Bounds on what senders may do; sizes in bytes, times in seconds."""

    event_bytes: Positive = 32_768
    batch_bytes: Positive = 512_000
    batch_events: Positive = 2_500
    nesting: Annotated[int, Field(ge=4, le=200)] = 64
    requests_per_second: Positive = 1_000
    """Per source and address, averaged; twice that at once."""
    request_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Time for a whole request to arrive."""
    idle_seconds: Annotated[float, Field(gt=0)] = 75.0
    """How long a connection may wait for its next request; longer than a proxy in front keeps it."""
    header_bytes: Positive = 32_768
    connections: Positive = 10_000
    unanswered_bytes: Positive = 256_000_000
    """All requests together that are not answered yet: bounds the memory that senders can take."""


class Source(_Frozen):
    """One sender: a page, an app or a server, known by its write key."""

    name: Name
    write_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.~-]{1,128}$")]
    allowed_origins: tuple[str, ...] = ("*",)
    """Origins of pages that may send; ``*`` for all."""
    strict: bool = False
    """Answer 400 with every reason instead of taking the good events: for development."""
    client_addresses: bool = True
    """Put the sender's address into ``context.ip`` for client-side libraries."""
    session: dict[str, object] = {}
    """Session plugin settings of this source, over those of ``[session]``."""


class AmplitudeKeys(_Frozen):
    """The Amplitude project, in the words of Segment's destination settings."""

    apiKey: SecretStr  # noqa: N815 - Segment's own JSON name
    secretKey: SecretStr = SecretStr("")  # noqa: N815 - Segment's own JSON name
    endpoint: Literal["north_america", "europe"] = "north_america"

    def plain(self) -> dict[str, object]:
        """Return the settings with the secrets readable, for the destination itself."""
        return {
            "apiKey": self.apiKey.get_secret_value(),
            "secretKey": self.secretKey.get_secret_value(),
            "endpoint": self.endpoint,
        }


class Destination(_Frozen):
    """One Amplitude project that events go to."""

    name: Name
    settings: AmplitudeKeys
    sources: tuple[str, ...] | None = None
    """Names of the sources whose events go there; left out: all."""
    subscriptions: tuple[dict[str, object], ...] | None = None
    subscriptions_file: Path | None = None
    base_url: str | None = None
    """Replaces scheme and host of every Amplitude address, for tests and proxies."""
    linger_ms: Annotated[int, Field(ge=0)] = 50
    batch_events: Annotated[int, Field(ge=1, le=2000)] = 2000
    """Most events in one request; about 10 for Amplitude's Starter plan."""
    at_once: Positive = 4
    """Requests under way at the same time."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    retry_hours: Annotated[float, Field(gt=0, le=144)] = 24.0
    """How long an event is tried that fails while others succeed; Amplitude tells repeats for 7 days."""


class Settings(_Frozen):
    """Everything one forwarder needs to know."""

    server: Server = Server()
    spool: SpoolSettings = SpoolSettings()
    limits: Limits = Limits()
    session: dict[str, object] = {}
    """The page's session plugin; see the plugin's own settings."""
    sources: tuple[Source, ...] = (Source(name="demo", write_key="demo"),)
    destinations: tuple[Destination, ...] = ()


def load_settings(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of the file at ``path``, or the defaults where it is None.

    Without a file, events of the write key ``demo`` are taken, and go to the project of AMPLITUDE_API_KEY
    where the environment has it. Raises ConfigError with every problem.
    """
    if path is None:
        return parse_settings(_defaults(environment), environment, Path())
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}; give the file with --config"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} is not TOML: {error}"]) from None
    return parse_settings(raw, environment, path.parent)


def parse_settings(raw: Mapping[str, object], environment: Mapping[str, str], folder: Path) -> Settings:
    """Return the checked settings of one parsed file; relative paths start at ``folder``.

    Raises ConfigError with every problem, each naming the field and the mend.
    """
    values, problems = resolve(raw, environment)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(problems + [_line(item) for item in error.errors()]) from None
    destinations = tuple(
        _with_subscriptions(destination, folder, problems) for destination in settings.destinations
    )
    problems += _contradictions(settings)
    if problems:
        raise ConfigError(problems)
    return settings.model_copy(
        update={
            "destinations": destinations,
            "server": settings.server.model_copy(update={"assets": folder / settings.server.assets}),
            "spool": settings.spool.model_copy(update={"path": _spool_path(settings.spool.path, folder)}),
        }
    )


def _defaults(environment: Mapping[str, str]) -> dict[str, object]:
    if not environment.get("AMPLITUDE_API_KEY"):
        return {}
    keys = {"apiKey": "${AMPLITUDE_API_KEY}", "secretKey": "${AMPLITUDE_SECRET_KEY:-}"}
    return {"destinations": [{"name": "amplitude", "settings": keys}]}


def _spool_path(path: str, folder: Path) -> str:
    return path if "://" in path else str(folder / path)


def _line(error: object) -> str:
    """One line for one pydantic error: where, what, and what is known there."""
    assert isinstance(error, dict)
    place = ""
    for part in error["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "is not a setting; see forwarder/example.toml for those there are"
    elif error["type"] == "missing":
        message = "is missing; add it"
    return f"{place}: {message}"


def _with_subscriptions(destination: Destination, folder: Path, problems: list[str]) -> Destination:
    """Read the subscriptions file into the destination."""
    place = f"destinations.{destination.name}"
    if destination.subscriptions_file is None:
        return destination
    if destination.subscriptions is not None:
        problems.append(f"{place}: give subscriptions or subscriptions_file, not both")
        return destination
    path = folder / destination.subscriptions_file
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{place}.subscriptions_file: {path}: {error.strerror}; name a readable file")
        return destination
    except ValueError as error:
        problems.append(f"{place}.subscriptions_file: {path} is not JSON: {error}")
        return destination
    if not isinstance(read, list) or not all(isinstance(item, dict) for item in read):
        problems.append(f"{place}.subscriptions_file: {path} must hold a JSON list of subscriptions")
        return destination
    return destination.model_copy(update={"subscriptions": tuple(read)})


def _contradictions(settings: Settings) -> list[str]:
    """Name what each field alone cannot show."""
    problems = []
    for kind, names in (
        ("sources", [source.name for source in settings.sources]),
        ("destinations", [destination.name for destination in settings.destinations]),
        ("write keys", [source.write_key for source in settings.sources]),
    ):
        problems += [f"{kind}: {name} is there twice; give each its own" for name in sorted(_twice(names))]
    known = {source.name for source in settings.sources}
    for destination in settings.destinations:
        if not destination.settings.apiKey.get_secret_value():
            problems.append(f"destinations.{destination.name}.settings.apiKey: is empty; give the project's")
        problems += [
            f"destinations.{destination.name}.sources: there is no source {name}; name one of"
            f" {', '.join(sorted(known)) or '(none)'}"
            for name in destination.sources or ()
            if name not in known
        ]
    problems += [f"session.{problem}" for problem in read_settings(settings.session)[1]]
    for source in settings.sources:
        problems += [
            f"sources.{source.name}.session.{problem}" for problem in read_settings(source.session)[1]
        ]
    return problems


def _twice(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}
