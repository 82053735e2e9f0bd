"""Accepted events, in order, wherever they lie: many in a row of history, or the latest in their table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from forwarder.spool.sqlite import history_rows
from forwarder.spool.sqlite.history_rows import Row

_ROW_OF: Final = "SELECT coalesce(max(first), 0) FROM history WHERE first <= ?"
_ROWS: Final = "SELECT first, events, body, bodies FROM history WHERE first >= ? ORDER BY first"
_TABLE: Final = "SELECT seq, at, source, message_id, body, total FROM event WHERE seq > ? ORDER BY seq"
_BODIES: Final = (
    "SELECT bodies FROM history WHERE first + events > ?1 AND first <= ?1 ORDER BY first DESC LIMIT 1"
)
START: Final = "start"
"""The note of where a destination would begin, while there is none."""
_LOWEST: Final = "SELECT coalesce((SELECT min(seq) FROM cursor), (SELECT value FROM note WHERE name = ?), -1)"
_LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'event'"


def last_seq(database: sqlite3.Connection) -> int:
    """Return the highest seq of all events ever accepted."""
    row = database.execute(_LAST).fetchone()
    return int(row[0]) if row else 0


def note_last(database: sqlite3.Connection, seq: int) -> None:
    """Let no later event get this seq or a lower one: events that go into rows at once are in no table."""
    if last_seq(database) < seq:
        database.execute("DELETE FROM sqlite_sequence WHERE name = 'event'")
        database.execute("INSERT INTO sqlite_sequence VALUES ('event', ?)", (seq,))


def lowest_cursor(database: sqlite3.Connection) -> int:
    """Return the seq up to which every destination has finished, or from which on a first one will begin.

    -1 where nobody has said yet which destinations there are.
    """
    return int(database.execute(_LOWEST, (START,)).fetchone()[0])


def first_waiting(database: sqlite3.Connection) -> int:
    """Return the lowest seq that a destination still needs, or the one after the last event.

    Where nobody has said which destinations there are, all events wait, and none has come into a row.
    """
    before = lowest_cursor(database)
    if before >= 0:
        return before + 1
    first = first_in_table(database)
    return last_seq(database) + 1 if first is None else first


def first_in_table(database: sqlite3.Connection) -> int | None:
    """Return the lowest seq in the table of events."""
    found: int | None = database.execute("SELECT min(seq) FROM event").fetchone()[0]
    return found


def bytes_before(database: sqlite3.Connection, seq: int) -> int | None:
    """Return the bytes of all bodies before an event's, or before those of its row; None for no event."""
    found = (
        database.execute("SELECT total - length(body) FROM event WHERE seq = ?", (seq,)).fetchone()
        or database.execute(_BODIES, (seq,)).fetchone()
    )
    return found[0] if found else None


def total_bytes(database: sqlite3.Connection) -> int:
    """Return the bytes of all bodies up to the last event's, as far as they are known."""
    upto, _ = history_rows.last_seq(database)
    for _, total in database.execute("SELECT seq, total FROM event ORDER BY seq DESC LIMIT 1"):
        return int(total)
    return max((row[5] for row in _in_rows(database, upto - 1)), default=0)


def events(database: sqlite3.Connection, after: int) -> Iterator[Row]:
    """Yield events whose seq is above ``after``, in order; to be used within one transaction."""
    upto, _ = history_rows.last_seq(database)
    return chain(_in_rows(database, after), in_table(database, max(after, upto)))


def in_table(database: sqlite3.Connection, after: int) -> Iterator[Row]:
    """Yield those of the table whose seq is above ``after``, in order."""
    return database.execute(_TABLE, (after,))


def some(database: sqlite3.Connection, after: int, limit: int) -> list[Row]:
    """Return up to ``limit`` events whose seq is above ``after``, in order; a read transaction of its own."""
    database.execute("BEGIN")  # an event may come from one table into the other meanwhile
    try:
        return list(islice(events(database, after), limit))
    finally:
        database.execute("COMMIT")


def _in_rows(database: sqlite3.Connection, after: int) -> Iterator[Row]:
    begin = database.execute(_ROW_OF, (after + 1,)).fetchone()[0]
    for first, count, body, bodies in database.execute(_ROWS, (begin,)):
        if first + count - 1 <= after:
            continue
        total = bodies
        for event in history_rows.unpack(first, body):
            total += len(event.body)
            if event.seq > after:
                yield (event.seq, event.received_at, event.source, event.message_id, event.body, total)
