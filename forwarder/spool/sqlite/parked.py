"""The tables of what is set aside: parked events and dead letters, each with its own copy of the event."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import astuple

from forwarder.spool.api import NewDead, Settlement

GROUPS = "SELECT lane, keys, count(*) FROM parked WHERE destination = ? GROUP BY lane, keys"
PARKED = (
    "SELECT seq, at, source, message_id, body, lane, keys, state FROM parked"
    " WHERE destination = ? AND lane = ? AND seq > ? ORDER BY seq LIMIT ?"
)
DEAD = (
    "SELECT number, destination, died_at, seq, at, source, message_id, body, reason, detail, state"
    " FROM dead WHERE number > ?1 AND (?2 IS NULL OR destination = ?2)"
    " AND (?3 IS NULL OR number = ?3) ORDER BY number LIMIT ?4"
)
ABOVE = (
    "SELECT seq FROM parked WHERE destination = ?1 AND seq > ?2"
    " UNION SELECT seq FROM dead WHERE destination = ?1 AND seq > ?2"
    " UNION SELECT seq FROM gone WHERE destination = ?1 AND seq > ?2"
)
_GONE = (
    "INSERT OR IGNORE INTO gone SELECT destination, dead.seq FROM dead JOIN cursor USING (destination)"
    " WHERE number = ? AND dead.seq > cursor.seq"
)
"""An event has ended though the cursor has not passed it yet: it must not be read again."""


class Extent(NamedTuple):
    """Events and bytes in the tables, or by how many they have grown."""

    events: int
    bytes: int


def measure(database: sqlite3.Connection) -> Extent:
    """Return how much is parked; it takes a while where that is a lot."""
    return Extent._make(database.execute(_PARKED_EXTENT).fetchone())


def measure_dead(database: sqlite3.Connection) -> int:
    """Return the bytes of all dead letters, with what was sent and answered."""
    size: int = database.execute(_DEAD_BYTES).fetchone()[0]
    return size


_PARKED_EXTENT = "SELECT count(*), coalesce(sum(length(body)), 0) FROM parked"
_DEAD_BYTES = "SELECT coalesce(sum(length(body) + length(detail) + length(state)), 0) FROM dead"
OLDEST_DEAD = (
    "SELECT number, died_at, length(body) + length(detail) + length(state) FROM dead ORDER BY number LIMIT ?"
)


def extent_of(database: sqlite3.Connection, numbers: Sequence[int]) -> Extent:
    """Return how many of these dead letters there are, and the bytes of their events."""
    look = "SELECT length(body) FROM dead WHERE number = ?"
    sizes = [size for number in numbers for (size,) in database.execute(look, (number,))]
    return Extent(len(sizes), sum(sizes))


def size_of(dead: NewDead) -> int:
    """Return the bytes that a dead letter takes."""
    return len(dead.event.body) + len(dead.detail) + len(dead.state)


def park(database: sqlite3.Connection, destination: str, settlement: Settlement, now: int) -> Extent:
    """Write what a settlement parks, no longer parks, and makes dead letters; return the growth of parked."""
    change = database.execute
    events = size = 0
    gone = [*settlement.unpark, *(parked.event.seq for parked in settlement.park)]
    for seq in gone:
        row = change(
            "DELETE FROM parked WHERE destination = ? AND seq = ? RETURNING length(body)", (destination, seq)
        ).fetchone()
        if row:
            events, size = events - 1, size - row[0]
    for parked in settlement.park:
        event = parked.event
        change(
            "INSERT INTO parked VALUES (?,?,?,?,?,?,?,?,?)",
            (destination, parked.group, event.seq, "\n".join(parked.keys), parked.state, *astuple(event)[1:]),
        )
        events, size = events + 1, size + len(event.body)
    for group, into in settlement.merge.items():
        change("UPDATE parked SET lane = ? WHERE destination = ? AND lane = ?", (into, destination, group))
    for dead in settlement.dead:
        change(
            "INSERT INTO dead"
            " (destination, died_at, reason, detail, state, seq, at, source, message_id, body)"
            " VALUES (?,?,?,?,?,?,?,?,?,?)",
            (destination, now, dead.reason, dead.detail, dead.state, *astuple(dead.event)),
        )
    return Extent(events, size)


def discard(database: sqlite3.Connection, numbers: Sequence[int], reason: str) -> None:
    """Forget dead letters that a bound no longer allows, and count them."""
    for number in numbers:
        database.execute(
            "INSERT INTO ended SELECT destination, 'discarded', ?2, 1 FROM dead WHERE number = ?1"
            " ON CONFLICT DO UPDATE SET events = events + 1",
            (number, reason),
        )
        database.execute(_GONE, (number,))
        database.execute("DELETE FROM dead WHERE number = ?", (number,))


def redrive(database: sqlite3.Connection, numbers: Sequence[int]) -> int:
    """Park dead letters in the empty group; return how many there were."""
    for number in numbers:
        database.execute(
            "INSERT INTO parked SELECT destination, '', seq, '', state, at, source, message_id, body"
            " FROM dead WHERE number = ?",
            (number,),
        )
        database.execute(
            "UPDATE cursor SET revived = revived + 1"
            " WHERE destination = (SELECT destination FROM dead WHERE number = ?)",
            (number,),
        )
    return -_delete(database, numbers).events


def delete_dead_letters(database: sqlite3.Connection, numbers: Sequence[int]) -> Extent:
    """Forget dead letters."""
    for number in numbers:
        database.execute(_GONE, (number,))
    return _delete(database, numbers)


def _delete(database: sqlite3.Connection, numbers: Sequence[int]) -> Extent:
    events = size = 0
    for number in numbers:
        for (length,) in database.execute(
            "DELETE FROM dead WHERE number = ? RETURNING length(body)", (number,)
        ).fetchall():
            events, size = events - 1, size - length
    return Extent(events, size)
