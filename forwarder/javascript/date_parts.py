"""The parts of a date that V8's parsers fill, and what they amount to."""

from dataclasses import dataclass, field
from typing import Final

_MOST_SECONDS: Final = 2**31 - 1
"""What V8 keeps of a zone's seconds (a small integer)."""


class Invalid(Exception):  # noqa: N818 - a step of reading, never seen outside
    """The text is no date."""


@dataclass(slots=True)
class DateParts:
    """The parts of a date that were read so far.

    ``day``: up to three numbers, in the order in which they came; ``month``: where it was named, from 1;
    ``time``: up to four numbers of the clock; ``half``: hours that AM or PM adds; ``sign``, ``zone_hour``,
    ``zone_minute``: of the zone; ``is_iso``: whether all of it was ISO 8601.
    """

    day: list[int] = field(default_factory=list)
    month: int | None = None
    time: list[int] = field(default_factory=list)
    half: int | None = None
    sign: int | None = None
    zone_hour: int | None = None
    zone_minute: int | None = None
    is_iso: bool = False

    def is_utc(self) -> bool:
        """Return whether the zone is UTC."""
        return self.zone_hour == 0 and self.zone_minute == 0

    def time_expects(self, number: int) -> bool:
        """Return whether a number can be the clock's next one."""
        return len(self.time) in (1, 2, 3) and number < (0, 60, 60, 1000)[len(self.time)]

    def finish_time(self, number: int) -> None:
        """Take a number as the clock's last one."""
        self.time = [*self.time, number, 0, 0, 0][:4]

    def set_zone(self, hours: int) -> None:
        """Take a zone that is so many hours ahead of UTC."""
        self.sign = -1 if hours < 0 else 1
        self.zone_hour, self.zone_minute = abs(hours), 0

    # Putting it together

    def date(self) -> tuple[int, int, int]:
        """Return year, month from 1, and day. Raises Invalid."""
        if not self.day:
            raise Invalid
        first, second, third = [*self.day, 1, 1][:3]
        if self.month is not None:
            month = self.month
            day, year = (first, second) if 1 <= first <= 31 else (second, first)
        elif self.is_iso or not 1 <= first <= 31:
            year, month, day = first, second, third
        else:
            month, day, year = first, second, third
        if not self.is_iso and 0 <= year <= 99:
            year += 2000 if year <= 49 else 1900
        if not (1 <= month <= 12 and 1 <= day <= 31):
            raise Invalid
        return year, month, day

    def offset(self) -> int:
        """Return the seconds the zone is ahead of UTC; V8 keeps 32 bits of them. Raises Invalid."""
        seconds = ((self.zone_hour or 0) * 3600 + (self.zone_minute or 0) * 60) % 2**32
        if seconds > _MOST_SECONDS:
            raise Invalid
        return (self.sign or 0) * seconds

    def clock(self) -> tuple[int, int, int, int]:
        """Return hour, minute, second and millisecond. Raises Invalid."""
        hour, minute, second, millisecond = [*self.time, 0, 0, 0, 0][:4]
        if self.half is not None:
            if hour > 12:
                raise Invalid
            hour = hour % 12 + self.half
        if (minute, second, millisecond) == (0, 0, 0) and hour == 24:
            return 24, 0, 0, 0
        if hour > 23 or minute > 59 or second > 59 or millisecond > 999:
            raise Invalid
        return hour, minute, second, millisecond
