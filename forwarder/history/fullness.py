"""How much history is kept, and since when."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from forwarder.spool.sqlite import stored_events

_ROWS: Final = (
    "SELECT h.first, h.began, h.total - length(h.body) - length(x.hashes)"
    " FROM history h JOIN history_hash x USING (first) ORDER BY first LIMIT 1"
)
_UPTO: Final = "SELECT total FROM history ORDER BY first DESC LIMIT 1"
_TABLE: Final = "SELECT seq, at, total - length(body) FROM event ORDER BY seq LIMIT 1"
"""Of the latest, which are in no row yet."""
_ENDED: Final = "SELECT total FROM event WHERE seq = ?"
_AWAY: Final = "SELECT coalesce(sum(events), 0) FROM turned_away"


class Fullness(NamedTuple):
    """The fullness of history: events that have ended, the bytes in which they lie, and events turned away.

    ``oldest_at``: when the first of them was received, ms since the epoch; None where there is none.
    """

    events: int
    bytes: int
    oldest_at: int | None
    turned_away: int


def fullness(database: sqlite3.Connection) -> Fullness:
    """Return how much is kept."""
    ended = stored_events.lowest_cursor(database)
    rows, table = database.execute(_ROWS).fetchone(), database.execute(_TABLE).fetchone()
    first, began, before = rows or table or (ended + 1, None, 0)
    size = database.execute(_UPTO).fetchone()[0] - before if rows else 0
    if table and (last := database.execute(_ENDED, (ended,)).fetchone()):
        size += last[0] - table[2]
    events, away = ended - first + 1, int(database.execute(_AWAY).fetchone()[0])
    return Fullness(events, size, began, away) if events > 0 else Fullness(0, size, None, away)
