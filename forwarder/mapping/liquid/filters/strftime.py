"""``strftime`` as LiquidJS has it from Ruby, for every year JavaScript knows."""

import re
from collections.abc import Callable
from typing import NamedTuple

from forwarder.js import number_to_string, to_string
from forwarder.js_calendar import LIMIT_MS, date_of, days_of
from forwarder.mapping.bounds import bounded

_DIRECTIVE = re.compile(r"%([-_0^#:]+)?(\d+)?([EO])?(.)", re.DOTALL | re.ASCII)
_WIDTHS = dict.fromkeys("deHIklmMSUW", 2) | {"j": 3, "L": 3}
_DAY_MS = 86_400_000
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Moment(NamedTuple):
    """A time as a zone's clock shows it.

    ``weekday``: 0 is Sunday; ``day_of_year``: from 1; ``shown``: ms since the epoch were the clock in UTC;
    ``west``: minutes west of UTC; ``zone``: the zone's name, "" where it has none.
    """

    year: int
    month: int
    day: int
    weekday: int
    day_of_year: int
    hour: int
    minute: int
    second: int
    millisecond: int
    shown: int
    west: float
    zone: str

    @classmethod
    def at(cls, milliseconds: float, west: float, zone: str) -> "Moment | None":
        """Return a time in ms since the epoch in a zone; None where JavaScript has no date."""
        shifted = milliseconds - west * 60_000
        if not abs(shifted) <= LIMIT_MS:
            return None
        shown = int(shifted)
        days, rest = divmod(shown, _DAY_MS)
        year, month, day = date_of(days)
        minutes, rest = divmod(rest, 60_000)
        return cls(
            year,
            month,
            day,
            weekday=(days + 4) % 7,
            day_of_year=days - days_of(year, 0, 1) + 1,
            hour=minutes // 60,
            minute=minutes % 60,
            second=rest // 1000,
            millisecond=rest % 1000,
            shown=shown,
            west=west,
            zone=zone,
        )


def _week(moment: Moment, first: int) -> int:
    """Return the week of the year; ``first``: 0 if weeks begin on Sunday, 1 on Monday."""
    january = (moment.weekday - moment.day_of_year + 1) % 7
    day = moment.day_of_year + first - moment.weekday
    return (day - (7 - january + first)) // 7 + 1


def _ordinal(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _offset(moment: Moment, colon: str = "") -> str:
    west = abs(moment.west)
    rest = number_to_string(west % 60).rjust(2, "0")
    return f"{'-' if moment.west > 0 else '+'}{int(west // 60):02}{colon}{rest}"


def _half(moment: Moment) -> str:
    return "AM" if moment.hour < 12 else "PM"


def _clock(moment: Moment) -> str:
    return f"{moment.hour % 12 or 12}:{moment.minute:02}:{moment.second:02} {_half(moment)}"


def _calendar(moment: Moment) -> str:
    year = moment.year if moment.year > 0 else 1 - moment.year
    return f"{moment.month}/{moment.day}/{year}"


CODES: dict[str, Callable[[Moment], object]] = {
    "a": lambda moment: _WEEKDAYS[moment.weekday][:3],
    "A": lambda moment: _WEEKDAYS[moment.weekday],
    "b": lambda moment: _MONTHS[moment.month - 1][:3],
    "h": lambda moment: _MONTHS[moment.month - 1][:3],
    "B": lambda moment: _MONTHS[moment.month - 1],
    "c": lambda moment: f"{_calendar(moment)}, {_clock(moment)}",
    "C": lambda moment: int(str(moment.year)[:2]),
    "d": lambda moment: moment.day,
    "e": lambda moment: moment.day,
    "H": lambda moment: moment.hour,
    "I": lambda moment: moment.hour % 12 or 12,
    "j": lambda moment: moment.day_of_year,
    "k": lambda moment: moment.hour,
    "l": lambda moment: moment.hour % 12 or 12,
    "L": lambda moment: moment.millisecond,
    "m": lambda moment: moment.month,
    "M": lambda moment: moment.minute,
    "p": _half,
    "P": lambda moment: _half(moment).lower(),
    "q": lambda moment: _ordinal(moment.day),
    "s": lambda moment: (moment.shown + 500) // 1000,
    "S": lambda moment: moment.second,
    "u": lambda moment: moment.weekday or 7,
    "U": lambda moment: _week(moment, 0),
    "w": lambda moment: moment.weekday,
    "W": lambda moment: _week(moment, 1),
    "x": _calendar,
    "X": _clock,
    "y": lambda moment: str(moment.year)[2:4],
    "Y": lambda moment: moment.year,
    "t": lambda moment: "\t",
    "n": lambda moment: "\n",
    "%": lambda moment: "%",
}
"""What each letter is; N, z and Z look at flags and width as well."""


def _swapped(text: str) -> str:
    return text.upper() if any("a" <= char <= "z" for char in text) else text.lower()


def strftime(moment: Moment, pattern: str) -> str:
    """Return the moment in a format. Raises ValueError where widths make it too long."""
    length = 0

    def written(found: re.Match[str]) -> str:
        nonlocal length
        flags, digits, _, code = found.groups()
        flags, width = flags or "", int(digits[:9]) if digits else 0
        length += width
        bounded(length)
        if code == "N":
            text = f"{moment.millisecond:03}"[: width or 9].ljust(width or 9, "0")
        elif code == "z" or (code == "Z" and not moment.zone):
            text = _offset(moment, ":" if ":" in flags else "")
        elif code == "Z":
            text = moment.zone
        elif code in CODES:
            text = to_string(CODES[code](moment))
        else:
            return found[0]
        text = text.upper() if "^" in flags else _swapped(text) if "#" in flags else text
        pad = " " if "_" in flags or ("0" not in flags and code in "aAbBceklpP") else "0"
        least = 0 if "-" in flags else width or _WIDTHS.get(code, 0)
        return text.rjust(least, pad)

    return _DIRECTIVE.sub(written, pattern)
