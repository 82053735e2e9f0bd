"""Gives a scheduler its events: those accepted just now from memory, all others from the spool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from forwarder.delivery.clock import MonotonicClock, Slice
from forwarder.delivery.route import DestinationRoute
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.tail import TailCache
from forwarder.spool import Spool, StoredEvent

PLAN_EVENTS = 500
"""Events read in one go; they are planned in slices of time."""
GATHER_MS = 10
"""How long an event may wait for others before all are planned; never more than a fifth of the linger."""

HELD_S = 0.005
"""How long to wait where the spool hands nothing on: about as long as a commit takes."""


class EventFeed:
    """The feed of one destination. It belongs to the event loop.

    ``awake``: wakes the worker; ``report``: counts and logs a fault of ours, and raises nothing.
    """

    def __init__(
        self,
        route: DestinationRoute,
        spool: Spool,
        clock: MonotonicClock,
        awake: asyncio.Event,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._name = route.name
        self._spool = spool
        self._clock = clock
        self._awake = awake
        self._report = report
        self._gather_s = min(GATHER_MS, route.settings.linger_ms // 5) / 1000
        self._gathering: asyncio.TimerHandle | None = None
        self._tail = TailCache()
        self.more = True
        """Whether accepted events may be there that were not taken."""
        self._taking: Iterator[None] | None = None
        self._slice = Slice()
        self._last_read = 0

    @property
    def is_taking(self) -> bool:
        """Whether events were read of which not all are taken yet."""
        return self._taking is not None

    def on_accepted(self, events: Sequence[StoredEvent]) -> None:
        """Note accepted events; wake the worker once others have had time to join. Raises nothing."""
        try:
            self._tail.extend(events)
        except Exception as error:
            self._tail = TailCache()  # they are read from the spool
            self._report("hear", error)
        self.more = True
        if not self._gather_s or len(self._tail) >= PLAN_EVENTS:
            self._awake.set()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(self._gather_s, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self.more = True  # a read that was under way may have said otherwise
        self._awake.set()

    async def take(self, scheduler: Scheduler) -> None:
        """Have the scheduler take what was accepted, or the next slice of it. Raises SpoolError."""
        loader, checkpoint = scheduler.loader, scheduler.checkpoint
        if self._taking is None:
            if not self.more or loader.room() <= 0:
                return
            limit = min(PLAN_EVENTS, loader.room())
            read_to = checkpoint.read_to
            events = self._tail.pop_after(read_to, limit) or await self._spool.read(read_to, limit)
            # What was accepted during the read is not in it, and has woken us.
            self.more = len(events) == limit or self._awake.is_set()
            read, events = events, self._spool.hand_on(events)
            if len(events) < len(read):
                self._read_again_soon()
                if not events:
                    return
            self._taking = loader.taking(events, self._clock(), self._slice.spent)
            self._last_read = events[-1].seq if events else 0
        more, taking, self._taking = self.more, self._taking, None
        self.more = True  # should it fail, or not be all
        self._slice.begin()
        if next(taking, self) is not self:
            self._taking = taking
            return
        self.more = more or self._awake.is_set() or checkpoint.read_to < self._last_read
        if self.more and loader.room() > 0:
            self._awake.set()

    def _read_again_soon(self) -> None:
        """Have events read again: sessions of theirs were just being changed."""
        self.more = True
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(HELD_S, self._gathered)

    async def bring_back(self, scheduler: Scheduler) -> None:
        """Have the scheduler take back parked events whose time has come. Raises SpoolError."""
        while load := scheduler.loader.load(self._clock()):
            group, limit = load
            rows = await self._spool.parked(self._name, group, 0, limit)
            slice_ = Slice()
            for _ in scheduler.loader.loading(group, rows, self._clock(), slice_.spent):
                await asyncio.sleep(0)
                slice_.begin()

    def wake(self) -> None:
        """Have events read, though nobody said that there are some."""
        self._gathered()

    def restart(self) -> None:
        """Forget what was read: another scheduler begins, at the spool's cursor."""
        self._taking, self._tail, self.more = None, TailCache(), True

    def close(self) -> None:
        """End the wait for further events."""
        if self._gathering is not None:
            self._gathering.cancel()
