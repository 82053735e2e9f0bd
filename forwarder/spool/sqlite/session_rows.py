"""Devices' sessions in a spool's tables: a log of changes, whose oldest rows go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import starmap
from typing import Final

from forwarder.sessions.book import SessionBook
from forwarder.sessions.rows import SessionRow

_ALL: Final = "SELECT number, at, states, body FROM session ORDER BY number"
_NEXT: Final = "SELECT number, at, states FROM session WHERE number > ? ORDER BY number LIMIT 1"
_BODY: Final = "SELECT body FROM session WHERE number = ?"
_LOOK_MS: Final = 60_000
"""How often the age of the oldest row is looked at."""


def write(database: sqlite3.Connection, row: SessionRow, upto: int) -> None:
    """Write a row, and let go of those up to ``upto``."""
    database.execute(
        "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?)", (row.number, row.at, row.states, row.body)
    )
    if upto:
        database.execute("DELETE FROM session WHERE number <= ?", (upto,))


def read(database: sqlite3.Connection) -> Iterator[SessionRow]:
    """Yield all rows, oldest first."""
    return starmap(SessionRow, database.execute(_ALL))


class SessionCleaner:
    """The cleaner of the oldest rows; to be used in the writer's thread."""

    def __init__(self, database: sqlite3.Connection, book: SessionBook) -> None:
        self._database = database
        self._book = book
        self._looked_at: int | None = None

    def is_due(self, now: int) -> bool:
        """Return whether rows are to be looked through in this transaction."""
        if self._book.is_crowded():
            return True
        if self._looked_at is not None and abs(now - self._looked_at) < _LOOK_MS:
            return False
        self._looked_at = now
        found = self._database.execute(_NEXT, (0,)).fetchone()
        return found is not None and self._book.is_outdated(found[1], now)

    def clean(self, now: int) -> int:
        """Look through the oldest rows; return the number of the last one that may go, 0 for none."""
        book, upto, left = self._book, 0, self._book.allowance()
        while left > 0:
            found = self._database.execute(_NEXT, (upto,)).fetchone()
            if found is None or not (book.is_crowded() or book.is_outdated(found[1], now)):
                break
            upto, at, states = found
            left -= states
            if book.is_dead(upto):
                book.drop(SessionRow(upto, at, states, b""))
            else:
                (body,) = self._database.execute(_BODY, (upto,)).fetchone()
                book.clean(SessionRow(upto, at, states, body), now)
        if left <= 0:
            self._looked_at = None  # there is more
        return upto
