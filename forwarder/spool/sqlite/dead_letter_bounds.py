"""The bounds on dead letters: their own, so that they never keep out new events."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final

from forwarder.spool.api import NewDead
from forwarder.spool.sqlite import parked
from forwarder.spool.sqlite.clock_trust import ClockTrust
from forwarder.spool.sqlite.operations import Discarded

_CLOCK: Final = "clock"
"""The note of when the clock was last believed."""
DAY_MS: Final = 86_400_000
_LOOK_MS: Final = 60_000
"""How often the age of the oldest is looked at."""
_PAGE: Final = 500
"""Most dead letters that one transaction discards by each bound."""
_DOWN_TO: Final = 0.95
"""Share of the bound that is left: measuring all of them takes a while, and is not to be done every time."""


class DeadBounds:
    """The bounds on dead letters: which have to go. It belongs to the writer's thread."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.max_bytes = 1_000_000_000
        self.max_age_ms = 30 * DAY_MS
        self._database = database
        self._bytes: int | None = None
        self._looked_at: int | None = None
        row = database.execute("SELECT value FROM note WHERE name = ?", (_CLOCK,)).fetchone()
        self._clock = ClockTrust(row[0] if row else None)
        self.believed = False
        """Whether the clock was believed when it was last looked at."""

    def due(self, added: Sequence[NewDead], now: int) -> list[Discarded]:
        """Return what is to be discarded once ``added`` are written. ``now``: ms since the epoch."""
        changes: list[Discarded] = []
        if self._looked_at is None or abs(now - self._looked_at) >= _LOOK_MS:
            self._looked_at = now
            if old := self._too_old(now):
                changes.append(Discarded(old, "age"))
                self._bytes = None
                if len(old) == _PAGE:
                    self._looked_at = None
        gone = set(changes[0].numbers) if changes else set()
        if added and self._bytes is not None:
            self._bytes += sum(map(parked.size_of, added))
        if self._bytes is None or self._bytes > self.max_bytes:
            self._bytes = parked.measure_dead(self._database)
            if large := self._above(gone):
                changes.append(Discarded(large, "size"))
        return changes

    def _too_old(self, now: int) -> list[int]:
        """Return the oldest that are beyond the age; none while the clock is not to be believed."""
        self.believed = self._clock.believes(now, time.monotonic_ns() // 1_000_000)
        if not self.believed:
            return []
        self._database.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (_CLOCK, now))
        return [number for number, died_at, _ in self._oldest() if now - died_at > self.max_age_ms]

    def _oldest(self) -> list[tuple[int, int, int]]:
        return self._database.execute(parked.OLDEST_DEAD, (_PAGE,)).fetchall()

    def _above(self, gone: set[int]) -> list[int]:
        """Return the oldest that are to go so that the rest keeps the bound; it is counted without them."""
        assert self._bytes is not None
        numbers: list[int] = []
        keep = self.max_bytes if self._bytes <= self.max_bytes else int(self.max_bytes * _DOWN_TO)
        for number, _, size in self._oldest():
            if number in gone:
                self._bytes -= size
            elif self._bytes > keep:
                self._bytes -= size
                numbers.append(number)
        return numbers
