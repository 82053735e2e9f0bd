"""One replay: events go from a supply into a scratch spool at a rate, and from there to destinations."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import httpx

from forwarder.delivery import DeliveryService, DestinationRoute
from forwarder.delivery.dead_letters import dead_letters, page_by_page
from forwarder.replay.scratch import MOST_WAITING, Portion, ScratchSpool
from forwarder.spool import Standing

RATE: Final = 1_000
"""Events a second where nobody says otherwise: what Amplitude's Batch endpoint takes of one user or device,
so that none is throttled whoever the events are of."""
_TICK_S: Final = 0.25
"""How often more is supplied and progress is shown."""
_LEAST_WINDOW: Final = 2_000
"""Events that may be on their way at least: a request's most."""
STOP_S: Final = 10.0
"""How long answers are waited for when the replay is stopped."""


class Supply(Protocol):
    """The supply of events. ``notes``: the numbers that its portions had with them so far."""

    def is_over(self, notes: Mapping[str, int]) -> bool:
        """Return whether no event is left."""
        ...

    async def next(self, notes: Mapping[str, int], now: int) -> Portion:
        """Return the next events. ``now``: ms since the epoch."""
        ...


class Progress(NamedTuple):
    """The progress of a replay. ``standings``: by destination; ``notes``: see ``Supply``.

    ``held_back``: why destinations take nothing just now, by name.
    """

    standings: Mapping[str, Standing]
    notes: Mapping[str, int]
    held_back: Mapping[str, str] = {}

    @property
    def waiting(self) -> int:
        """Events that have not ended at some destination, at the one where most have not."""
        return max((one.waiting for one in self.standings.values()), default=0)

    @property
    def parked(self) -> int:
        """Events that wait on disk for their user or device, in the same way."""
        return max((one.parked for one in self.standings.values()), default=0)


class Replay:
    """A replay, from where its scratch spool stands to its end. It belongs to the event loop.

    ``clock``: ms since the epoch; ``rate``: events a second; ``http``: for tests.
    """

    def __init__(
        self,
        spool: ScratchSpool,
        routes: Sequence[DestinationRoute],
        supply: Supply,
        clock: Callable[[], int],
        rate: float = RATE,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._spool = spool
        self._routes = routes
        self._supply = supply
        self._clock = clock
        self._rate = rate
        self._http = http
        self._notes: dict[str, int] = {}
        self._delivery = self._new_delivery()

    def _new_delivery(self) -> DeliveryService:
        return DeliveryService(self._spool, self._routes, clock=self._clock, http=self._http)

    async def run(self, show: Callable[[Progress], None], stop: asyncio.Event) -> Progress:
        """Supply and deliver until all has ended, or until ``stop``; return how far it came.

        ``show`` is called now and then. Dead letters of an earlier run are sent again first: mappings may be
        others now. Raises SpoolError.
        """
        self._notes = await self._spool.notes()
        await self._delivery.start()
        try:
            numbers = [letter.number async for letter in dead_letters(self._spool)]
            await page_by_page(self._spool.retry, numbers)
            await self._until_ended(show, stop)
        finally:
            await self._delivery.stop(STOP_S)
        return await self._progress()

    async def _until_ended(self, show: Callable[[Progress], None], stop: asyncio.Event) -> None:
        allowed, since = 0.0, time.monotonic()
        while not stop.is_set():
            await self._follow_erasure()
            progress = await self._progress()
            show(progress)
            if self._supply.is_over(self._notes) and not progress.waiting:
                return
            now = time.monotonic()
            allowed, since = min(allowed + self._rate * (now - since), self._rate), now
            allowed -= await self._supply_some(min(allowed, self._room(progress)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, now + _TICK_S - time.monotonic())):
                    await stop.wait()

    def _room(self, progress: Progress) -> float:
        """Return how many more events may be on their way: more of them would only lie there twice."""
        window = max(_LEAST_WINDOW, self._rate) + progress.parked
        return min(window, MOST_WAITING) - progress.waiting

    async def _supply_some(self, most: float) -> int:
        """Supply about so many events, or what is found within a moment; return how many."""
        supplied, until = 0, time.monotonic() + _TICK_S
        while supplied < most and not self._supply.is_over(self._notes) and time.monotonic() < until:
            now = self._clock()
            portion = await self._supply.next(self._notes, now)
            before = {name: self._notes.get(name) for name in portion.notes if name != "position"}
            self._notes.update(portion.notes)
            if portion.events or any(self._notes[name] != value for name, value in before.items()):
                known = await self._spool.add(portion, now)
                supplied += len(known)
                if not all(known):
                    self._notes = await self._spool.notes()
        return supplied

    async def _follow_erasure(self) -> None:
        """Deliver anew from the spool once users were deleted: what is in memory may be theirs."""
        if await self._spool.erasure() != self._delivery.erasure:
            await self._delivery.stop(STOP_S)
            self._delivery = self._new_delivery()
            await self._delivery.start()

    async def _progress(self) -> Progress:
        health = self._delivery.health()
        held_back = {name: one.why for name, one in health.items() if one.held_back}
        counts = await self._spool.counts()
        return Progress(counts.destinations, dict(self._notes), held_back)
