"""Reading a spool's history, oldest event first and a bounded piece at a time, beside its writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from forwarder.history.filters import Filters
from forwarder.sessions.renaming import SessionNames
from forwarder.spool.api import StoredEvent
from forwarder.spool.history import Ended
from forwarder.spool.sqlite import history_rows, renamed_rows, stored_events

_LOOKED: Final = 500
"""Rows whose hashes are looked at in one read: some milliseconds, then the log may be emptied again.

Two at least, for the first one may have been looked at before."""
_HASHES: Final = "SELECT first, hashes FROM history_hash WHERE first >= ? ORDER BY first LIMIT ?"
_BEGIN: Final = "SELECT coalesce(max(first), 0) FROM history_hash WHERE first <= ?"
_ROW: Final = "SELECT events, body FROM history WHERE first = ?"
_SETTLED: Final = (
    f"SELECT body FROM settled WHERE last BETWEEN ?1 AND ?2 + {history_rows.WIDEST}"  # noqa: S608
    " AND first <= ?2 AND destination = ?3"
)


class Choice(NamedTuple):
    """The choice of events to read: those that pass the filters, with a seq up to ``upto``.

    ``outcome``: only those that ended so at ``destination``; "": however they ended.
    """

    filters: Filters
    upto: int
    outcome: str = ""
    destination: str = ""


class Slice(NamedTuple):
    """A slice of history: the chosen events in order, and the seq up to which all have been looked at."""

    events: list[StoredEvent]
    upto: int


def next_slice(
    database: sqlite3.Connection, choice: Choice, after: int, names: SessionNames | None = None
) -> Slice:
    """Return the next slice behind seq ``after``; its ``upto`` is the choice's where no event is left.

    ``names``: what tells in which session each event is, as it was read before; None: as of now.
    One short read transaction, for while it lasts SQLite's log cannot be emptied.
    """
    database.execute("BEGIN")  # an event may come from one table into the other meanwhile
    try:
        names = names or renamed_rows.names(database)
        sessions = choice.filters.sessions(names)
        found = _from_rows(database, choice, after, sessions) or _from_table(database, choice, after)
        some = [renamed_rows.named(names, one) for one in found.events if after < one.seq <= choice.upto]
        events = [one for one in some if choice.filters.match(one)]
        if choice.outcome and events:
            events = _ended_so(database, choice, events)
        return Slice(events, max(after, min(found.upto, choice.upto)))
    finally:
        database.execute("COMMIT")


def _from_rows(
    database: sqlite3.Connection, choice: Choice, after: int, sessions: Sequence[bytes]
) -> Slice | None:
    """Return the events of the next row that may hold what is chosen; None where rows hold no more.

    ``sessions``: hashes of which the row must have one, if there are any.
    """
    needles = choice.filters.needles()
    begin = database.execute(_BEGIN, (after + 1,)).fetchone()[0]
    rows = database.execute(_HASHES, (begin, _LOOKED)).fetchall()
    for first, index in rows:
        if first > choice.upto:
            return Slice([], choice.upto)
        if not all(map(index.__contains__, needles)):
            continue
        if sessions and not any(map(index.__contains__, sessions)):
            continue
        events, body = database.execute(_ROW, (first,)).fetchone()
        if first + events - 1 > after:
            return Slice(history_rows.unpack(first, body), first + events - 1)
    if len(rows) == _LOOKED and rows[-1][0] > after:
        return Slice([], rows[-1][0])
    return None


def _from_table(database: sqlite3.Connection, choice: Choice, after: int) -> Slice:
    """Return the next events that are in no row yet."""
    last, _ = history_rows.last_seq(database)
    rows = islice(stored_events.in_table(database, max(after, last)), _LOOKED)
    events = [StoredEvent(*row[:5]) for row in rows]
    return Slice(events, events[-1].seq if events else choice.upto)


def _ended_so(
    database: sqlite3.Connection, choice: Choice, events: Sequence[StoredEvent]
) -> list[StoredEvent]:
    edges = (events[0].seq, events[-1].seq, choice.destination)
    ends: list[Ended] = []
    for (body,) in database.execute(_SETTLED, edges):
        ends += [one for one in history_rows.unpack_settled(body)[0] if one.outcome == choice.outcome]
    return [event for event in events if any(one.first <= event.seq <= one.last for one in ends)]


def count(database: sqlite3.Connection, choice: Choice, older_than: int) -> tuple[int, int]:
    """Return how many events are chosen, and how many of them were received before ``older_than``, ms."""
    total = old = after = 0
    while after < choice.upto:
        events, after = next_slice(database, choice, after)
        total += len(events)
        old += sum(event.received_at < older_than for event in events)
    return total, old
