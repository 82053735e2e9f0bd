"""Lists of events, newest first, a page at a time: accepted ones and those that ended at ingest."""

from __future__ import annotations

import heapq
import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from forwarder.history import finding
from forwarder.history.filters import Filters
from forwarder.history.states import State, states_of
from forwarder.outcomes import Outcome
from forwarder.spool.api import StoredEvent
from forwarder.spool.history import TurnedAway
from forwarder.spool.sqlite import history_rows
from forwarder.spool.suppression import FOR_EVER

_AWAY: Final = (
    "SELECT number, events, body FROM turned_away WHERE number BETWEEN ?2 AND ?1 ORDER BY number DESC"
)
_AWAY_EACH: Final = 10_000
"""More than the events of one row of those that ended at ingest: ``TurnedAwayQueue`` writes 2,000 at most."""
SEARCH_S: Final = 0.12
"""How long one page is looked for: the reader's thread also reads what is to be delivered, and a page
should answer within 200 ms. What is found by then is shown, and where to go on."""
FIND_S: Final = 1.0
"""The same where an id is looked for: it is found in ten million events by then (``tests.bench.finding``)."""
_AT_INGEST: Final = (Outcome.REJECTED, Outcome.DUPLICATE)
_STATED: Final = 200
"""Events whose ends are read at once, where only some ends are asked for."""


class Position(NamedTuple):
    """A position in the list: what follows has a seq below ``seq``, or at ingest a place below ``place``."""

    seq: int = FOR_EVER
    place: int = FOR_EVER


class Listed(NamedTuple):
    """An event of the list. ``states``: how it ended, by destination.

    ``place``: of one that ended at ingest, which has no seq and one state, of destination "".
    """

    event: StoredEvent
    states: dict[str, State]
    place: int = 0


class Page(NamedTuple):
    """A page of the list. ``after``: where the next one begins, None at the end; ``is_cut``: time ran out."""

    rows: list[Listed]
    after: Position | None
    is_cut: bool = False


class _OutOfTime(Exception):  # noqa: N818 - it is an end
    """The search took as long as it may."""


class _Search:
    """A search: how far it has come, and until when it may go on."""

    def __init__(self, at: Position, until: float, clock: Callable[[], float]) -> None:
        self.seq, self.place = at
        self._until, self._clock = until, clock

    def looked(self, seq: int) -> None:
        """Note how far accepted events were looked at. Raises _OutOfTime."""
        self.seq = seq
        if self._clock() > self._until:
            raise _OutOfTime


def listing(
    database: sqlite3.Connection,
    filters: Filters,
    limit: int,
    outcome: str = "",
    at: Position | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Page:
    """Return a page of events from a position on.

    ``outcome``: only those that ended so at some destination, or "waiting": that have not ended at any;
    ``clock``: seconds.
    """
    search = _Search(at or Position(), clock() + (FIND_S if filters.needles() else SEARCH_S), clock)
    found: list[Listed] = []
    is_cut = False
    database.execute("BEGIN")  # an event may come from one table into the other meanwhile
    try:
        accepted = _accepted(database, filters, outcome, search)
        away = _turned_away(database, filters, outcome, search.place)
        for one in heapq.merge(accepted, away, key=lambda one: -one.event.received_at):
            found.append(one)
            if len(found) > limit:
                break
    except _OutOfTime:
        is_cut = True
    finally:
        database.execute("COMMIT")
    return _page(database, found, limit, search if is_cut else None, at or Position())


def _page(
    database: sqlite3.Connection, found: list[Listed], limit: int, cut: _Search | None, begin: Position
) -> Page:
    rows, more = found[:limit], len(found) > limit
    seq = min((one.event.seq for one in rows if not one.place), default=begin.seq)
    place = min((one.place for one in rows if one.place), default=begin.place)
    states = states_of(database, [one.event for one in rows if not (one.place or one.states)])
    rows = [one._replace(states=states.get(one.event.seq, one.states)) for one in rows]
    after = Position(seq, place)
    if cut is not None and not more:
        after = Position(min(seq, cut.seq), place)
    return Page(rows, after if more or cut else None, is_cut=cut is not None and not more)


def _accepted(
    database: sqlite3.Connection, filters: Filters, outcome: str, search: _Search
) -> Iterator[Listed]:
    if outcome in _AT_INGEST:
        return
    events = finding.events(database, filters, search.seq, search.looked)
    if not outcome:
        yield from (Listed(event, {}) for event in events)
        return
    is_cut = False
    while not is_cut:
        some, is_cut = _some(events)
        states = states_of(database, some)
        for event in some:
            ended = states[event.seq]
            if outcome in ({one.outcome for one in ended.values()} or {finding.WAITING}):
                yield Listed(event, ended)
        if len(some) < _STATED and not is_cut:
            return
        if not is_cut:
            search.looked(some[-1].seq)
    raise _OutOfTime


def _some(events: Iterator[StoredEvent]) -> tuple[list[StoredEvent], bool]:
    """Return the next events, and whether time ran out on the way."""
    some: list[StoredEvent] = []
    try:
        some.extend(islice(events, _STATED))
    except _OutOfTime:
        return some, True
    return some, False


def _turned_away(
    database: sqlite3.Connection, filters: Filters, outcome: str, below: int
) -> Iterator[Listed]:
    if outcome not in ("", Outcome.FILTERED, *_AT_INGEST):
        return
    for place, one in places(database, below):
        if outcome in ("", one.outcome) and filters.match_turned_away(one):
            yield Listed(*of_turned_away(one), place)


def of_turned_away(one: TurnedAway) -> tuple[StoredEvent, dict[str, State]]:
    """Return one that ended at ingest as an event without a seq, and how it ended."""
    event = StoredEvent(0, one.at, one.source, one.message_id, one.body)
    return event, {"": State(one.outcome, one.reason, 0)}


def places(
    database: sqlite3.Connection, below: int = FOR_EVER, above: int = 0
) -> Iterator[tuple[int, TurnedAway]]:
    """Yield events that ended at ingest with their places, newest first, between two of them."""
    for number, count, body in database.execute(_AWAY, (below // _AWAY_EACH, above // _AWAY_EACH)):
        first = number * _AWAY_EACH + 1
        if first + count - 1 <= above:  # as of nearly every look for what is new
            return
        for place, one in zip(
            range(first + count - 1, first - 1, -1),
            reversed(history_rows.unpack_turned_away(body)),
            strict=True,
        ):
            if above < place < below:
                yield place, one


def last_place(database: sqlite3.Connection) -> int:
    """Return the place of the newest event that ended at ingest, 0 where there is none."""
    row = database.execute("SELECT number, events FROM turned_away ORDER BY number DESC LIMIT 1").fetchone()
    return int(row[0]) * _AWAY_EACH + int(row[1]) if row else 0


def turned_away_at(database: sqlite3.Connection, place: int) -> TurnedAway | None:
    """Return the event that ended at ingest with this place, None where it is no more."""
    return next((one for at, one in places(database, place + 1) if at == place), None)
