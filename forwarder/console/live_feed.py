"""The feed of the open Live pages: one look at history for all of them, and none where nobody looks."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from forwarder import metrics
from forwarder.console.rows import Chip, Row, chips_of, row_of
from forwarder.console.subject import Shown
from forwarder.faults import fault_of
from forwarder.history.filters import Filters
from forwarder.history.latest import News, news, upto_now
from forwarder.history.listing import Listed, Page, Position, listing
from forwarder.spool import StoredEvent

log = structlog.get_logger()
LOOK_S: Final = 0.5
"""How often history is looked at while somebody looks: at once for people, and little work. Half as often
where more comes than is shown."""
_REST: Final = 40
"""How many times as long as a look took it is until the next one: where other programs stretch both, looks
would else take a tenth of the forwarder's CPU, and so they take 3 % (``tests.bench.console``)."""
_SELDOM: Final = 4
"""How many times as long as usual it is at most."""
MOST_ROWS: Final = 50
"""Events shown of one look, and turned away as many: nobody reads more in half a second, and finding 50 and
making their markup takes 4.5 ms of it, 0.9 % of a core."""
_CROWDED: Final = 20
"""Accepted events shown of one look at which more came than are found: a row's markup takes 60 us, which is
most of what an open page costs where thousands come a second (``tests.bench.console``)."""
MOST_VIEWERS: Final = 16
"""Pages that are fed at once: each holds a connection and a little memory."""
_MOST_WAITING: Final = 200
"""Rows whose events are asked for again until they have ended; as many as a page shows."""


class Viewer:
    """A reader of the feed: what it has not read yet, within bounds.

    ``wanted``: what a row has to say to be shown, in lower case; "" for all rows; ``upto``: what has been
    offered, None before it has caught up.
    """

    def __init__(self, wanted: str = "") -> None:
        self.wanted = wanted
        self.upto: Position | None = None
        self.rows: list[Row] = []
        self.states: dict[str, Sequence[Chip]] = {}
        self.passed_over = 0
        self._woken = asyncio.Event()

    def offer(
        self, rows: Iterable[Row], states: Mapping[str, Sequence[Chip]], passed_over: int, upto: Position
    ) -> None:
        """Add what is new; of a reader that does not keep up, the oldest is passed over."""
        position = self.upto
        if position is not None:
            if upto.place < position.place:  # users were deleted: places begin anew
                position = position._replace(place=0)
            rows = [row for row in rows if row.is_after(position)]
            self.upto = upto
        wanted = [row for row in rows if not self.wanted or row.has(self.wanted)]
        if passed_over:
            thinned = _thinned(wanted)
            passed_over += len(wanted) - len(thinned)
            wanted = thinned
        self.rows += wanted
        self.states.update(states)
        over = max(0, len(self.rows) - 2 * MOST_ROWS)
        del self.rows[:over]
        for key in list(self.states)[: max(0, len(self.states) - 2 * _MOST_WAITING)]:
            del self.states[key]
        self.passed_over += passed_over + over
        if self.rows or self.states or self.passed_over:
            self._woken.set()

    def catch_up(
        self, rows: Sequence[Row], states: Mapping[str, Sequence[Chip]], passed_over: int, upto: Position
    ) -> None:
        """Put what came before ahead of what the feed has offered meanwhile."""
        meanwhile = [row for row in self.rows if row.is_after(upto)]
        self.rows, self.passed_over = [], 0
        self.offer([*rows, *meanwhile], states, passed_over, upto)
        self.upto = upto

    async def wait(self, seconds: float) -> None:
        """Wait until there is something, so long at most."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return

    def take(self) -> tuple[list[Row], dict[str, Sequence[Chip]], int]:
        """Return rows, states and how many were passed over, and have none of them any more."""
        waiting = self.rows, self.states, self.passed_over
        self.rows, self.states, self.passed_over = [], {}, 0
        self._woken.clear()
        return waiting


class LiveFeed:
    """The feed of all open Live pages of one console."""

    def __init__(
        self,
        shown: Callable[[], Shown],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``clock``: seconds, monotonic."""
        self._shown = shown
        self._clock, self._sleep = clock, sleep
        self._viewers: set[Viewer] = set()
        self._looking: asyncio.Task[None] | None = None
        self._upto: Position | None = None
        self._waiting: dict[int, StoredEvent] = {}

    @property
    def is_full(self) -> bool:
        """Whether there is room for no other viewer."""
        return len(self._viewers) >= MOST_VIEWERS

    async def join(self, viewer: Viewer, since: Position | None) -> None:
        """Feed a viewer: first what came after a position, and how the newest events stand.

        ``since``: what its page shows; None: all there is. Whatever is raised, it has to ``leave``.
        """
        self._viewers.add(viewer)
        page, missed = await self._shown().spool.look(lambda database: _caught_up(database, since))
        self._upto = self._upto or missed.upto
        self._note(page.rows)
        names = self._shown().destinations
        states = {f"e{one.event.seq}": chips_of(one.states, names) for one in page.rows if not one.place}
        rows = [row_of(one, names) for one in missed.rows]
        viewer.catch_up(rows, states, missed.passed_over, missed.upto)
        self._looking = self._looking or asyncio.create_task(self._look())

    def leave(self, viewer: Viewer) -> None:
        """Feed it no more; the last one ends the looking."""
        self._viewers.discard(viewer)
        if not self._viewers and self._looking is not None:
            self._looking.cancel()
            self._looking, self._upto, self._waiting = None, None, {}

    async def _look(self) -> None:
        took, usual = 0.0, LOOK_S
        while self._upto is not None:
            await self._sleep(min(max(usual, _REST * took), _SELDOM * LOOK_S))
            began = self._clock()
            try:
                usual = 2 * LOOK_S if await self._feed() else LOOK_S
            except Exception as error:
                metrics.FAULTS.add("", "live")
                log.error("looking at history for the console failed", fault=fault_of(error))
            took = self._clock() - began

    async def _feed(self) -> bool:
        """Offer the viewers what is new, and return whether more came than that.

        What cannot be shown is not tried again.
        """
        since, waiting = self._upto, list(self._waiting.values())
        assert since is not None
        new = await self._shown().spool.look(partial(news, since=since, most=MOST_ROWS, waiting=waiting))
        self._upto = new.upto
        names = self._shown().destinations
        self._note(new.rows)
        rows = [row_of(one, names) for one in new.rows]
        chips = {f"e{seq}": chips_of(states, names) for seq, states in new.states.items()}
        for seq in [seq for seq, states in new.states.items() if len(states) >= len(names)]:
            self._waiting.pop(seq, None)
        for viewer in self._viewers:
            viewer.offer(rows, chips, new.passed_over, new.upto)
        return new.passed_over > 0

    def _note(self, rows: Iterable[Listed]) -> None:
        """Remember which events have not ended yet."""
        names = self._shown().destinations
        for one in rows:
            if not one.place and len(one.states) < len(names):
                self._waiting[one.event.seq] = one.event
        for seq in sorted(self._waiting)[: max(0, len(self._waiting) - _MOST_WAITING)]:
            del self._waiting[seq]


def _thinned(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without the older ones of accepted events."""
    accepted = [row.key for row in rows if not row.is_turned_away]
    left_out = frozenset(accepted[:-_CROWDED])
    return [row for row in rows if row.key not in left_out]


def _caught_up(database: sqlite3.Connection, since: Position | None) -> tuple[Page, News]:
    """Return the newest events, and what came after a position, or nothing where none is said."""
    page = listing(database, Filters(), MOST_ROWS)
    return page, news(database, since or upto_now(database), MOST_ROWS)
