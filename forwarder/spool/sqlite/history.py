"""The history of a spool, written with its transactions: accepted events, as long as its bounds allow."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from forwarder.spool.history import KEEP_BYTES, KEEP_MS, TurnedAway
from forwarder.spool.sqlite import history_packing, history_rows
from forwarder.spool.sqlite.history_packing import Entries
from forwarder.spool.sqlite.history_rows import Entry
from forwarder.spool.sqlite.turning_away import TurnedAwayQueue
from forwarder.spool.suppression import FOR_EVER

_RANGE: Final = 50
"""Rows that go in one transaction: their pages are read once more to be let go of."""


class _State(NamedTuple):
    """``upto``: the highest seq in a row; ``total``: bytes of all rows ever; ``tail``: the events behind it.

    ``small``: the events of the last rows, oldest first, which are to be written again with later ones.
    """

    upto: int
    total: int
    tail: Entries = ()
    small: tuple[Entries, ...] = ()


class HistoryWriter:
    """The writer of history. It belongs to the writer's thread, but for ``turn_away``.

    An event comes into a row with others: once there are enough, or before it leaves the table of events. So
    each accepted event is in one of them, after a crash as well. ``history_packing`` says which share a row.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self.max_bytes, self.max_age_ms = KEEP_BYTES, KEEP_MS
        """Bounds on what is kept; where one of them is 0, nothing is."""
        self._database = database
        self._saved = self._state = _State(*history_rows.last_seq(database))
        self._before = self._look()
        self._away = TurnedAwayQueue(database)
        self._version: int | None = None
        self._is_current = False

    @property
    def is_on(self) -> bool:
        """Whether history is kept."""
        return self.max_bytes > 0 and self.max_age_ms > 0

    @property
    def bytes(self) -> int:
        """Bytes of what is kept."""
        return self._state.total - self._before

    # -- a transaction

    def begin(self) -> None:
        """A transaction begins; what one did that came to nothing is undone."""
        if self._state is not self._saved:
            self._state, self._version = self._saved, None
            self._before = self._look()
        self._away.begin()
        self._is_current = False

    def committed(self) -> None:
        """What was written is durable."""
        self._saved = self._state
        self._away.committed()

    def restart(self) -> None:
        """Read anew what was in memory: the rows are other ones now."""
        self._state = _State(*history_rows.last_seq(self._database))
        self._before = self._look()

    def _refresh(self) -> None:
        """Once in a transaction: see whether another process, which removed a user's events, has written."""
        if not self._is_current:
            self._is_current = True
            version = self._database.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                self._version = version
                self.restart()

    # -- events

    def add(self, entries: Sequence[Entry]) -> None:
        """Take accepted events, which are in the table of events by now."""
        if not self.is_on:
            return
        self._refresh()
        tail = self._state.tail
        follows = (tail[-1][0][0] if tail else self._state.upto) + 1 == entries[0][0][0]
        if tail and not follows:
            self._write(everything=True)
        # Not all are in memory after a start, and where events waited before there was history.
        tail = (*tail, *entries) if follows else self._read()
        self._state = self._state._replace(tail=tail)
        if tail and history_packing.is_full(tail):
            self._write(everything=False)

    def complete(self, upto: int) -> None:
        """See that all events up to this seq are in rows: they are about to leave the table of events."""
        if not self.is_on:
            return
        self._refresh()
        while self._state.upto < upto:
            if not self._state.tail:
                self._state = self._state._replace(tail=self._read())
                if not self._state.tail:
                    return
            self._write(everything=True)

    def _read(self) -> Entries:
        rows = history_rows.read_waiting(self._database, self._state.upto, 2 * history_packing.ROW_EVENTS)
        return tuple((row, None, None) for row in rows)

    def _write(self, *, everything: bool) -> None:
        """Write the tail as rows, with small ones before it; the last if it is full, or ``everything``."""
        _, total, tail, small = self._state
        kept, events = history_packing.combined(small, tail)
        if len(events) > len(tail):
            total -= history_rows.remove_from(self._database, events[0][0][0])
        rows = history_packing.rows_of(events)
        left = () if everything or history_packing.is_full(rows[-1]) else rows.pop()
        for row in rows:
            total += history_rows.insert(self._database, row, total)
        last = rows[-1]
        kept = () if history_packing.is_full(last) else (*kept, last)
        self._state = _State(last[-1][0][0], total, left, kept)
        if self.bytes > self.max_bytes:
            self._remove_beyond(total - self.max_bytes)

    def note_settled(self, size: int) -> None:
        """Count bytes of what became of events."""
        self._state = self._state._replace(total=self._state.total + size)

    # -- bounds

    def _look(self) -> int:
        """Return the bytes of all rows that are no more."""
        row = self._database.execute(
            "SELECT h.total - length(h.body) - length(x.hashes)"
            " FROM history h JOIN history_hash x USING (first) ORDER BY first LIMIT 1"
        ).fetchone()
        return int(row[0]) if row else self._state.total

    def _remove_beyond(self, total: int) -> None:
        """Remove the oldest rows, all that begin within the first ``total`` bytes that ever were written."""
        rows = self._database.execute(
            "SELECT first, total FROM history ORDER BY first LIMIT ?", (_RANGE,)
        ).fetchall()
        gone = [first for (first, _), (_, before) in zip(rows[1:], rows, strict=False) if before < total]
        self._remove([rows[0][0], *gone][-1])

    def give_way(self) -> None:
        """Remove the oldest rows, a range: the disk is short of room."""
        self._refresh()
        oldest = self._database.execute("SELECT first FROM history ORDER BY first LIMIT ?", (_RANGE,))
        if rows := oldest.fetchall():
            self._remove(rows[-1][0])

    def _remove(self, first: int) -> None:
        history_rows.remove_upto(self._database, first)
        small = tuple(row for row in self._state.small if row[0][0][0] > first)
        self._state = self._state._replace(small=small)
        self._before = self._look()

    def expire(self, now: int, *, believed: bool) -> bool:
        """Remove a range of rows beyond the bounds; return whether there may be more.

        ``now``: ms since the epoch; ``believed``: whether the clock may make anything old.
        """
        self._refresh()
        limit = now - self.max_age_ms if believed else 0
        if not self.is_on:
            limit = FOR_EVER
            self._database.execute("DELETE FROM settled")
        self._database.execute("DELETE FROM turned_away WHERE at < ?", (limit,))
        oldest = self._database.execute("SELECT first, at FROM history ORDER BY first LIMIT ?", (_RANGE,))
        gone = list(takewhile(lambda row: row[1] < limit, oldest.fetchall()))
        if gone:
            self._remove(gone[-1][0])
        elif self.bytes > self.max_bytes:
            self._remove_beyond(self._state.total - self.max_bytes)
            return self.bytes > self.max_bytes
        return len(gone) == _RANGE

    # -- what ended at ingest

    def turn_away(self, events: Sequence[TurnedAway]) -> None:
        """Have rejected events written with the next transaction. May be called from the event loop."""
        if self.is_on:
            self._away.add(events)

    @property
    def has_turned_away(self) -> bool:
        """Whether some wait for a transaction."""
        return bool(self._away)

    def duplicate(self, source: str, message_id: str, now: int) -> None:
        """Note that an event came once more."""
        if self.is_on:
            self._away.duplicate(source, message_id, now)

    def finish(self) -> None:
        """Write what ended at ingest; all jobs of the transaction are done."""
        self._away.write()
