"""The marks of deleted users in a spool's tables, and removing what the spool holds of their events."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from forwarder.spool.sqlite import history_erasure
from forwarder.spool.sqlite.parked import Extent, delete_dead_letters
from forwarder.spool.suppression import KEPT_MS, Erasure, UserMark

MARKS: Final = "SELECT mark, key, destination, upto, until FROM erased"
NOTE: Final = "SELECT coalesce(max(value), 0) FROM note WHERE name = ?"
ASKED: Final = "erasure"
"""The note that counts erasures."""
DONE: Final = "erasure_done"
"""The note of the erasure from which on deliveries know the marks."""
FORGOTTEN: Final = "sessions_erasure"
"""The note of the erasure up to which users' sessions are forgotten, too."""
PARKED: Final = (
    "SELECT rowid, destination, seq, at, source, message_id, body FROM parked WHERE rowid > ? ORDER BY rowid"
    " LIMIT ?"
)


def suppress(database: sqlite3.Connection, marks: Sequence[UserMark], now: int) -> int:
    """Write marks, forget those that cover nothing any more; return the erasure's number."""
    database.execute("DELETE FROM erased WHERE until < ? AND at < ?", (now, now - KEPT_MS))
    database.executemany(
        "INSERT INTO erased (mark, key, destination, upto, until, at) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT DO UPDATE SET upto = max(upto, excluded.upto), until = max(until, excluded.until),"
        " at = excluded.at",
        [(*mark, now) for mark in marks],
    )
    return _counted(database)


def lift(database: sqlite3.Connection, marks: Sequence[bytes], upto: int, now: int) -> int:
    """Let later events of these users through again; those up to ``upto`` stay covered. Return as above."""
    database.executemany(
        "UPDATE erased SET until = 0, upto = max(upto, ?1), at = ?2 WHERE mark = ?3 AND until > ?2",
        [(upto, now, mark) for mark in marks],
    )
    return _counted(database)


def _counted(database: sqlite3.Connection) -> int:
    """Count an erasure, for deliveries to see; return its number."""
    database.execute(
        "INSERT INTO note VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1",
        (ASKED,),
    )
    return int(database.execute(NOTE, (ASKED,)).fetchone()[0])


def erase(database: sqlite3.Connection, erasure: Erasure) -> Extent:
    """Remove events; return by how much less is parked.

    Rows of the queue and of parked events stay, empty: numbers stay without gaps, and a group has the events
    that its owner counts on. Delivery passes over them.
    """
    database.execute("PRAGMA secure_delete=ON").fetchall()
    try:
        size = 0
        for place in erasure.parked:
            row = database.execute(
                "SELECT length(body) FROM parked WHERE destination = ? AND seq = ?", place
            ).fetchone()
            size += row[0] if row else 0
            database.execute(
                "UPDATE parked SET body = x'', state = x'' WHERE destination = ? AND seq = ?", place
            )
        delete_dead_letters(database, erasure.dead)
        history_erasure.erase(database, [*erasure.events, *erasure.history])
        if erasure.turned_away:
            database.execute("DELETE FROM turned_away")
    finally:
        database.execute("PRAGMA secure_delete=FAST").fetchall()
    return Extent(0, -size)
