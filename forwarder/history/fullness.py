"""How much history is kept, and since when."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

_OLDEST: Final = (
    "SELECT h.first, h.began, h.total - length(h.body) - length(x.hashes)"
    " FROM history h JOIN history_hash x USING (first) ORDER BY first LIMIT 1"
)
_NEWEST: Final = "SELECT first + events, total FROM history ORDER BY first DESC LIMIT 1"
_AWAY: Final = "SELECT coalesce(sum(events), 0) FROM turned_away"


class Fullness(NamedTuple):
    """The fullness of history: events in its rows, their bytes as stored, and events turned away beside them.

    ``oldest_at``: when the first of them was received, ms since the epoch; None where there is none.
    """

    events: int
    bytes: int
    oldest_at: int | None
    turned_away: int


def fullness(database: sqlite3.Connection) -> Fullness:
    """Return how much is kept."""
    away = int(database.execute(_AWAY).fetchone()[0])
    oldest = database.execute(_OLDEST).fetchone()
    newest = database.execute(_NEWEST).fetchone()
    if oldest is None or newest is None:
        return Fullness(0, 0, None, away)
    first, began, before = oldest
    end, total = newest
    return Fullness(end - first, total - before, began, away)
