"""Times as the reference reads them: its date library's own pattern first, then JavaScript's date parser."""

import math
import re
from typing import Final

from forwarder import js
from forwarder.amplitude.date_text import LIMIT_MS, milliseconds_of, read_date

_SPACE = "[Tt" + re.escape(js.WHITESPACE) + "]*"
_LOOSE: Final = re.compile(
    r"([0-9]{4})[-/]?([0-9]{1,2})?[-/]?([0-9]{0,2})"
    + _SPACE
    + r"([0-9]{1,2})?:?([0-9]{1,2})?:?([0-9]{1,2})?[.:]?([0-9]+)?"
)
"""What the date library reads by itself, part by part, each allowed to overflow into the next."""


def read_utc(value: object) -> int | None:
    """Return the time in ms since the epoch, None where there is none.

    A number is ms already; a text is read as UTC unless it names an offset. Digit strings are no epoch:
    ``"1700000000000"`` is the year 1700.
    """
    if isinstance(value, str):
        return _read_text(value)
    if js.is_number(value):
        milliseconds = js.to_double(value)  # type: ignore[arg-type]
        return math.trunc(milliseconds) if abs(milliseconds) <= LIMIT_MS else None
    return None


def _read_text(text: str) -> int | None:
    if text[-1:] not in ("Z", "z"):
        match = _LOOSE.fullmatch(text)
        if match:
            year, month, day, hour, minute, second, fraction = match.groups()
            return milliseconds_of(
                int(year),
                int(month) - 1 if month else 0,
                int(day) if day else 1,
                int(hour or 0),
                int(minute or 0),
                int(second or 0),
                # The library takes up to three digits as a whole number: ".5" is 5 ms.
                int((fraction or "0")[:3]),
            )
    return read_date(text)


def is_date_like(text: str) -> bool:
    """Return whether a date field takes this text: a time as above, or digits that are unix seconds."""
    if _read_text(text) is not None:
        return True
    number = js.string_to_number(text)
    return js.number_to_string(number) == text and abs(number * 1000) <= LIMIT_MS
