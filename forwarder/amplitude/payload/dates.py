"""Times as the reference reads them: its date library's own pattern first, then JavaScript's date parser."""

import math
import re
from functools import lru_cache
from typing import Final

from forwarder.javascript import values as js
from forwarder.javascript.calendar import LIMIT_MS, time_of
from forwarder.javascript.dates import read_date
from forwarder.javascript.usual_dates import read_usual

_SHORT: Final = 64
"""Characters of a text whose time is worth remembering; all that are times are shorter."""

_LOOSE: Final = re.compile(
    r"([0-9]{4})[-/]?([0-9]{1,2})?[-/]?([0-9]{0,2})"
    rf"[Tt{re.escape(js.WHITESPACE)}]*"
    r"([0-9]{1,2})?:?([0-9]{1,2})?:?([0-9]{1,2})?[.:]?([0-9]+)?"
)
"""What the date library reads by itself, each part allowed to overflow into the next."""


def read_utc(value: object) -> int | None:
    """Return the time in ms since the epoch, None where there is none.

    A number is ms already; a text is read as UTC unless it names an offset. Digit strings are no epoch:
    ``"1700000000000"`` is in the year 1699.
    """
    if isinstance(value, str):
        return _read(value)[1]
    if type(value) is int and -LIMIT_MS <= value <= LIMIT_MS:
        return value
    if js.is_number(value):
        milliseconds = js.to_double(value)  # type: ignore[arg-type]
        return math.trunc(milliseconds) if abs(milliseconds) <= LIMIT_MS else None
    return None


def is_date_like(text: str) -> bool:
    """Return whether a date field takes the text: a time as above; a plain number is unix seconds instead."""
    is_usual, milliseconds = _read(text)
    if not is_usual:
        number = js.string_to_number(text)
        if js.number_to_string(number) == text:
            return abs(number * 1000) <= LIMIT_MS
    return milliseconds is not None


def _read(text: str) -> tuple[bool, int | None]:
    """Return whether the text is written as usual, and its time."""
    return _read_short(text) if len(text) <= _SHORT else (False, _read_unusual(text))


@lru_cache(maxsize=64)  # an event's time is checked, then read; events of one request share theirs
def _read_short(text: str) -> tuple[bool, int | None]:
    try:
        time = read_usual(text)
    except ValueError:
        return True, read_date(text)
    return (False, _read_unusual(text)) if time is None else (True, time)


def _read_unusual(text: str) -> int | None:
    if text[-1:] not in ("Z", "z"):
        match = _LOOSE.fullmatch(text)
        if match:
            return _overflowing(*match.groups())
    return read_date(text)


def _overflowing(year: str, *parts: str | None) -> int | None:
    month, day, hour, minute, second, fraction = parts
    full_year = int(year)
    return time_of(
        full_year + 1900 if full_year <= 99 else full_year,
        int(month) - 1 if month else 0,
        int(day) if day else 1,
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        # The library takes up to three digits as a whole number: ".5" is 5 ms.
        int((fraction or "0")[:3]),
    )
