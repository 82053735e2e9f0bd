"""Date filters: ISO and mail dates, seconds since the epoch, ``strftime`` formats; times are shown in UTC."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from forwarder.js import UNDEFINED, is_number, to_number, to_string
from forwarder.js_date import read_date
from forwarder.mapping.liquid.values import is_nil, stringify

DEFAULT_FORMAT = "%A, %B %-e, %Y at %-l:%M %P %z"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DIRECTIVE = re.compile(r"%([-_0^#:]+)?(\d+)?([EO])?(.)", re.DOTALL | re.ASCII)
_MAX_WIDTH = 1000
_WIDTHS = dict.fromkeys("deHIklmMSUW", 2) | {"j": 3, "L": 3}


Clock: TypeAlias = Callable[[], float]
"""Gives the present in seconds since the epoch."""


def parse(value: object, clock: Clock) -> datetime | None:
    """Return a date in UTC; None if the value is none. ``now`` and ``today`` are the present."""
    try:
        if value in ("now", "today"):
            return datetime.fromtimestamp(clock(), UTC)
        if isinstance(value, bool):
            return EPOCH + timedelta(milliseconds=int(value))
        if is_number(value):
            return EPOCH + timedelta(milliseconds=int(to_number(value) * 1000))
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return EPOCH + timedelta(seconds=int(value[:20]))
        milliseconds = read_date(value) if isinstance(value, str) else None
        return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        return None


def _offset(moment: datetime, zone: object) -> tuple[int, str]:
    """Return minutes east of UTC and the zone's name: a number means minutes west, a text a zone's name."""
    if is_nil(zone):
        return 0, "UTC"
    if isinstance(zone, str):
        try:
            shift = ZoneInfo(zone).utcoffset(moment.astimezone(ZoneInfo(zone)))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {zone!r}") from error
        return int((shift or timedelta()).total_seconds() // 60), zone
    return -int(to_number(zone)), ""


def _zone(minutes: int, colon: str = "") -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{colon}{rest:02}"


def _week(moment: datetime, first: int) -> int:
    """Return the week of the year; ``first``: 0 if weeks begin on Sunday, 1 on Monday."""
    january = datetime(moment.year, 1, 1)
    day = moment.timetuple().tm_yday + first - moment.isoweekday() % 7
    return (day - (7 - january.isoweekday() % 7 + first)) // 7 + 1


def _ordinal(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _nanoseconds(moment: datetime, width: str | None) -> str:
    digits = int(width) if width and int(width) else 9
    return f"{moment.microsecond // 1000:03}"[:digits].ljust(min(digits, _MAX_WIDTH), "0")


_CLOCK = "{0}:{1:%M:%S} {1:%p}"


def _clock(moment: datetime) -> str:
    return _CLOCK.format(moment.hour % 12 or 12, moment)


def _calendar(moment: datetime) -> str:
    return f"{moment.month}/{moment.day}/{moment.year}"


CODES: dict[str, Callable[[datetime], object]] = {
    "a": lambda moment: f"{moment:%a}",
    "A": lambda moment: f"{moment:%A}",
    "b": lambda moment: f"{moment:%b}",
    "h": lambda moment: f"{moment:%b}",
    "B": lambda moment: f"{moment:%B}",
    "c": lambda moment: f"{_calendar(moment)}, {_clock(moment)}",
    "C": lambda moment: int(str(moment.year)[:2]),
    "d": lambda moment: moment.day,
    "e": lambda moment: moment.day,
    "H": lambda moment: moment.hour,
    "I": lambda moment: moment.hour % 12 or 12,
    "j": lambda moment: moment.timetuple().tm_yday,
    "k": lambda moment: moment.hour,
    "l": lambda moment: moment.hour % 12 or 12,
    "L": lambda moment: moment.microsecond // 1000,
    "m": lambda moment: moment.month,
    "M": lambda moment: moment.minute,
    "p": lambda moment: "AM" if moment.hour < 12 else "PM",
    "P": lambda moment: "am" if moment.hour < 12 else "pm",
    "q": lambda moment: _ordinal(moment.day),
    "s": lambda moment: round((moment - EPOCH).total_seconds()),
    "S": lambda moment: moment.second,
    "u": lambda moment: moment.isoweekday(),
    "U": lambda moment: _week(moment, 0),
    "w": lambda moment: moment.isoweekday() % 7,
    "W": lambda moment: _week(moment, 1),
    "x": _calendar,
    "X": _clock,
    "y": lambda moment: str(moment.year)[2:4],
    "Y": lambda moment: moment.year,
    "t": lambda moment: "\t",
    "n": lambda moment: "\n",
    "%": lambda moment: "%",
}


def _swapped(text: str) -> str:
    return text.upper() if any("a" <= char <= "z" for char in text) else text.lower()


def strftime(moment: datetime, pattern: str, minutes: int = 0, zone: str = "UTC") -> str:
    """Return the moment, already shifted to its zone, as Ruby's and LiquidJS's strftime write it."""

    def written(found: re.Match[str]) -> str:
        flags, width, _, code = found.groups()
        flags = flags or ""
        if code == "N":
            text = _nanoseconds(moment, width)
        elif code in "zZ":
            text = _zone(minutes, ":" if ":" in flags else "")
            text = zone or text if code == "Z" else text
        elif code in CODES:
            text = to_string(CODES[code](moment))
        else:
            return found[0]
        text = text.upper() if "^" in flags else _swapped(text) if "#" in flags else text
        pad = " " if "_" in flags or ("0" not in flags and code in "aAbBceklpP") else "0"
        least = 0 if "-" in flags else min(int(width or 0), _MAX_WIDTH) or _WIDTHS.get(code, 0)
        return text.rjust(least, pad)

    return _DIRECTIVE.sub(written, pattern)


def _date(clock: Clock, value: object, pattern: object = UNDEFINED, zone: object = UNDEFINED) -> object:
    moment = parse(value, clock)
    if moment is None:
        return value
    minutes, name = _offset(moment, zone)
    shown = moment + timedelta(minutes=minutes)
    return strftime(shown, DEFAULT_FORMAT if is_nil(pattern) else stringify(pattern), minutes, name)


def _written(
    clock: Clock, month: str, value: object, kind: object = UNDEFINED, style: object = UNDEFINED
) -> object:
    """Write a date with the month by the given code: ``01 Jan 2024``, or ``ordinal``: ``1st Jan 2024``."""
    moment = parse(value, clock)
    if moment is None:
        return value
    if kind != "ordinal":
        return strftime(moment, f"%d {month} %Y")
    return strftime(moment, f"{month} %-d%q, %Y" if style == "US" else f"%-d%q {month} %Y")


def filters(clock: Clock) -> dict[str, Callable[..., object]]:
    """Return the filters, which ask the clock for ``now``."""
    return {
        "date": partial(_date, clock),
        "date_to_xmlschema": lambda value: _date(clock, value, "%Y-%m-%dT%H:%M:%S%:z"),
        "date_to_rfc822": lambda value: _date(clock, value, "%a, %d %b %Y %H:%M:%S %z"),
        "date_to_string": partial(_written, clock, "%b"),
        "date_to_long_string": partial(_written, clock, "%B"),
    }
