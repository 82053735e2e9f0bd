"""The forwarder's settings: what there is, what it may hold, and what it is when nobody says.

``forwarder/example.toml`` shows and explains every setting; ``configuration`` reads the file.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from forwarder.config.values import (
    ORIGIN,
    Frozen,
    Key,
    Name,
    Networks,
    Origins,
    Positive,
    Token,
    WriteKey,
    page_files,
)
from forwarder.prefixes import PREFIX
from forwarder.spool.location import is_stream_url, parse_stream_url


class Server(Frozen):
    """The addresses on which the forwarder listens, and what it serves to pages."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8300
    public_url: str = ""
    """``https://events.example.com`` as pages reach it, or with the path below which it is served; empty:
    only pages on this machine are told where it is."""
    trusted_proxies: Networks = ()
    """Addresses or networks whose X-Forwarded-For, -Proto and -Prefix are believed."""
    operator_token: Token = SecretStr("")
    """Opens /metrics and /console; empty: they stay closed."""
    assets: Path = Field(default_factory=page_files)
    """Folder with ``page`` and ``analytics.js`` as ``build.py build`` makes it."""
    api_path: Literal["v1", "d"] = "v1"
    """Path that pages are told to post to; ``d`` where block lists match ``v1``."""
    status_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """A port of its own for /health, /ready and /metrics, which answers while standing by as well."""
    stop_seconds: Annotated[float, Field(ge=0)] = 10.0

    @field_validator("assets", mode="before")
    @classmethod
    def _own_files(cls, value: object) -> object:
        return page_files() if value == "" else value

    @field_validator("public_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        public = value.rstrip("/")
        origin = ORIGIN.match(public)
        path = public[origin.end() :] if origin else ""
        if value and not (origin and (not path or PREFIX.fullmatch(path))):
            raise ValueError("must be like https://events.example.com or https://shop.example.com/events")
        return public

    @cached_property
    def path_prefix(self) -> str:
        """The path of ``public_url``, like ``/events``, or nothing; asked at every request."""
        _, slash, path = self.public_url.partition("://")[2].partition("/")
        return slash + path


class SpoolSettings(Frozen):
    """The spool, in which accepted events wait: a file, or a NATS JetStream stream."""

    path: str = "spool.db"
    """A file's path, or ``nats://host:4222/stream``, several servers separated by commas."""
    max_events: Positive = 5_000_000
    max_bytes: Positive = 10_000_000_000
    dead_letter_max_bytes: Positive = 1_000_000_000
    """Bytes of all dead letters, with what was sent and answered; beyond, the oldest go."""
    dead_letter_max_days: Annotated[float, Field(gt=0)] = 30.0
    copy_path: str = "spool-copy.db"
    """This machine's copy of a stream: a file that is made anew at every start."""
    token: SecretStr = SecretStr("")
    """The NATS servers' token."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """Servers that hold each message of a stream that is made here; 3 for a cluster."""

    @field_validator("path")
    @classmethod
    def _is_somewhere(cls, value: str) -> str:
        if not value:
            raise ValueError("must be a file's path, or nats://host:4222/stream")
        if is_stream_url(value):
            parse_stream_url(value)
        return value


class ConnectionLimits(Frozen):
    """Bounds on connections and on what arrives by them; sizes in bytes, times in seconds."""

    request_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Time for a whole request to arrive."""
    idle_seconds: Annotated[float, Field(gt=0)] = 75.0
    """How long a connection may wait for its next request; longer than a proxy in front keeps it."""
    header_bytes: Positive = 32_768
    connections: Positive = 10_000
    unanswered_bytes: Positive = 256_000_000
    """All requests together that are not answered yet, half as they arrive, half inflated and parsed."""


class Limits(ConnectionLimits):
    """Bounds on what senders may do; sizes in bytes."""

    event_bytes: Positive = 32_768
    batch_bytes: Positive = 512_000
    batch_events: Positive = 2_500
    nesting: Annotated[int, Field(ge=4, le=200)] = 64
    requests_per_second: Positive = 1_000
    """Per source and address (of IPv6 its /64), averaged; twice that at once."""
    events_per_second: Positive = 20_000
    """Per source and address, averaged; ten times that at once."""
    bytes_per_second: Positive = 50_000_000
    """The same for bytes of events, inflated."""
    failed_keys_per_minute: Positive = 60
    """Requests of one address with a wrong write key; beyond, those are answered slowly."""


class EnrichSettings(Frozen):
    """The owner's own Python for the events of a source."""

    path: Path
    """A module or a package with ``enrich(event, page)``; the same that pages were built with."""
    required: bool = False
    """Keep nothing that it has not seen to its end."""
    minimal: tuple[str, ...] = ()
    """Where it is required: fields that an event keeps on which it fails; none: the event is not kept."""

    @model_validator(mode="after")
    def _goes_together(self) -> "EnrichSettings":
        if self.minimal and not self.required:
            raise ValueError("minimal is for what is required; add required = true, or leave it out")
        if self.minimal and not {"userId", "anonymousId"} & set(self.minimal):
            raise ValueError("minimal must list userId or anonymousId, without which an event is none")
        return self


class Source(Frozen):
    """A source of events: a page, an app or a server, known by its write key."""

    name: Name
    write_key: WriteKey
    allowed_origins: Origins = ("*",)
    """Origins of pages and hybrid apps that may send; ``*`` for all, ``https://*.example.com`` below one."""
    strict: bool = False
    """Answer 400 with every reason instead of taking the good events: for development."""
    client_addresses: bool = True
    """Put the sender's address into ``context.ip`` for client-side libraries."""
    session: dict[str, object] = {}  # noqa: RUF012 - pydantic copies defaults
    """Session plugin settings of this source, over those of ``[session]``."""
    enrich: EnrichSettings | None = None

    @field_validator("enrich", mode="before")
    @classmethod
    def _is_a_path(cls, value: object) -> object:
        return {"path": value} if isinstance(value, (str, Path)) else value


class AmplitudeKeys(Frozen):
    """The Amplitude project, in the words of Segment's destination settings."""

    apiKey: Key  # noqa: N815 - Segment's own JSON name
    secretKey: Key = SecretStr("")  # noqa: N815 - Segment's own JSON name
    endpoint: Literal["north_america", "europe"] = "north_america"

    @field_validator("apiKey")
    @classmethod
    def _is_there(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("is empty; give the Amplitude project's")
        return value

    def plain(self) -> dict[str, object]:
        """Return the settings with the secrets readable, for the destination itself."""
        return {
            "apiKey": self.apiKey.get_secret_value(),
            "secretKey": self.secretKey.get_secret_value(),
            "endpoint": self.endpoint,
        }


class Destination(Frozen):
    """An Amplitude project that events go to."""

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
    window_events: Annotated[int, Field(ge=100)] = 10_000
    """Events planned and held in memory, and at most 64 MiB of what is sent of them."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    retry_hours: Annotated[float, Field(gt=0, le=144)] = 24.0
    """Hours an event is tried that fails while others succeed; Amplitude recognises repeats for 7 days."""

    @model_validator(mode="after")
    def _has_room_for_a_batch(self) -> Self:
        if self.window_events < self.batch_events:
            raise ValueError(
                f"window_events ({self.window_events}) is below batch_events ({self.batch_events}):"
                " no request would ever be full; raise it, or lower batch_events"
            )
        return self

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(ORIGIN.pattern + r"(/[^?#\s]*)?", value):
            raise ValueError("must be like http://127.0.0.1:9000, without user name and query")
        return value


class HistorySettings(Frozen):
    """The history of events that have ended, kept to be found, shown and sent again; 0 is off."""

    hours: Annotated[float, Field(ge=0)] = 72.0
    """Since an event was received."""
    bytes: Annotated[int, Field(ge=0)] = 2_000_000_000
    """As stored, a third or less of what was sent; beyond, the oldest go. Waiting events never go."""


class Settings(Frozen):
    """The whole configuration of a forwarder."""

    server: Server = Server()
    spool: SpoolSettings = SpoolSettings()
    history: HistorySettings = HistorySettings()
    limits: Limits = Limits()
    session: dict[str, object] = {}  # noqa: RUF012 - pydantic copies defaults
    """The page's session plugin; see the plugin's own settings."""
    sources: tuple[Source, ...] = (Source(name="demo", write_key="demo"),)
    destinations: tuple[Destination, ...] = ()
