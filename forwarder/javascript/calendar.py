"""The calendar of JavaScript's dates: parts to milliseconds, each overflowing into the next."""

from typing import Final

LIMIT_MS: Final = 8.64e15
"""JavaScript's dates end here, in both directions, in ms."""


def days_of(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar; ``month`` counts from 0."""
    year += month // 12
    month %= 12
    # Years are counted from March, so that the day of a leap year comes last.
    year -= month < 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month - 2) % 12) + 2) // 5
    leap_days = year_of_era // 4 - year_of_era // 100
    return era * 146_097 + year_of_era * 365 + leap_days + day_of_year + day - 1 - 719_468


def time_of(
    year: int, month: int, day: int, hour: int, minute: int, second: int, millisecond: int
) -> int | None:
    """Return the parts' time in ms since the epoch, None beyond what a JavaScript date can hold."""
    minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute
    milliseconds = (minutes * 60 + second) * 1000 + millisecond
    return milliseconds if abs(milliseconds) <= LIMIT_MS else None
