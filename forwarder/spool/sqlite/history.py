"""The history of a spool, written with its transactions: accepted events, as long as its bounds allow."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from forwarder.spool.history import KEEP_BYTES, KEEP_MS, TurnedAway
from forwarder.spool.sqlite import history_bounds, history_packing, history_rows, stored_events
from forwarder.spool.sqlite.history_packing import Entries
from forwarder.spool.sqlite.history_rows import Entry
from forwarder.spool.sqlite.turning_away import TurnedAwayQueue
from forwarder.spool.suppression import FOR_EVER

_STEP: Final = 2 * history_packing.ROW_EVENTS
"""Events that come out of their table into rows in one transaction."""


class _State(NamedTuple):
    """``upto``: the highest seq in a row; ``total``: bytes of all rows ever; ``tail``: events behind it."""

    upto: int
    total: int
    tail: Entries = ()


class HistoryWriter:
    """The writer of history. It belongs to the writer's thread, but for ``turn_away``.

    Events come into a row together once there are enough, whether they still wait or not: at once, or out of
    the table of events, which holds the latest. So each accepted event is in one of both, after a crash as
    well. Rows with events that wait never go. ``history_packing`` says which events share a row.
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

    def add(self, entries: Sequence[Entry]) -> int:
        """Take accepted events, which are not in their table yet; return the seq up to which all are in rows.

        Where nobody has said which destinations there are, or history is off, none comes into a row.
        """
        if not self._takes_events():
            return 0
        self._refresh()
        tail = self._state.tail
        if (tail[-1][0][0] if tail else self._state.upto) + 1 != entries[0][0][0]:
            # Not all are in memory after a start, and where events waited before there was history.
            tail, _ = self._read()
            if tail and tail[-1][0][0] + 1 != entries[0][0][0]:
                self._state = self._state._replace(tail=())
                self.fill()
                return self._state.upto
        self._take((*tail, *entries))
        return self._state.upto

    def _takes_events(self) -> bool:
        return self.is_on and stored_events.lowest_cursor(self._database) >= 0

    def fill(self) -> bool:
        """Have events of the table come into rows, those of one step; return whether there may be more."""
        if self._state.tail or not self._takes_events():
            return False
        before = self._state.upto
        tail, is_cut_off = self._read()
        self._take(tail, everything=is_cut_off)
        if self._state.upto == before:
            return False
        self._state = self._state._replace(tail=())  # there may be others behind it
        return True

    def _read(self) -> tuple[Entries, bool]:
        """Return the events of the table that are in no row, those of a step; and whether a gap ends them."""
        rows = list(islice(stored_events.in_table(self._database, self._state.upto), _STEP))
        first = rows[0][0] if rows else 0
        some = tuple(row for number, row in enumerate(rows, first) if row[0] == number)
        return tuple((row, None, None) for row in some), len(some) < len(rows)

    def _take(self, tail: Entries, *, everything: bool = False) -> None:
        """Let these be the tail, and write of it what fills rows, or ``everything``."""
        rows, left = history_packing.rows_of(tail)
        if everything and left:
            rows, left = [*rows, left], ()
        upto, total = self._state.upto, self._state.total
        for row in rows:
            total += history_rows.insert(self._database, row, total)
            upto = row[-1][0][0]
        if rows:
            self._database.execute("DELETE FROM event WHERE seq <= ?", (upto,))
            stored_events.note_last(self._database, upto)
        self._state = _State(upto, total, left)
        if rows:
            self._keep_bytes()

    def let_go(self, most: int) -> bool:
        """Have events that no destination needs leave their table; return whether there are more.

        ``most``: events that may go in one transaction. Where history is on, the latest stay, until they come
        into a row together; where ``most`` are too few to write rows, on a full disk, history gives way.
        """
        self._refresh()
        if self.is_on and most >= _STEP:
            self.fill()
            self._keep_bytes()
            return False
        ended = stored_events.lowest_cursor(self._database)
        first = stored_events.first_in_table(self._database)
        if first is None or first > ended:
            return False
        upto = min(ended, first - 1 + most)
        self._database.execute("DELETE FROM event WHERE seq <= ?", (upto,))
        self._state = self._state._replace(tail=())
        return upto < ended

    def note_settled(self, size: int) -> None:
        """Count bytes of what became of events."""
        self._state = self._state._replace(total=self._state.total + size)

    # -- bounds

    def _look(self) -> int:
        """Return the bytes of all rows that are no more."""
        gone = history_bounds.bytes_gone(self._database)
        return self._state.total if gone is None else gone

    def _keep_bytes(self) -> bool:
        """Remove the oldest rows beyond ``max_bytes``, a range; return whether there may be more."""
        most = self._state.total - self.max_bytes
        if self._before >= most or not history_bounds.remove_beyond(self._database, self._before, most):
            return False
        self._before = self._look()
        return self.bytes > self.max_bytes

    def give_way(self) -> None:
        """Remove the oldest rows, a range: the disk is short of room."""
        history_bounds.remove_range(self._database)
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
        if history_bounds.expire(self._database, limit):
            self._before = self._look()
            return True
        if self._keep_bytes():
            return True
        if history_bounds.expire_table(self._database, limit):
            self.restart()
            return True
        return False

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
