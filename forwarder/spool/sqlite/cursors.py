"""How each destination stands: its cursor, and how the events it has passed have ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from forwarder.spool.counts import Counts, Standing
from forwarder.spool.sqlite import stored_events

DISCARDED = "discarded"
"""Stands in the table of ends for dead letters that a bound has removed; they have ended as dead before."""

# ``began`` is such that accepted = last seq - began holds for events that come from now on:
# began = cursor - (parked up to it) + (dead and removed dead letters above it), all from an earlier time of
# the same name, which the destination did not begin with.
_ATTACH = """
INSERT INTO cursor (destination, seq, began) SELECT ?1, ?2, ?2
- (SELECT count(*) FROM parked WHERE destination = ?1 AND seq <= ?2)
+ (SELECT count(*) FROM dead WHERE destination = ?1 AND seq > ?2)
+ (SELECT count(*) FROM gone WHERE destination = ?1 AND seq > ?2)
"""


def attach(database: sqlite3.Connection, destinations: Sequence[str], start: int) -> dict[str, int]:
    """Let exactly these destinations have cursors, new ones at ``start``; return the cursors.

    Where there is none, all events behind ``start`` are kept for the next one.
    """
    cursors = dict(database.execute("SELECT destination, seq FROM cursor").fetchall())
    for name in cursors.keys() - set(destinations):
        database.execute("DELETE FROM cursor WHERE destination = ?", (name,))
        database.execute("DELETE FROM ended WHERE destination = ?", (name,))
    for name in destinations:
        if name not in cursors:
            add(database, name, start)
    if destinations:
        database.execute("DELETE FROM note WHERE name = ?", (stored_events.START,))
    else:
        database.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (stored_events.START, start))
    return {name: cursors.get(name, start) for name in destinations}


def add(database: sqlite3.Connection, destination: str, start: int) -> None:
    """Give a destination that has no cursor one at ``start``."""
    database.execute(_ATTACH, (destination, start))


def advance(
    database: sqlite3.Connection, destination: str, cursor: int, ended: Mapping[tuple[str, str], int]
) -> None:
    """Move a cursor and count ends."""
    database.execute("UPDATE cursor SET seq = ? WHERE destination = ?", (cursor, destination))
    database.execute("DELETE FROM gone WHERE destination = ? AND seq <= ?", (destination, cursor))
    database.executemany(
        "INSERT INTO ended VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET events = events + ?4",
        [(destination, outcome, reason, events) for (outcome, reason), events in ended.items()],
    )


def counts(database: sqlite3.Connection) -> Counts:
    """Return what lies in the file, as of one moment."""
    database.execute("BEGIN")
    try:
        ask = database.execute
        last, first = stored_events.last_seq(database), stored_events.first_waiting(database)
        oldest = next(stored_events.events(database, first - 1), None)
        total = stored_events.total_bytes(database)
        standings = {
            name: _standing(database, name, seq, last, began, redriven)
            for name, seq, began, redriven in ask("SELECT destination, seq, began, revived FROM cursor")
        }
    finally:
        database.execute("COMMIT")
    if oldest is None:
        return Counts(0, 0, None, standings)
    first, at, _, _, body, upto = oldest
    return Counts(last - first + 1, total - upto + len(body), at, standings)


def _standing(
    database: sqlite3.Connection, name: str, cursor: int, last: int, began: int, redriven: int
) -> Standing:
    def number(table: str, where: str) -> int:
        question = f"SELECT count(*) FROM {table} WHERE destination = ?1 AND seq {where} ?2"  # noqa: S608 - our words
        found: int = database.execute(question, (name, cursor)).fetchone()[0]
        return found

    # Above the cursor events still lie in the order accepted, too; dead ones have ended all the same.
    parked, parked_above = number("parked", "<="), number("parked", ">")
    dead, dead_above = number("dead", "<="), number("dead", ">")
    rows = database.execute(
        "SELECT outcome, reason, events FROM ended WHERE destination = ?", (name,)
    ).fetchall()
    return Standing(
        accepted=last - began,
        waiting=last - cursor + parked - dead_above - number("gone", ">"),
        ended={(outcome, reason): events for outcome, reason, events in rows if outcome != DISCARDED},
        redriven=redriven,
        parked=parked + parked_above,
        dead=dead + dead_above,
        discarded={reason: events for outcome, reason, events in rows if outcome == DISCARDED},
    )
