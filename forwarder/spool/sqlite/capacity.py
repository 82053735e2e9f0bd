"""Where the events of a spool file stand, and the bounds on how much may lie in it."""

from __future__ import annotations

import sqlite3

from forwarder.errors import SpoolFull
from forwarder.spool.sqlite import stored_events
from forwarder.spool.sqlite.parked import Extent, measure

RETRY_AFTER = 10
"""Seconds a sender is asked to wait when a bound is reached."""


class Capacity:
    """Read once, then kept up with every commit; what is parked is bounded with what waits.

    ``first``: the lowest seq that a destination still needs, or the next one; ``last``: the highest ever;
    ``before``, ``total``: bytes of all bodies ever, before ``first`` (or its row) and up to ``last``. The
    draft is where the file will stand after the transaction that is under way.
    """

    def __init__(self, database: sqlite3.Connection, max_events: int, max_bytes: int) -> None:
        self._database = database
        self._max_events, self._max_bytes = max_events, max_bytes
        self.last = stored_events.last_seq(database)
        self.total = stored_events.total_bytes(database)
        self.draft_last, self.draft_total = self.last, self.total
        self.first, self.before = self.look()
        self._aside = Extent(0, 0)
        self._version = 0
        self._refused = True
        self.begin()

    def begin(self) -> None:
        """A transaction begins. Where room was missing, see whether a tool for dead letters has made some."""
        self.draft_last, self.draft_total = self.last, self.total
        if not self._refused:
            return
        self._refused = False
        version = self._database.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:  # another process has written
            self._version = version
            self._aside = measure(self._database)

    def look(self) -> tuple[int, int]:
        """Return ``first`` and ``before`` as the file has them now."""
        first = stored_events.first_waiting(self._database)
        before = stored_events.bytes_before(self._database, first)
        return first, self.draft_total if before is None else before

    def add(self, last: int, total: int) -> None:
        """Let the draft grow up to seq ``last`` and ``total`` bytes. Raises SpoolFull, and it does not."""
        held = last - self.first + 1 + self._aside.events
        size = total - self.before + self._aside.bytes
        if held > self._max_events or size > self._max_bytes:
            self._refused = True
            what = f"{held} events, {size} bytes with this request"
            raise SpoolFull(f"the spool is full ({what}); deliveries must catch up first", RETRY_AFTER)
        self.draft_last, self.draft_total = last, total

    def grow_aside(self, growth: Extent) -> None:
        """So much more, or less, is parked. What a tool has parked beside us may be counted late."""
        events, size = self._aside.events + growth.events, self._aside.bytes + growth.bytes
        self._aside = Extent(max(0, events), max(0, size))
