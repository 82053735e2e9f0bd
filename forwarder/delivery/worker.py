"""Serves one destination: carries out what its ``Scheduler`` decides.

Whatever fails here in our own code is counted and logged, and delivery goes on: a batch has had a failed
try; a line whose state can no longer be trusted is made anew from the spool, as after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx
import structlog

from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.clock import MonotonicClock, Slice
from forwarder.delivery.faults import Faults
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.planning import Planner
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.delivery.sending import ResponseRecorder, send_batch
from forwarder.delivery.tail import TailCache
from forwarder.delivery.watchdog import Look
from forwarder.errors import SpoolError
from forwarder.faults import fault_of
from forwarder.spool import Settlement, Spool, StoredEvent
from forwarder.spool.suppression import NOBODY, Suppression

PLAN_EVENTS = 500
"""Events read in one go; they are planned in slices of time."""
GATHER_MS = 10
"""How long an event may wait for others before all are planned; never more than a fifth of the linger."""
SPOOL_RETRY_S = 1.0
FAULT_RETRY_S = (0.1, 1.0, 5.0, 15.0)
"""How long delivery waits after a fault of ours, the first, second ... in a row."""
LAST_S = 30.0
"""How long what is known may take to be written at the end, where the spool has no bound of its own."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DestinationRoute:
    """A destination and how it is served. ``sources``: names of those whose events go there, None for all."""

    name: str
    destination: Planner
    sources: frozenset[str] | None = None
    settings: SchedulerSettings = field(default_factory=SchedulerSettings)


class Worker:
    """The worker of one destination.

    ``clock``: ms since the epoch; ``attach``: returns the destination's cursor, as the spool has it;
    ``suppression``: the deleted users, whose events are passed over.
    """

    def __init__(
        self,
        route: DestinationRoute,
        spool: Spool,
        cursor: int,
        clock: Callable[[], int],
        http: httpx.AsyncClient,
        attach: Callable[[], Awaitable[int]],
        suppression: Suppression = NOBODY,
    ) -> None:
        self._route = route
        self._attach = attach
        self._suppression = suppression
        self._spool = spool
        self._wall = clock
        self._clock = MonotonicClock(clock)
        self._http = http
        self._notes = ResponseRecorder(route.name, clock, log.bind(destination=route.name))
        self._faults = Faults()
        self._scheduler = self._new_line(cursor)
        self._last_read = cursor
        self._posts: dict[asyncio.Task[None], int] = {}
        self._awake = asyncio.Event()
        self._stopping = self._ended = self._broken = False
        self._tail = TailCache()
        self._gather_s = min(GATHER_MS, route.settings.linger_ms // 5) / 1000
        self._gathering: asyncio.TimerHandle | None = None
        self._more = True
        self._taking: Iterator[None] | None = None
        self._unwritten: Settlement | None = None
        self._turn_since = self._failing_since = self._turned_at = 0
        self._failures = 0

    @property
    def held_back(self) -> str:
        """Why requests are held back; empty where they are not."""
        return self._scheduler.breaker.reason if self._scheduler.breaker.probing else ""

    def _new_line(self, cursor: int) -> Scheduler:
        route = self._route
        return Scheduler(
            route.destination,
            route.sources,
            route.settings,
            cursor,
            random.Random(),
            self._faults,
            self._suppression,
        )

    # -- events

    def on_accepted(self, events: Sequence[StoredEvent]) -> None:
        """Take note of events that were accepted, and of others that come within a few ms. Raises nothing."""
        try:
            self._tail.extend(events)
        except Exception as error:
            self._tail = TailCache()  # they are read from the spool
            self._fault("hear", error)
        self._more = True
        if not self._gather_s or len(self._tail) >= PLAN_EVENTS:
            self._awake.set()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(self._gather_s, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self._more = True  # a read that was under way may have said otherwise
        self._awake.set()

    async def resume(self) -> None:
        """Take up what is parked."""
        name, spool = self._route.name, self._spool
        self._scheduler.resume(
            await spool.groups(name), await spool.aside(name, self._scheduler.checkpoint.cursor)
        )

    # -- turns

    async def run(self) -> None:
        """Deliver until stopped; then write down what is known. Raises nothing: what fails is tried again."""
        while not self._ended:
            self._awake.clear()
            self._turn_since = self._clock()
            wait_s = await self._guarded_turn()
            self._turn_since = 0
            if self._taking is not None:
                await asyncio.sleep(0)
            elif wait_s:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._pause()
            elif not self._awake.is_set():
                await self._rest()
        if self._broken:
            return
        try:
            await self._settle()
            self._scheduler.park_unfinished()
            await self._settle()
        except SpoolError as error:
            log.error(
                "what was delivered last could not be written, and is sent again",
                destination=self._route.name,
                why=str(error),
            )
        except Exception as error:
            self._fault("end", error)

    async def _pause(self) -> None:
        """Wait, through whatever wakes others, for the end."""
        while not self._ended:
            self._awake.clear()
            await self._awake.wait()

    async def _guarded_turn(self) -> float:
        """Do a turn; return how many seconds to wait before another is tried, 0 where it went well."""
        try:
            if self._broken:
                await self._begin_anew()
            await self._turn()
        except SpoolError as error:
            log.error("the spool cannot be written", destination=self._route.name, why=str(error))
            self._failing_since = self._failing_since or self._clock()
            return SPOOL_RETRY_S
        except Exception as error:
            self._fault("turn", error)
            self._broken = True
            self._failing_since = self._failing_since or self._clock()
            self._failures += 1
            return FAULT_RETRY_S[min(self._failures, len(FAULT_RETRY_S)) - 1]
        self._failing_since = self._failures = 0
        self._turned_at = self._clock()
        return 0

    async def _begin_anew(self) -> None:
        """Go on from what the spool holds: what is in memory can no longer be trusted."""
        await self._cut_off()
        if self._stopping:
            return
        self._taking, self._unwritten, self._tail, self._more = None, None, TailCache(), True
        self._scheduler = self._new_line(await self._attach())
        await self.resume()
        self._broken = False

    async def _turn(self) -> None:
        """Write what is known before anything else: what cannot be written must not become more."""
        line = self._scheduler
        await self._settle()
        if self._stopping:
            return
        await self._take()
        await self._settle()
        while load := line.load(self._clock()):
            group, limit = load
            rows = await self._spool.parked(self._route.name, group, 0, limit)
            for _ in line.loading(group, rows, self._clock(), Slice().spent):
                await asyncio.sleep(0)
        for batch in line.due(self._clock(), self._more):
            task = asyncio.create_task(self._send(line, batch))
            self._posts[task] = self._clock()
            task.add_done_callback(self._posted)
        await self._settle()

    async def _take(self) -> None:
        """Take what was accepted, or the next slice of it."""
        line = self._scheduler
        if self._taking is None:
            if not self._more or line.room() <= 0:
                return
            limit = min(PLAN_EVENTS, line.room())
            read_to = line.checkpoint.read_to
            events = self._tail.pop_after(read_to, limit) or await self._spool.read(read_to, limit)
            # What was accepted during the read is not in it, and has woken us.
            self._more = len(events) == limit or self._awake.is_set()
            self._taking = line.taking(events, self._clock(), Slice().spent)
            self._last_read = events[-1].seq if events else 0
        more, taking, self._taking = self._more, self._taking, None
        self._more = True  # should it fail, or not be all
        if next(taking, self) is not self:
            self._taking = taking
            return
        self._more = more or self._awake.is_set() or line.checkpoint.read_to < self._last_read
        if self._more and line.room() > 0:
            self._awake.set()

    async def _rest(self) -> None:
        """Wait until something happens or is due."""
        at = self._scheduler.wake_at()
        wait = None if at is None or self._stopping else max(0.0, (at - self._clock()) / 1000)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._awake.wait()

    async def _settle(self) -> None:
        """Write down what is known; what could not be written is written first the next time."""
        if self._unwritten is None and self._scheduler.has_news():
            self._unwritten = self._scheduler.settlement()
        if (unwritten := self._unwritten) is not None:
            try:
                await self._spool.settle(self._route.name, unwritten, self._wall())
            except SpoolError:
                raise
            except Exception as error:  # something in it cannot be written: a letter, or a state
                events = [one.event.seq for one in unwritten.dead]
                events += [one.event.seq for one in unwritten.park]
                self._faults.note_events(events, fault_of(error))
                raise
            self._unwritten = None

    # -- requests

    async def _send(self, line: Scheduler, batch: Batch) -> None:
        """Send one batch and hand its answer to the line."""
        try:
            answer = await send_batch(
                self._http, self._route.destination, batch, self._route.settings.timeout_ms
            )
        except asyncio.CancelledError:  # we are stopping; it may have arrived
            answer = UpstreamResponse(0, b"stopped", "broken")
        if line is not self._scheduler or self._broken:
            return  # the line's events go on in another one
        try:
            decisions = line.answered(batch, answer, self._clock())
        except Exception as error:
            self._broken = True
            self._faults.note(batch, fault_of(error))
            self._fault("answer", error)
        else:
            try:
                self._notes.answered(batch, answer, decisions, line.retry_policy)
            except Exception as error:
                self._fault("note", error)
        self._awake.set()

    def _posted(self, task: asyncio.Task[None]) -> None:
        self._posts.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = True
            self._fault("post", error)
            self._awake.set()

    async def _cut_off(self) -> None:
        """End the requests that are under way."""
        posts = list(self._posts)
        for task in posts:
            task.cancel()
        await asyncio.gather(*posts, return_exceptions=True)

    def _fault(self, where: str, error: BaseException) -> None:
        with contextlib.suppress(Exception):  # what counts and logs may be what fails
            self._notes.fault(where, fault_of(error))

    # -- the watchdog

    def look(self) -> Look:
        """Return what the watchdog goes by."""
        line, now = self._scheduler, self._clock()
        return Look(
            now=now,
            turn_since=self._turn_since,
            failing_since=self._failing_since,
            turned_at=self._turned_at,
            request_since=min((at for task, at in self._posts.items() if not task.done()), default=0),
            wake_at=line.wake_at(),
            holds_events=line.holds_events,
            at_rest=line.at_rest,
            read_to=line.checkpoint.read_to,
            first_left=line.first_left(now),
            timeout_ms=self._route.settings.timeout_ms,
        )

    def wake(self) -> None:
        """Have events read, though nobody said that there are some."""
        self._gathering = None
        self._more = True
        self._awake.set()

    def renew(self) -> None:
        """Have the line made anew from the spool, for something in it is lost."""
        self._broken = True
        self._awake.set()

    # -- the end

    async def stop(self, timeout_s: float) -> None:
        """Send nothing new, and wait up to ``timeout_s`` for answers; ``run`` then ends."""
        self._stopping = True
        try:
            if self._posts:
                await asyncio.wait(list(self._posts), timeout=timeout_s)
            await self._cut_off()
        finally:
            self._ended = True
            if self._gathering is not None:
                self._gathering.cancel()
            self._awake.set()
