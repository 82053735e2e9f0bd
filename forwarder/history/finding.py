"""Finding events in a spool's history, newest first, and what became of them; for a reader's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from forwarder.history.filters import Filters
from forwarder.spool.api import StoredEvent
from forwarder.spool.history import Ended, SentBatch, TurnedAway
from forwarder.spool.sqlite import history_rows, renamed_rows, stored_events
from forwarder.spool.suppression import FOR_EVER

_HASHES: Final = "SELECT first, hashes FROM history_hash WHERE first < ? ORDER BY first DESC LIMIT 500"
"""Of the index alone: a row of history lies on as many pages as its events take."""
_BEGAN: Final = "SELECT began FROM history WHERE first <= ? ORDER BY first DESC LIMIT 1"
_TIMES: Final = "SELECT began, at FROM history WHERE first = ?"
_BODY: Final = "SELECT body FROM history WHERE first = ?"
_LATEST: Final = (
    "SELECT seq, at, source, message_id, body FROM event WHERE seq > ? AND seq < ?"
    " ORDER BY seq DESC LIMIT 500"
)
_SETTLED: Final = (
    f"SELECT destination, at, body FROM settled WHERE last BETWEEN ?1 AND ?1 + {history_rows.WIDEST}"  # noqa: S608
    " AND first <= ?1 ORDER BY number"
)
_AWAY: Final = "SELECT body FROM turned_away ORDER BY number DESC"


class Settled(NamedTuple):
    """A settlement's part about one event: how it ended, and the requests it was in. ``at``: ms."""

    destination: str
    at: int
    ended: Ended | None
    sent: list[SentBatch]


class Found(NamedTuple):
    """An accepted event, and how it ended by destination; where it waits, nothing is said."""

    event: StoredEvent
    ended: dict[str, Ended]


class Enough(Exception):  # noqa: N818 - it is an end
    """The search is to end with what was found by now."""


def _nothing(before: int) -> None:
    """Note nothing."""


def find(
    database: sqlite3.Connection,
    filters: Filters,
    limit: int,
    after: int = 0,
    outcome: str = "",
    looked: Callable[[int], None] = _nothing,
) -> list[Found]:
    """Return up to ``limit`` accepted events whose seq is above ``after``, newest first.

    ``outcome``: only those that ended so at some destination; "waiting": that have not ended at any;
    ``looked``: see ``events``; where it raises ``Enough``, what was found by then is returned.
    """
    found: list[Found] = []
    database.execute("BEGIN")  # an event may come from one table into the other meanwhile
    try:
        for event in events(database, filters, looked=looked):
            if event.seq <= after or len(found) >= limit:
                break
            ended = outcomes(database, event.seq)
            if outcome and outcome not in ({one.outcome for one in ended.values()} or {WAITING}):
                continue
            found.append(Found(event, ended))
    except Enough:
        pass
    finally:
        database.execute("COMMIT")
    return found


WAITING: Final = "waiting"
"""What is said of an event that has not ended at any destination."""


def last_seq(database: sqlite3.Connection) -> int:
    """Return the highest seq of all events ever accepted."""
    return stored_events.last_seq(database)


def received_at(database: sqlite3.Connection, seq: int) -> int:
    """Return about when the event of this seq was received, ms since the epoch; 0 where history ends."""
    found = (
        database.execute("SELECT at FROM event WHERE seq = ?", (seq,)).fetchone()
        or database.execute(_BEGAN, (seq,)).fetchone()
    )
    return found[0] if found else 0


def events(
    database: sqlite3.Connection,
    filters: Filters,
    before: int = FOR_EVER,
    looked: Callable[[int], None] = _nothing,
) -> Iterator[StoredEvent]:
    """Yield accepted events whose seq is below ``before``, newest first.

    Those that are not in a row yet come first, then row by row. ``looked`` is called after each of these
    steps with a seq: no more is found from it on. What it raises ends the search.
    """
    names = renamed_rows.names(database)
    last, _ = history_rows.last_seq(database)
    end = before
    while rows := database.execute(_LATEST, (last, before)).fetchall():
        for row in rows:
            event = renamed_rows.named(names, StoredEvent(*row))
            if filters.match(event):
                yield event
        before = rows[-1][0]
        looked(before)
    for first in _candidates(database, filters, end, looked, filters.sessions(names)):
        row = database.execute(_BODY, (first,)).fetchone()
        for kept in reversed(history_rows.unpack(first, row[0])) if row else ():
            event = renamed_rows.named(names, kept)
            if event.seq < end and filters.match(event):
                yield event
        looked(first)


def _candidates(
    database: sqlite3.Connection,
    filters: Filters,
    before: int,
    looked: Callable[[int], None],
    sessions: Sequence[bytes],
) -> Iterator[int]:
    """Yield the first seqs of rows that may hold what is asked for, newest first.

    ``sessions``: hashes of which a row must have one, if there are any.
    """
    needles = filters.needles()
    while rows := database.execute(_HASHES, (before,)).fetchall():
        before = rows[-1][0]
        if filters.since and database.execute(_TIMES, rows[0][:1]).fetchone()[1] < filters.since:
            return
        for first, index in rows:
            has = index.__contains__
            if all(map(has, needles)) and (not sessions or any(map(has, sessions))):
                began, at = database.execute(_TIMES, (first,)).fetchone()
                if at < filters.since:
                    return
                if began < filters.until:
                    yield first
        looked(before)


def settled(database: sqlite3.Connection, seq: int) -> list[Settled]:
    """Return what is known of an event at each destination, in the order in which it was written."""
    found = []
    for destination, at, body in database.execute(_SETTLED, (seq,)):
        ends, requests = history_rows.unpack_settled(body)
        ended = next((one for one in ends if one.first <= seq <= one.last), None)
        sent = [one for one in requests if any(first <= seq <= last for first, last in one.events)]
        if ended is not None or sent:
            found.append(Settled(destination, at, ended, sent))
    return found


def outcomes(database: sqlite3.Connection, seq: int) -> dict[str, Ended]:
    """Return how an event ended, by destination; where it waits, nothing is said."""
    return {one.destination: one.ended for one in settled(database, seq) if one.ended is not None}


def turned_away(database: sqlite3.Connection, filters: Filters, limit: int) -> list[TurnedAway]:
    """Return up to ``limit`` events that ended at ingest, newest first."""
    found: list[TurnedAway] = []
    for (body,) in database.execute(_AWAY):
        for one in reversed(history_rows.unpack_turned_away(body)):
            if filters.match_turned_away(one):
                found.append(one)
                if len(found) >= limit:
                    return found
    return found
