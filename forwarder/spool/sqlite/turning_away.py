"""What ended at ingest, on its way into history: rejected events and duplicates, within bounds."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from forwarder.spool.history import TurnedAway
from forwarder.spool.sqlite import history_rows

AWAY_BYTES: Final = 32_000_000
"""Bytes kept of what ended at ingest: some hundred thousand events, and no sender can fill the disk."""
_WAITING: Final = 1_000
"""Rejected events that wait for the next transaction, a second's at most; beyond, they are counted only."""


class TurnedAwayQueue:
    """The queue of events that ended at ingest. It belongs to the writer's thread, but for ``add``."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._rejected: deque[TurnedAway] = deque()
        self._duplicates: list[TurnedAway] = []
        self._written = 0

    def __bool__(self) -> bool:
        """Return whether rejected events wait for a transaction."""
        return bool(self._rejected)

    def begin(self) -> None:
        """A transaction begins; what one wrote that came to nothing still waits."""
        self._duplicates = []
        self._written = 0

    def committed(self) -> None:
        """What was written is durable."""
        for _ in range(self._written):
            self._rejected.popleft()

    def add(self, events: Sequence[TurnedAway]) -> None:
        """Take rejected events for the next transaction. May be called from the event loop."""
        self._rejected.extend(islice(events, max(0, _WAITING - len(self._rejected))))

    def duplicate(self, source: str, message_id: str, now: int) -> None:
        """Note that an event came once more; of a transaction as many are kept as of rejected events."""
        if len(self._duplicates) < _WAITING:
            self._duplicates.append(TurnedAway(now, source, message_id, "duplicate", ""))

    def write(self) -> None:
        """Write what there is; all jobs of the transaction are done."""
        if not (self._rejected or self._duplicates):
            return
        away = list(islice(self._rejected, _WAITING))
        self._written = len(away)
        history_rows.turn_away(self._database, [*away, *self._duplicates], AWAY_BYTES)
