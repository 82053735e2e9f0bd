"""The forms in which libraries and languages write a time. What is in none of them is no time.

Guessing is worse than the arrival time: a lenient parser reads the digits of a timestamp as the year 1763.
Only forms that cannot mean two things are here, so ``01/02/2024`` is not.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from forwarder.javascript.dates import read_date
from forwarder.javascript.usual_dates import EPOCH, whole_milliseconds

LONGEST: Final = 100
"""Characters of a text that can be a time."""
_CLOCK: Final = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?)?"
_ZONE: Final = (
    # A name alone says too little: CST is in America, in China and on Cuba.
    r"(?:\ *(?=(?:Z|UTC?|GMT)(?![A-Z])|[+-]\d)(?:Z|UTC?|GMT)?"
    r"\ *(?:(?P<sign>[+-])(?P<ahead>\d{2})(?::?(?P<minutes>\d{2})(?::?00)?)?)?"
    # Go adds the zone's name and its monotonic clock, Java the zone's place, JavaScript a description.
    r"(?:\ *(?:[A-Z]{1,5}|[+-]\d{2,4}|\[[\w/+-]+\]|\([^()]*\)))?(?:\ m=[+-][\d.]+)?)?"
)
_SEPARATED: Final = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})"
    rf"(?:(?:T|\ +){_CLOCK}{_ZONE})?",
    re.ASCII | re.IGNORECASE,
)
_BASIC: Final = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    rf"(?:[T ]?(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?P<second>\d{{2}})(?:[.,](?P<fraction>\d+))?{_ZONE})?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH_NUMBER: Final = re.compile(r"(?P<whole>\d{10}|\d{13}|\d{16}|\d{19})(?P<fraction>\.\d*)?", re.ASCII)
_UNITS: Final = {10: 1_000, 13: 1, 16: -1_000, 19: -1_000_000}
"""Milliseconds in one, by the digits of today's number; negative: how many make a millisecond."""
_MONTH: Final = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
_DAY: Final = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\ +)?"
_NAMED_CLOCK: Final = r"\d{1,2}:\d{2}(?::\d{2})?"
_NAMED: Final = re.compile(
    # RFC 2822, 850 and HTTP; JavaScript's Date; Unix, Ruby and Java.
    rf"{_DAY}\d{{1,2}}[ -]{_MONTH}[ -]\d{{4}}\ {_NAMED_CLOCK}{_ZONE}"
    rf"|{_DAY}{_MONTH}\ +\d{{1,2}}\ \d{{4}}\ {_NAMED_CLOCK}{_ZONE.replace('P<', 'P<js_')}"
    rf"|{_DAY}{_MONTH}\ +\d{{1,2}}\ {_NAMED_CLOCK}\ (?:(?:UTC|GMT|Z|[ECMP][DS]T|[+-]\d{{4}})\ )?\d{{4}}",
    re.ASCII | re.IGNORECASE,
)


def read_text_time(text: str) -> int | None:
    """Return the time in ms since the epoch, None for what is none or might mean two; no zone means UTC."""
    text = text.strip() if len(text) <= LONGEST else ""
    for pattern, read in _FORMS:
        match = pattern.fullmatch(text)
        if match:
            return read(match)
    return None


def _read_parts(match: re.Match[str]) -> int | None:
    part = match.groupdict()
    hour, second = int(part["hour"] or 0), int(part["second"] or 0)
    # ISO 8601 ends a day at 24:00:00 and has leap seconds, which Python's own times have not.
    extra = timedelta(days=hour == 24, seconds=second == 60)
    if hour == 24 and (int(part["minute"]) or second):
        return None
    try:
        time = datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            0 if hour == 24 else hour,
            int(part["minute"] or 0),
            59 if second == 60 else second,
            int((part["fraction"] or "0")[:3].ljust(3, "0")) * 1_000,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    offset = _read_offset(part)
    # Differences only: by its zone, a time near the calendar's ends may lie outside of it.
    return None if offset is None else whole_milliseconds(time - EPOCH + extra - offset)


def _read_offset(part: dict[str, str | None]) -> timedelta | None:
    """Return how far a zone is ahead of UTC, None for what no zone is."""
    ahead, minutes = int(part["ahead"] or 0), int(part["minutes"] or 0)
    if ahead > 23 or minutes > 59:
        return None
    return timedelta(hours=ahead, minutes=minutes) * (-1 if part["sign"] == "-" else 1)


def _read_number(match: re.Match[str]) -> int:
    whole, unit = int(match["whole"]), _UNITS[len(match["whole"])]
    if unit < 0:
        return whole // -unit
    thousandths = int(((match["fraction"] or ".")[1:] + "000")[:3]) if unit > 1 else 0
    return whole * unit + thousandths


def _read_named(match: re.Match[str]) -> int | None:
    return read_date(match[0])


_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], int | None]], ...]] = (
    (_SEPARATED, _read_parts),
    (_EPOCH_NUMBER, _read_number),
    (_BASIC, _read_parts),
    (_NAMED, _read_named),
)
