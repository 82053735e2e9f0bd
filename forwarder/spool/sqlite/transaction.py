"""Events on their way into the file: each once, numbered, and only as long as there is room."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Protocol

from forwarder.errors import SpoolFull
from forwarder.spool.api import NewEvent
from forwarder.spool.sqlite.capacity import Capacity
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.disk import Disk
from forwarder.spool.sqlite.operations import Appended, Operation, Row, insert


class Replicator(Protocol):
    """What keeps a transaction's changes elsewhere as well; in the writer's thread."""

    def begin(self, database: sqlite3.Connection) -> None:
        """A transaction is about to begin. Raises SpoolError where nothing may be written any more."""

    def keep(self, changes: Sequence[Operation[object]]) -> None:
        """Return once they are kept; the transaction is committed then. Raises SpoolError, and it is not."""

    def committed(self) -> None:
        """The transaction is committed here, too."""


class WriteTransaction:
    """The transaction under way, to be used in the writer's thread; see ``writer.Steps``."""

    def __init__(
        self,
        database: sqlite3.Connection,
        dedup: DedupIndex | None,
        capacity: Capacity,
        disk: Disk,
        replicator: Replicator | None = None,
    ) -> None:
        """``dedup``: None where nothing is accepted, in a tool."""
        self._database = database
        self._dedup = dedup
        self._capacity = capacity
        self._disk = disk
        self._replicator = replicator
        self._changes: list[Operation[object]] = []
        self._marks: set[int] = set()
        self._rows: list[Row] = []
        self._written = 0
        if dedup is not None:
            self._remember(dedup)

    def _remember(self, dedup: DedupIndex) -> None:
        """Mark the last events as seen: a crash may have taken their marks, those further back were safe."""
        rows = self._database.execute(
            "SELECT at, source, message_id FROM event ORDER BY seq DESC LIMIT 10000"
        ).fetchall()
        if rows:
            dedup.add([dedup.fingerprint(source, name) for _, source, name in rows], rows[0][0])

    def begin(self) -> None:
        """See ``writer.Steps``."""
        self._marks, self._rows, self._written = set(), [], 0
        self._changes = []
        self._capacity.begin()
        self._disk.begin()
        if self._dedup is not None:
            self._dedup.check()
        if self._replicator is not None:
            self._replicator.begin(self._database)

    def note(self, change: Operation[object]) -> None:
        """A change is written in this transaction."""
        if self._replicator is not None:
            self._changes.append(change)

    def add(self, events: Sequence[NewEvent], marks: Sequence[int], now: int) -> list[bool]:
        """Let events in, those that are new; tell which. Raises SpoolFull, and then lets none in."""
        dedup, capacity = self._dedup, self._capacity
        assert dedup is not None
        dedup.expire(now)
        answers, rows, new = [], [], []
        pending = self._marks
        seq, total = capacity.draft_last, capacity.draft_total
        for event, mark in zip(events, marks, strict=True):
            is_new = mark not in pending and not dedup.has(mark, event.source, event.message_id)
            answers.append(is_new)
            if is_new:
                seq += 1
                total += len(event.body)
                pending.add(mark)
                new.append(mark)
                rows.append((seq, now, event.source, event.message_id, event.body, total))
        if rows:
            try:
                self._disk.take(total - capacity.draft_total)
                capacity.add(seq, total)
            except SpoolFull:
                pending.difference_update(new)
                raise
            self._rows += rows
        return answers

    def write(self) -> None:
        """Write what was let in; to be done before others look at the table."""
        insert(self._database, self._rows[self._written :])
        self._written = len(self._rows)

    def finish(self) -> None:
        """See ``writer.Steps``."""
        if self._written < len(self._rows):
            self.write()
        if self._replicator is None:
            return
        if self._rows:
            self._changes.append(Appended(self._rows))
        if self._changes:
            self._replicator.keep(self._changes)

    def committed(self) -> list[Row]:
        """See ``writer.Steps``."""
        if self._replicator is not None:
            self._replicator.committed()
        if not self._rows:
            return []
        assert self._dedup is not None
        self._capacity.last, self._capacity.total = self._capacity.draft_last, self._capacity.draft_total
        self._dedup.add(self._marks, self._rows[-1][1])
        return self._rows

    def relieve(self) -> None:
        """See ``writer.Steps``."""
        self._disk.empty_log()
