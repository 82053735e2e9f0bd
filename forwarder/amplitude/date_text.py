"""Date texts as V8, JavaScript's engine in Node and Chrome, reads them: ISO 8601, else its lenient rules."""

import re
from typing import Final

LIMIT_MS: Final = 8.64e15
"""JavaScript's dates end here, in both directions, in milliseconds."""

_ISO: Final = re.compile(
    r"([0-9]{4}|\+[0-9]{6}|-(?!000000)[0-9]{6})(?:-([0-9]{2})(?:-([0-9]{2}))?)?"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(?:(Z)|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date; ``month`` counts from 0; both overflow into the next."""
    year += month // 12
    month %= 12
    shifted = year - (month < 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month - 2) % 12) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468 + day - 1


def milliseconds_of(
    year: int, month: int, day: int, hour: int, minute: int, second: int, millisecond: int
) -> int | None:
    """Return ``Date.UTC`` of the parts (``month`` from 0, years 0 to 99 are 1900 on), None out of range."""
    if 0 <= year <= 99:
        year += 1900
    seconds = (days_from_civil(year, month, day) * 24 + hour) * 3600 + minute * 60 + second
    milliseconds = seconds * 1000 + millisecond
    return milliseconds if abs(milliseconds) <= LIMIT_MS else None


def read_date(text: str) -> int | None:
    """Return the time in ms since the epoch, None where V8 finds none. The local zone is UTC."""
    match = _ISO.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    seconds = (
        (days_from_civil(int(year), int(month or 1) - 1, int(day or 1)) * 24 + int(hour or 0)) * 3600
        + int(minute or 0) * 60
        + int(second or 0)
    )
    if sign:
        seconds -= (1 if sign == "+" else -1) * (int(hours) * 3600 + int(minutes) * 60)
    milliseconds = seconds * 1000 + int(((fraction or "0") + "00")[:3])
    return milliseconds if abs(milliseconds) <= LIMIT_MS else None
