"""Date filters: ISO and mail dates, seconds since the epoch, ``strftime`` formats; times are shown in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from math import trunc
from typing import TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from forwarder.js import UNDEFINED, is_number, to_double, to_string, whole
from forwarder.js_calendar import LIMIT_MS
from forwarder.js_date import read_date
from forwarder.mapping.liquid.filters.strftime import Moment, strftime
from forwarder.mapping.liquid.values import is_nil, numeric, plain, stringify

DEFAULT_FORMAT = "%A, %B %-e, %Y at %-l:%M %P %z"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ZONES = ("localtime", "Factory")
"""Names that the zone database has and Node has not."""

Clock: TypeAlias = Callable[[], float]
"""Gives the present in seconds since the epoch."""


def parse(value: object, clock: Clock) -> float | None:
    """Return a time in ms since the epoch, None if the value is none; ``now``, ``today``: the present."""
    value = plain(value)
    if is_nil(value):
        return None
    if value in ("now", "today"):
        milliseconds = clock() * 1000
    elif isinstance(value, bool):
        milliseconds = int(value)
    elif is_number(value):
        milliseconds = to_double(value) * 1000  # type: ignore[arg-type]
    else:
        text = to_string(value)
        if not (isinstance(value, str) and text.isascii() and text.isdigit()):
            return read_date(text)
        milliseconds = float(text) * 1000
    return trunc(milliseconds) if abs(milliseconds) <= LIMIT_MS else None


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    """Return the names of all time zones by what they are in lower case."""
    return {name.lower(): name for name in available_timezones() if name not in _NO_ZONES}


def _west(milliseconds: float, zone: object) -> tuple[float, str]:
    """Return minutes west of UTC and the zone's name: a number means minutes west, a text a zone's name."""
    if is_nil(zone):
        return 0, "UTC"
    if not isinstance(zone, str):
        return numeric(zone), ""
    name = _zones().get(zone.lower())
    if name is None:
        raise ValueError(f"unknown time zone {zone!r}")
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
        shift = moment.astimezone(ZoneInfo(name)).utcoffset() or timedelta()
    except OverflowError:  # beyond Python's calendar
        shift = timedelta()
    return whole(-shift.total_seconds() / 60), zone


def _date(clock: Clock, value: object, pattern: object = UNDEFINED, zone: object = UNDEFINED) -> object:
    milliseconds = parse(value, clock)
    moment = None if milliseconds is None else Moment.at(milliseconds, *_west(milliseconds, zone))
    if moment is None:
        return value
    pattern = plain(pattern)
    return strftime(moment, DEFAULT_FORMAT if is_nil(pattern) else stringify(pattern))


def _written(
    clock: Clock, month: str, value: object, kind: object = UNDEFINED, style: object = UNDEFINED
) -> object:
    """Write a date with the month by the given code: ``01 Jan 2024``, or ``ordinal``: ``1st Jan 2024``."""
    if kind != "ordinal":
        return _date(clock, value, f"%d {month} %Y")
    return _date(clock, value, f"{month} %-d%q, %Y" if style == "US" else f"%-d%q {month} %Y")


def filters(clock: Clock) -> dict[str, Callable[..., object]]:
    """Return the filters, which ask the clock for ``now``."""
    return {
        "date": partial(_date, clock),
        "date_to_xmlschema": lambda value: _date(clock, value, "%Y-%m-%dT%H:%M:%S%:z"),
        "date_to_rfc822": lambda value: _date(clock, value, "%a, %d %b %Y %H:%M:%S %z"),
        "date_to_string": partial(_written, clock, "%b"),
        "date_to_long_string": partial(_written, clock, "%B"),
    }
