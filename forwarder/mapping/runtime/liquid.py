"""``@liquid``: templates in Liquid, rendered by LiquidJS itself in an embedded engine.

No Python library reads templates as LiquidJS does (names, numbers, quotes, dates, operators in outputs, what
may be left out). A render takes some 100 microseconds, more for large payloads; the few names that a template
looks at are all that is handed over. ``liquid.js`` sets LiquidJS up as Segment's mapping kit does.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeAlias, cast
from zoneinfo import ZoneInfo, available_timezones

import orjson

from forwarder.errors import MappingError
from forwarder.javascript.dates import read_date
from forwarder.javascript.engine import Engine, EngineError
from forwarder.javascript.json import stringify
from forwarder.javascript.packages import LIQUID
from forwarder.javascript.values import string_length, string_units, utf8
from forwarder.mapping.bounds import bounded

MAX_LENGTH = 1000
"""Longest template, in UTF-16 units."""
DIRECTIVE = "@liquid"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ZONES = ("localtime", "Factory")
"""Names that the zone database has and Node has not."""

Clock: TypeAlias = Callable[[], float]
"""Gives the present in seconds since the epoch."""


def template(text: str, field: str, clock: Clock) -> Callable[[object], str]:
    """Return the function that fills the template from a payload; ``clock`` gives ``now`` in seconds.

    It raises MappingError if the template fails on the payload. Raises MappingError if the template cannot be
    parsed or is too long.
    """
    if not text:
        return lambda payload: ""
    if string_length(text) > MAX_LENGTH:
        raise MappingError(f"the template is longer than {MAX_LENGTH} characters; shorten it")
    engine = _engine()
    try:
        number, names = _prepared(text)
    except EngineError as error:
        raise MappingError(f"{error}; mend the template") from error

    def render(payload: object) -> str:
        if names is not None and isinstance(payload, dict):
            payload = {name: payload[name] for name in names if name in payload}
        try:
            given = f"[{number},{_json(payload)},{round(clock() * 1000)}]"
            rendered = str(engine.call("render", given))
            bounded(len(rendered))
        except (EngineError, ValueError) as error:
            raise MappingError(f"{error}; mend the template", field, DIRECTIVE) from error
        return rendered

    return render


def _json(payload: object) -> str:
    try:
        return orjson.dumps(payload).decode()
    except TypeError:  # undefined, huge numbers, half characters
        return stringify(payload)


@lru_cache(maxsize=1)
def _engine() -> Engine:
    glue = Path(__file__).with_name("liquid.js").read_text(encoding="utf-8")
    return Engine(LIQUID, glue, _CALLBACKS)


@cache
def _prepared(text: str) -> tuple[int, list[str] | None]:
    """Have the engine read a template, once however often the configuration is read again."""
    return cast("tuple[int, list[str] | None]", _engine().call("prepare", json.dumps([text])))


def _recode(text: str, given: str, wanted: str) -> str:
    """Return what Node's Buffer makes of a text: base64 of it, or from base64."""
    if wanted == "base64":
        return base64.b64encode(utf8(text)).decode()
    # Both alphabets, foreign letters skipped, bad UTF-8 replaced; beyond Latin-1 the low byte counts.
    text = "".join(chr(ord(unit) & 0xFF) for unit in string_units(text))
    text = re.sub(r"[^A-Za-z0-9+/]", "", text.partition("=")[0].translate(str.maketrans("-_", "+/")))
    text = text[:-1] if len(text) % 4 == 1 else text
    return base64.b64decode(text + "=" * (-len(text) % 4)).decode(errors="replace")


def _digest(kind: str, text: str, key: str | None) -> str:
    """Return the hash of a text, keyed where there is a key, in hexadecimal digits."""
    if key is None:
        return hashlib.new(kind, utf8(text)).hexdigest()
    return hmac.new(utf8(key), utf8(text), kind).hexdigest()


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    """Return the names of all time zones by what they are in lower case."""
    return {name.lower(): name for name in available_timezones() if name not in _NO_ZONES}


def _east_of(zone: str, milliseconds: float) -> float:
    """Return how far east of UTC a zone is at a time; both times in ms. Raises ValueError for no zone."""
    name = _zones().get(zone.lower())
    if name is None:
        raise ValueError(f"{zone} is no time zone")
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
        return (moment.astimezone(ZoneInfo(name)).utcoffset() or timedelta()).total_seconds() * 1000
    except OverflowError:  # beyond Python's calendar
        return 0


_CALLBACKS: dict[str, Callable[..., object]] = {
    "readDate": read_date,
    "eastOf": _east_of,
    "recode": _recode,
    "digest": _digest,
}
"""What the engine asks Python for: see ``liquid.js``."""
