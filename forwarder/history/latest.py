"""What is new in history since somebody looked last, a bounded number at once."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from forwarder.history import finding
from forwarder.history.filters import Filters
from forwarder.history.listing import Listed, Position, last_place, of_turned_away, places
from forwarder.history.states import State, states_of
from forwarder.spool.api import StoredEvent


class News(NamedTuple):
    """The news of history. ``rows``: oldest first; ``passed_over``: events that came beside them.

    ``states``: how the events ended that were waiting, by seq and destination; ``upto``: where to go on.
    """

    rows: list[Listed]
    passed_over: int
    states: dict[int, dict[str, State]]
    upto: Position


def upto_now(database: sqlite3.Connection) -> Position:
    """Return the position after all that is there."""
    return Position(finding.last_seq(database), last_place(database))


def news(
    database: sqlite3.Connection, since: Position, most: int, waiting: Sequence[StoredEvent] = ()
) -> News:
    """Return what came after a position: the newest ``most`` accepted events, and as many turned away.

    ``waiting``: events whose ends are asked for once more.
    """
    database.execute("BEGIN")
    try:
        last = finding.last_seq(database)
        newer = takewhile(lambda one: one.seq > since.seq, finding.events(database, Filters()))
        accepted = list(islice(newer, most)) if last > since.seq else []
        place = last_place(database)
        # Where users were deleted all of them have gone, and places begin anew.
        above = since.place if since.place <= place else 0
        away = list(islice(places(database, above=above), most))
        states = states_of(database, [*waiting, *accepted])
    finally:
        database.execute("COMMIT")
    rows = [Listed(event, states[event.seq]) for event in reversed(accepted)]
    ended = [Listed(*of_turned_away(one), place) for place, one in reversed(away)]
    return News(
        list(heapq.merge(rows, ended, key=lambda one: one.event.received_at)),
        max(0, last - since.seq - len(accepted)),
        {one.seq: states[one.seq] for one in waiting if states[one.seq]},
        Position(last, place),
    )
