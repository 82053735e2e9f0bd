"""Whether the clock may be believed where it says that something has grown old."""

from __future__ import annotations

from typing import Final

HOUR_MS: Final = 3_600_000
LEAP_MS: Final = HOUR_MS
"""By how much the clock may differ from the time that has passed, between two looks."""
AWAY_MS: Final = 24 * HOUR_MS
"""How long nobody may have looked: who was away for longer does not know how long it was."""
PROBATION_MS: Final = 6 * HOUR_MS
"""How long a clock that has leapt has to go on evenly before it is believed again."""


class ClockTrust:
    """Compares a clock with the time that passes by itself.

    A clock that is wrong for an hour, as after a start without network, must not make anything old.
    """

    def __init__(self, last: int | None) -> None:
        """``last``: when it was last believed, ms since the epoch, from an earlier life; None: never."""
        self._wall = last
        self._passed: int | None = None
        self._leapt_at: int | None = None

    def believes(self, now: int, passed: int) -> bool:
        """Return whether the clock may be believed.

        ``now``: what it says, ms since the epoch; ``passed``: ms by a clock that nobody sets.
        """
        if self._leaps(now, passed):
            self._leapt_at = passed
        self._wall, self._passed = now, passed
        if self._leapt_at is not None and passed - self._leapt_at < PROBATION_MS:
            return False
        self._leapt_at = None
        return True

    def _leaps(self, now: int, passed: int) -> bool:
        if self._wall is None:
            return True
        if self._passed is None:
            return not -LEAP_MS <= now - self._wall <= AWAY_MS
        return abs((now - self._wall) - (passed - self._passed)) > LEAP_MS
