"""Removing the oldest of history: never events that a destination still needs."""

from __future__ import annotations

import sqlite3
from itertools import takewhile
from typing import Final, NamedTuple

from forwarder.spool.sqlite import history_rows, stored_events

RANGE: Final = 50
"""Rows that go in one transaction: their pages are read once more to be let go of."""
_EVENTS: Final = 1_000
"""Events that go out of their table in one transaction, for their age."""


class _EndedRow(NamedTuple):
    """A row whose events wait no more. ``at``: when its last was received; ``total``: bytes up to its end."""

    first: int
    last: int
    at: int
    total: int


def _oldest(database: sqlite3.Connection) -> list[_EndedRow]:
    """Return the oldest rows that may go, a range of them."""
    rows = database.execute(
        "SELECT first, first + events - 1 AS last, at, total FROM history WHERE first <= ?1 AND last <= ?1"
        " ORDER BY first LIMIT ?2",
        (stored_events.lowest_cursor(database), RANGE),
    )
    return [_EndedRow(*row) for row in rows]


def _remove(database: sqlite3.Connection, rows: list[_EndedRow]) -> bool:
    """Remove these rows, the oldest; return whether there were any."""
    if rows:
        history_rows.remove_upto(database, rows[-1].first, rows[-1].last)
    return bool(rows)


def bytes_gone(database: sqlite3.Connection) -> int | None:
    """Return the bytes of all rows that are no more, None where there is no row."""
    row = database.execute(
        "SELECT h.total - length(h.body) - length(x.hashes)"
        " FROM history h JOIN history_hash x USING (first) ORDER BY first LIMIT 1"
    ).fetchone()
    return int(row[0]) if row else None


def remove_beyond(database: sqlite3.Connection, gone: int, total: int) -> bool:
    """Remove the oldest rows, all that begin within the first ``total`` bytes that ever were written.

    ``gone``: bytes of those that are no more. Return whether there were any.
    """
    ended = _oldest(database)
    begins = [gone, *(row.total for row in ended)]
    return _remove(database, [row for row, begin in zip(ended, begins, strict=False) if begin < total])


def remove_range(database: sqlite3.Connection) -> None:
    """Remove the oldest rows, a range."""
    _remove(database, _oldest(database))


def expire(database: sqlite3.Connection, limit: int) -> bool:
    """Remove the oldest rows, those of before ``limit``, ms; return whether there were any."""
    return _remove(database, list(takewhile(lambda row: row.at < limit, _oldest(database))))


def expire_table(database: sqlite3.Connection, limit: int) -> int:
    """Remove events from their table that wait no more and came before ``limit``, ms; return how many."""
    if history_rows.last_seq(database)[0]:  # those in rows are older
        return 0
    oldest = database.execute(
        "SELECT seq, at FROM event WHERE seq <= ? ORDER BY seq LIMIT ?",
        (stored_events.lowest_cursor(database), _EVENTS),
    ).fetchall()
    gone = [seq for seq, _ in takewhile(lambda row: row[1] < limit, oldest)]
    if gone:
        database.execute("DELETE FROM event WHERE seq <= ?", (gone[-1],))
        history_rows.remove_settled(database, gone[-1])
    return len(gone)
