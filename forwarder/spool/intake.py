"""Events on their way into the file: each once, numbered, and only as long as there is room."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain

from forwarder.errors import SpoolFull
from forwarder.spool.backlog import Backlog
from forwarder.spool.disk import Disk
from forwarder.spool.interface import NewEvent
from forwarder.spool.seen import Seen, fingerprint

Row = tuple[int, int, str, str, bytes, int]
"""An event as the table has it: what ``Spooled`` has, and bytes of all bodies so far."""
_INSERT = "INSERT INTO event (seq, at, source, message_id, body, total) VALUES "
_ROW = "(?,?,?,?,?,?)"
_TOGETHER = 50
"""Rows in one statement: at each, this thread hands Python's lock to the loop's and waits to have it back."""
_ONE, _MANY = _INSERT + _ROW, _INSERT + ",".join([_ROW] * _TOGETHER)


class Intake:
    """The transaction under way, to be used in the writer's thread; see ``writer.Steps``."""

    def __init__(self, database: sqlite3.Connection, seen: Seen | None, backlog: Backlog, disk: Disk) -> None:
        """``seen``: None where nothing is accepted, in a tool."""
        self._database = database
        self._seen = seen
        self._backlog = backlog
        self._disk = disk
        self._marks: set[int] = set()
        self._rows: list[Row] = []
        self._written = 0
        if seen is not None:
            self._remember(seen)

    def _remember(self, seen: Seen) -> None:
        """Mark the last events as seen: a crash may have taken their marks, those further back were safe."""
        rows = self._database.execute(
            "SELECT at, source, message_id FROM event ORDER BY seq DESC LIMIT 10000"
        ).fetchall()
        if rows:
            seen.add([fingerprint(source, name) for _, source, name in rows], rows[0][0])

    def begin(self) -> None:
        """See ``writer.Steps``."""
        self._marks, self._rows, self._written = set(), [], 0
        self._backlog.begin()
        self._disk.begin()

    def add(self, events: Sequence[NewEvent], marks: Sequence[int], now: int) -> list[bool]:
        """Let events in, those that are new; tell which. Raises SpoolFull, and then lets none in."""
        seen, backlog = self._seen, self._backlog
        assert seen is not None
        seen.expire(now)
        answers, rows, new = [], [], []
        pending = self._marks
        seq, total = backlog.draft_last, backlog.draft_total
        for event, mark in zip(events, marks, strict=True):
            fresh = mark not in pending and not seen.has(mark)
            answers.append(fresh)
            if fresh:
                seq += 1
                total += len(event.body)
                pending.add(mark)
                new.append(mark)
                rows.append((seq, now, event.source, event.message_id, event.body, total))
        if rows:
            try:
                self._disk.take(total - backlog.draft_total)
                backlog.add(seq, total)
            except SpoolFull:
                pending.difference_update(new)
                raise
            self._rows += rows
        return answers

    def write(self) -> None:
        """Write what was let in; to be done before others look at the table."""
        rows, at = self._rows, self._written
        while len(rows) - at >= _TOGETHER:
            self._database.execute(_MANY, tuple(chain.from_iterable(rows[at : at + _TOGETHER])))
            at += _TOGETHER
        self._database.executemany(_ONE, rows[at:])
        self._written = len(self._rows)

    def finish(self) -> None:
        """See ``writer.Steps``."""
        if self._written < len(self._rows):
            self.write()

    def committed(self) -> list[Row]:
        """See ``writer.Steps``."""
        if not self._rows:
            return []
        assert self._seen is not None
        self._backlog.last, self._backlog.total = self._backlog.draft_last, self._backlog.draft_total
        self._seen.add(self._marks, self._rows[-1][1])
        return self._rows

    def relieve(self) -> None:
        """See ``writer.Steps``."""
        self._disk.empty_log()
