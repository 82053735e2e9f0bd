"""Serves one destination: carries out what its ``Scheduler`` decides.

Whatever fails here in our own code is counted and logged, and delivery goes on: a batch has had a failed
try; a scheduler whose state can no longer be trusted is made anew from the spool, as after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import Enum

import httpx
import structlog

from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.clock import MonotonicClock
from forwarder.delivery.feed import EventFeed
from forwarder.delivery.health import DestinationHealth
from forwarder.delivery.in_flight import RequestsInFlight
from forwarder.delivery.restoring import SchedulerFactory
from forwarder.delivery.route import DestinationRoute
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.sending import ResponseRecorder
from forwarder.delivery.settling import SettlementWriter
from forwarder.delivery.turns import TurnTimes
from forwarder.delivery.watchdog import Look
from forwarder.errors import SpoolError
from forwarder.faults import fault_of
from forwarder.spool import Spool
from forwarder.spool.suppression import NOBODY, Suppression

SPOOL_RETRY_S = 1.0
"""How long delivery waits before it tries again a spool that cannot be written: a full disk stays full."""
LAST_S = 30.0
"""How long what is known may take to be written at the end, where the spool has no bound of its own."""

log = structlog.get_logger(__name__)


class Phase(Enum):
    """The phase of a worker's life: it sends, sends nothing new, or has no requests under way any more."""

    RUNNING = 1
    STOPPING = 2
    ENDED = 3


class Worker:
    """The worker of one destination. It belongs to the event loop, and its scheduler belongs to it.

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
        self._clock = MonotonicClock(clock)
        self._awake = asyncio.Event()
        self._phase = Phase.RUNNING
        self._broken = False
        self._turns = TurnTimes()
        self._recorder = ResponseRecorder(route.name, clock, log.bind(destination=route.name))
        self.feed = EventFeed(route, spool, self._clock, self._awake, self._fault)
        self._requests = RequestsInFlight(route, http, self._clock, self._answered, self._lost)
        self._settlements = SettlementWriter(route.name, spool, clock)
        self._factory = SchedulerFactory(route, spool, attach, suppression)
        self._scheduler = self._factory.new(cursor)

    @property
    def health(self) -> DestinationHealth:
        """How the destination does, but for what the watchdog knows."""
        breaker = self._scheduler.breaker
        if not breaker.probing:
            return DestinationHealth()
        return DestinationHealth(True, breaker.reason, since=breaker.since, next_try=breaker.until)

    async def resume(self) -> None:
        """Have the scheduler go on with what is parked. Raises SpoolError."""
        await self._factory.resume(self._scheduler)

    # -- turns

    async def run(self) -> None:
        """Deliver until stopped; then write down what is known. Raises nothing: what fails is tried again."""
        while self._phase is not Phase.ENDED:
            self._awake.clear()
            self._turns.since = self._clock()
            wait_s = await self._guarded_turn()
            self._turns.since = 0
            if self.feed.is_taking:
                await asyncio.sleep(0)
            elif wait_s:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._pause()
            elif not self._awake.is_set():
                await self._rest()
        if not self._broken:
            await self._write_last()

    async def _write_last(self) -> None:
        """Write down what is known, at the end. Raises nothing."""
        try:
            await self._settlements.write(self._scheduler)
            self._scheduler.park_unfinished()
            await self._settlements.write(self._scheduler)
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
        while self._phase is not Phase.ENDED:
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
            self._turns.failed(self._clock())
            return SPOOL_RETRY_S
        except Exception as error:
            self._fault("turn", error)
            self._broken = True
            self._turns.failed(self._clock())
            return self._turns.wait_after_fault_s()
        self._turns.went_well(self._clock())
        return 0

    async def _begin_anew(self) -> None:
        """Go on from what the spool holds: what is in memory can no longer be trusted."""
        await self._requests.cut_off()
        if self._phase is not Phase.RUNNING:
            return
        self.feed.restart()
        self._settlements.restart()
        self._scheduler = await self._factory.remake()
        self._broken = False

    async def _turn(self) -> None:
        """Write what is known before anything else: what cannot be written must not become more."""
        scheduler, feed = self._scheduler, self.feed
        await self._settlements.write(scheduler)
        if self._phase is not Phase.RUNNING:
            return
        await feed.take(scheduler)
        await self._settlements.write(scheduler)
        await feed.bring_back(scheduler)
        for batch in scheduler.due(self._clock(), feed.more):
            self._requests.start(scheduler, batch)
        await self._settlements.write(scheduler)

    async def _rest(self) -> None:
        """Wait until something happens or is due."""
        at = self._scheduler.wake_at()
        stopping = self._phase is not Phase.RUNNING
        wait = None if at is None or stopping else max(0.0, (at - self._clock()) / 1000)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._awake.wait()

    # -- responses

    def _answered(self, scheduler: Scheduler, batch: Batch, answer: UpstreamResponse) -> None:
        """Hand a response to the scheduler that made the batch, unless another one has taken its place."""
        if scheduler is not self._scheduler or self._broken:
            return  # its events go on in another one
        try:
            decisions = scheduler.answered(batch, answer, self._clock())
        except Exception as error:
            self._broken = True
            scheduler.faults.note(batch, fault_of(error))
            self._fault("answer", error)
        else:
            try:
                self._recorder.answered(batch, answer, decisions, scheduler.retry_policy)
            except Exception as error:
                self._fault("note", error)
        self._awake.set()

    def _lost(self, error: BaseException) -> None:
        """Have the scheduler made anew: a response did not reach it."""
        self._fault("post", error)
        self.renew()

    def _fault(self, where: str, error: BaseException) -> None:
        with contextlib.suppress(Exception):  # what counts and logs may be what fails
            self._recorder.fault(where, fault_of(error))

    # -- the watchdog

    def look(self) -> Look:
        """Return what the watchdog goes by."""
        scheduler, now = self._scheduler, self._clock()
        return Look(
            now=now,
            turn_since=self._turns.since,
            failing_since=self._turns.failing_since,
            turned_at=self._turns.turned_at,
            request_since=self._requests.oldest_since,
            wake_at=scheduler.wake_at(),
            holds_events=scheduler.holds_events,
            at_rest=scheduler.at_rest,
            read_to=scheduler.checkpoint.read_to,
            first_left=scheduler.first_left(now),
            timeout_ms=self._route.settings.timeout_ms,
        )

    def renew(self) -> None:
        """Have the scheduler made anew from the spool, for something in it is lost."""
        self._broken = True
        self._awake.set()

    # -- the end

    async def stop(self, timeout_s: float) -> None:
        """Send nothing new, and wait up to ``timeout_s`` for answers; ``run`` then ends."""
        self._phase = Phase.STOPPING
        try:
            await self._requests.wait(timeout_s)
            await self._requests.cut_off()
        finally:
            self._phase = Phase.ENDED
            self.feed.close()
            self._awake.set()
