"""How much history is kept, and since when."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from forwarder.spool.sqlite import history_bounds, history_rows, stored_events

_ROWS: Final = "SELECT first, began FROM history ORDER BY first LIMIT 1"
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
    first, began = rows or (table or (ended + 1, None))[:2]
    _, total = history_rows.last_seq(database)
    size = total - (history_bounds.bytes_gone(database) or 0)
    if table and (last := database.execute(_ENDED, (ended,)).fetchone()):
        size += last[0] - table[2]
    events, away = ended - first + 1, int(database.execute(_AWAY).fetchone()[0])
    return Fullness(events, size, began, away) if events > 0 else Fullness(0, size, None, away)
