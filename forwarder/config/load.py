"""Reading the configuration: one TOML file, checked as a whole, every problem named at once."""

import json
import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from forwarder.amplitude.problems import errors_of as destination_problems
from forwarder.amplitude.subscriptions import listed, unread_pages
from forwarder.config.consistency import contradictions, tables
from forwarder.config.secrets import resolve
from forwarder.config.settings import (
    AmplitudeKeys,
    Destination,
    EnrichSettings,
    Limits,
    Server,
    Settings,
    Source,
    SpoolSettings,
)
from forwarder.errors import ConfigError
from forwarder.spool.location import is_stream_url

_TABLES: Mapping[object, type[BaseModel]] = {
    "server": Server,
    "spool": SpoolSettings,
    "limits": Limits,
    "sources": Source,
    "destinations": Destination,
    "settings": AmplitudeKeys,
    "enrich": EnrichSettings,
}


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
    values, problems = resolve(raw, environment, folder)
    assert isinstance(values, dict)
    settings = None
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        unresolved = {problem.partition(": ")[0] for problem in problems}
        lines = [(_place(item["loc"]), item) for item in error.errors()]
        problems += [f"{place}: {_message(item)}" for place, item in lines if place not in unresolved]
    problems += contradictions(values)
    subscriptions = [_subscriptions(table, folder, problems) for table in tables(values, "destinations")]
    for table, read in zip(tables(values, "destinations"), subscriptions, strict=True):
        problems += _of_destination(table, read)
    if settings is None or problems:
        raise ConfigError(problems)
    return settings.model_copy(
        update={
            "destinations": tuple(
                destination.model_copy(update={"subscriptions": None if read is None else tuple(read)})
                for destination, read in zip(settings.destinations, subscriptions, strict=True)
            ),
            "sources": tuple(_with_code(source, folder) for source in settings.sources),
            "server": settings.server.model_copy(update={"assets": folder / settings.server.assets}),
            "spool": settings.spool.model_copy(update=_placed(settings.spool, folder)),
        }
    )


def _with_code(source: Source, folder: Path) -> Source:
    if source.enrich is None:
        return source
    return source.model_copy(
        update={"enrich": source.enrich.model_copy(update={"path": folder / source.enrich.path})}
    )


def _placed(spool: SpoolSettings, folder: Path) -> dict[str, str]:
    path = spool.path if is_stream_url(spool.path) else str(folder / spool.path)
    return {"path": path, "copy_path": str(folder / spool.copy_path)}


def _defaults(environment: Mapping[str, str]) -> dict[str, object]:
    if not environment.get("AMPLITUDE_API_KEY"):
        return {}
    keys = {"apiKey": "${AMPLITUDE_API_KEY}", "secretKey": "${AMPLITUDE_SECRET_KEY:-}"}
    return {"destinations": [{"name": "amplitude", "settings": keys}]}


def _place(parts: tuple[int | str, ...]) -> str:
    place = ""
    for part in parts:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place


def _message(error: ErrorDetails) -> str:
    """Return what is wrong and how to mend it."""
    if error["type"] == "extra_forbidden":
        return f"is not a setting; {_instead(error['loc'])}"
    if error["type"] == "missing":
        return "is missing; add it"
    return error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")


def _instead(place: tuple[int | str, ...]) -> str:
    """Say which setting is probably meant."""
    tables_above = [_TABLES[part] for part in place[:-1] if part in _TABLES]
    known = (tables_above or [Settings])[-1].model_fields
    close = get_close_matches(str(place[-1]), known, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"


def _subscriptions(
    table: Mapping[str, object], folder: Path, problems: list[str]
) -> list[dict[str, object]] | None:
    """Return a destination's own subscriptions, read from its file where it names one."""
    given, file = table.get("subscriptions"), table.get("subscriptions_file")
    if not isinstance(file, str):
        return given if isinstance(given, list) else None
    place = f"destinations.{table.get('name')}.subscriptions_file"
    if given is not None:
        problems.append(f"{place}: give subscriptions or subscriptions_file, not both")
        return None
    path = folder / file
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{place}: {path}: {error.strerror}; name a readable file")
        return None
    except (ValueError, RecursionError) as error:
        problems.append(f"{place}: {path} is not JSON: {error}")
        return None
    found = listed(read)
    if found is None:
        problems.append(
            f"{place}: {path} must hold a JSON list of subscriptions, or the Public API's answer with them"
        )
    elif unread_pages(read):
        problems.append(
            f"{place}: {path} ends before the last page; add the Public API's other answers to it"
        )
    return found


def _of_destination(table: Mapping[str, object], subscriptions: list[dict[str, object]] | None) -> list[str]:
    """Return what is wrong with a destination's subscriptions."""
    keys = {"apiKey": "-", "secretKey": "-"}  # the real ones are checked with the other settings
    found = destination_problems(keys, subscriptions)
    return [f"destinations.{table.get('name')}: {problem}" for problem in found]
