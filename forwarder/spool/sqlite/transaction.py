"""Events on their way into the file: each once, numbered, and only as long as there is room."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from typing_extensions import override

from forwarder.errors import SpoolFull
from forwarder.sessions.book import SessionBook
from forwarder.sessions.facts import SessionFacts, SessionRules
from forwarder.sessions.stamp import MOST_BYTES
from forwarder.spool.api import NewEvent
from forwarder.spool.sqlite import stored_events
from forwarder.spool.sqlite.capacity import Capacity
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.disk import Disk
from forwarder.spool.sqlite.group_commit import TransactionHooks
from forwarder.spool.sqlite.history import HistoryWriter
from forwarder.spool.sqlite.operations import Appended, Operation, Row, insert
from forwarder.spool.sqlite.session_writer import SessionWriter


class Replicator(Protocol):
    """The replicator of a transaction's changes; it runs in the writer's thread."""

    def begin(self, database: sqlite3.Connection) -> None:
        """A transaction is about to begin. Raises SpoolError where nothing may be written any more."""

    def keep(self, changes: Sequence[Operation[object]]) -> None:
        """Return once they are kept; the transaction is committed then. Raises SpoolError, and it is not."""

    def committed(self) -> None:
        """The transaction is committed here, too."""


_REMEMBERED: Final = 10_000
"""Events whose marks a crash may have taken; those of earlier ones are safe by then."""


class EndsRefusedError(Exception):
    """There is no room for Session Ended events: the whole transaction is undone, and the sessions go on.

    No ForwarderError: one that is raised by a job says that the job has changed nothing.
    """


class _Draft:
    """The draft of one transaction: what it has let in and changed so far.

    ``written``: events that are in a table; ``facts`` and ``sessions``: of each event, what the session
    rules were asked and which one it was given.
    """

    __slots__ = ("changes", "facts", "marks", "rows", "sessions", "written")

    def __init__(self) -> None:
        self.changes: list[Operation[object]] = []
        self.marks: set[int] = set()
        self.rows: list[Row] = []
        self.facts: list[SessionFacts | None] = []
        self.sessions: list[int | None] = []
        self.written = 0


class WriteTransaction(TransactionHooks[Row]):
    """The transaction under way. It belongs to the writer's thread."""

    def __init__(
        self,
        database: sqlite3.Connection,
        dedup: DedupIndex | None,
        capacity: Capacity,
        disk: Disk,
        replicator: Replicator | None = None,
        sessions: SessionBook | None = None,
    ) -> None:
        """``dedup``, ``sessions``: None where nothing is accepted, in a tool."""
        self._database = database
        self.dedup = dedup
        self._capacity = capacity
        self._disk = disk
        self._replicator = replicator
        self._draft = _Draft()
        self.history = HistoryWriter(database)
        self.sessions = (
            None if sessions is None else SessionWriter(database, sessions, capacity.last, capacity.first)
        )
        if dedup is not None:
            self._remember(dedup)

    def _remember(self, dedup: DedupIndex) -> None:
        """Mark the last events as seen: a crash may have taken their marks, those further back were safe."""
        rows = list(stored_events.events(self._database, self._capacity.last - _REMEMBERED))
        if rows:
            dedup.add([dedup.fingerprint(row[2], row[3]) for row in rows], rows[-1][1])

    @override
    def begin(self) -> None:
        self._draft = _Draft()
        self.history.begin()
        if self.sessions is not None:
            self.sessions.begin()
        self._capacity.begin()
        self._disk.begin()
        if self.dedup is not None:
            self.dedup.check()
        if self._replicator is not None:
            self._replicator.begin(self._database)

    def note(self, change: Operation[object]) -> None:
        """A change is written in this transaction."""
        if self._replicator is not None:
            self._draft.changes.append(change)

    def add(self, events: Sequence[NewEvent], marks: Sequence[int], now: int) -> list[bool]:
        """Let events in, those that are new; tell which. Raises SpoolFull, and then lets none in."""
        dedup, capacity = self.dedup, self._capacity
        assert dedup is not None
        dedup.expire(now)
        answers, new, kept = [], [], []
        draft = self._draft
        pending = draft.marks
        seq, total = capacity.draft_last, capacity.draft_total
        most = total
        for event, mark in zip(events, marks, strict=True):
            is_new = mark not in pending and not dedup.has(mark, event.source, event.message_id)
            answers.append(is_new)
            if is_new:
                most += len(event.body)
                if event.session is not None:
                    most += len(event.session.opening) + MOST_BYTES
                pending.add(mark)
                new.append(mark)
                kept.append(event)
            else:
                self.history.duplicate(event.source, event.message_id, now)
        if kept:
            try:
                self._disk.take(most - total)
                capacity.add(seq + len(kept), most)
            except SpoolFull:
                pending.difference_update(new)
                raise
            for event, body in zip(kept, self._bodies(kept, now, seq), strict=True):
                seq += 1
                total += len(body)
                draft.rows.append((seq, now, event.source, event.message_id, body, total))
            capacity.draft_total = total
        return answers

    def _bodies(self, events: Sequence[NewEvent], now: int, seq: int) -> list[bytes]:
        """Return the events' bodies, with the session of each that is given one here; ``seq``: the last."""
        bodies = [event.body for event in events]
        facts = [event.session for event in events]
        given: list[int | None] = [None] * len(events)
        if self.sessions is not None and any(facts):
            bodies, given = self.sessions.assign(facts, bodies, now, seq)
        self._draft.facts += facts
        self._draft.sessions += given
        return bodies

    def write(self) -> None:
        """Write what was let in; to be done before others look at the tables."""
        draft, new = self._draft, slice(self._draft.written, None)
        if draft.written == len(draft.rows):
            return
        rows = draft.rows[new]
        upto = self.history.add(list(zip(rows, draft.facts[new], draft.sessions[new], strict=True)))
        insert(self._database, rows[max(0, upto - rows[0][0] + 1) :])
        draft.written = len(draft.rows)

    @override
    def finish(self) -> None:
        self.write()
        self.history.finish()
        if self.dedup is not None and self._disk.is_short:
            self.history.give_way()
        if self.sessions is not None:
            self._do(self.sessions.changes())
        if self._replicator is None:
            return
        draft = self._draft
        if draft.rows:
            draft.changes.append(Appended(draft.rows))
        if draft.changes:
            self._replicator.keep(draft.changes)

    def _do(self, changes: Sequence[Operation[object]]) -> None:
        for change in changes:
            self.note(change)
            change.apply(self._database)

    def end_sessions(self, rules: Mapping[str, SessionRules], now: int, since: int) -> int:
        """Let the ends of sessions that nobody continued in; return how many. Raises EndsRefusedError."""
        sessions, dedup = self.sessions, self.dedup
        assert sessions is not None
        assert dedup is not None
        events = sessions.ends(rules, now, since)
        marks = [dedup.fingerprint(event.source, event.message_id) for event in events]
        try:
            return sum(self.add(events, marks, now))
        except SpoolFull as error:
            raise EndsRefusedError(str(error)) from None

    def forget_sessions(self, is_deleted: Callable[[str], bool]) -> None:
        """Forget devices of deleted users. ``is_deleted``: tells by a user's id."""
        if self.sessions is not None:
            self._do(self.sessions.forget(is_deleted))

    @override
    def committed(self) -> list[Row]:
        if self._replicator is not None:
            self._replicator.committed()
        if self.sessions is not None:
            self.sessions.book.committed(self._capacity.first)
        self.history.committed()
        rows = self._draft.rows
        if not rows:
            return []
        assert self.dedup is not None
        self._capacity.last, self._capacity.total = self._capacity.draft_last, self._capacity.draft_total
        self.dedup.add(self._draft.marks, rows[-1][1])
        return rows

    @override
    def rolled_back(self) -> None:
        if self.sessions is not None:
            self.sessions.begin()

    @override
    def relieve(self) -> None:
        self._disk.empty_log()
