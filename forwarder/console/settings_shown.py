"""The configuration as it was read, as rows: each setting, its value, whether somebody set it. No secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson
from pydantic import BaseModel, SecretStr

from forwarder.config.settings import Settings

_SNIPPET: Final = (Path(__file__).parent / "templates" / "snippet.txt").read_text(encoding="utf-8")
HIDDEN: Final = "••••••"
"""Shown of a secret that is set."""


_GROUPED: Final = 10_000
"""Numbers from here on are read in groups of three digits; smaller ones, like ports, as they are."""


class Setting(NamedTuple):
    """A setting. ``is_set``: whether it differs from what it is when nobody says."""

    name: str
    value: str
    is_set: bool


class Table(NamedTuple):
    """A table of the configuration, as ``[server]`` or the destination of a name."""

    title: str
    settings: Sequence[Setting]


def tables(settings: Settings) -> list[Table]:
    """Return the configuration in the order of the file's reference."""
    names = ("server", "spool", "history", "limits")
    found = [Table(f"[{name}]", [*_rows(getattr(settings, name))]) for name in names]
    session = [Setting(name, _text(value), True) for name, value in settings.session.items()]
    found.append(Table("[session]", session))
    found += [Table(f"source {one.name}", [*_rows(one)]) for one in settings.sources]
    found += [Table(f"destination {one.name}", [*_rows(one)]) for one in settings.destinations]
    return found


def _rows(model: BaseModel, before: str = "") -> Iterator[Setting]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _rows(value, f"{before}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        yield Setting(f"{before}{name}", _text(value), field.is_required() or value != default)


def _text(value: object) -> str:
    """Return a setting's value as text; of secrets whether they are set."""
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else "not set"
    if isinstance(value, Path):
        return str(value)
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value or "empty"
    if isinstance(value, int) and not isinstance(value, bool) and value >= _GROUPED:
        return f"{value:_}"  # as TOML takes it
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], Mapping):
        return f"{len(value)} in the file"
    return orjson.dumps(value, default=str).decode()


def snippet(write_key: str, address: str) -> str:
    """Return the standard Analytics.js snippet of a source. ``address``: the forwarder's, for pages."""
    key, cdn = (orjson.dumps(text).decode().replace("<", "\\u003c") for text in (write_key, address))
    return _SNIPPET.replace("KEY", key).replace("CDN", cdn)


def share(part: int, whole: int) -> int:
    """Return a part in percent, 0 of nothing and 100 at the most."""
    return min(100, round(100 * part / whole)) if whole else 0


def size(number: int) -> str:
    """Return a number of bytes in a unit that people read."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1_000 or unit == "GB":
            return f"{amount:,.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1_000
    raise AssertionError("every number has a unit")
