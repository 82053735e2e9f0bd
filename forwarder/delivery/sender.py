"""Serves one destination: carries out what its ``Line`` decides."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import structlog

from forwarder import metrics
from forwarder.amplitude.answers import Action, Answer
from forwarder.delivery.batch import Batch, encode
from forwarder.delivery.breaker import Health
from forwarder.delivery.clock import Steady
from forwarder.delivery.exchange import exchange
from forwarder.delivery.fresh import Fresh
from forwarder.delivery.line import Line
from forwarder.delivery.line_settings import LineSettings
from forwarder.delivery.planning import Planner
from forwarder.errors import SpoolError
from forwarder.spool import Settlement, Spool, Spooled

READ = 500
"""Events read and planned in one go: bounds how long everything else waits meanwhile."""
GATHER_MS = 10
"""How long an event may wait for others before all are planned; never more than a fifth of the linger."""
SPOOL_RETRY_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DestinationRoute:
    """A destination and how it is served. ``sources``: names of those whose events go there, None for all."""

    name: str
    destination: Planner
    sources: frozenset[str] | None = None
    settings: LineSettings = field(default_factory=LineSettings)


class Sender:
    """One destination's. ``clock``: ms since the epoch."""

    def __init__(
        self,
        route: DestinationRoute,
        spool: Spool,
        cursor: int,
        clock: Callable[[], int],
        http: httpx.AsyncClient,
    ) -> None:
        self._route = route
        self._spool = spool
        self._wall = clock
        self._clock = Steady(clock)
        self._http = http
        self._line = Line(route.destination, route.sources, route.settings, cursor, random.Random())
        self._log = log.bind(destination=route.name)
        self._posts: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._stopping = self._ended = False
        self._fresh = Fresh()
        self._gather_s = min(GATHER_MS, route.settings.linger_ms // 5) / 1000
        self._gathering: asyncio.TimerHandle | None = None
        self._more = True
        self._unwritten: Settlement | None = None
        self._health = Health.WELL

    def hear(self, events: Sequence[Spooled]) -> None:
        """Take note of events that were accepted, and of others that come within a few ms."""
        self._fresh.hear(events)
        self._more = True
        if not self._gather_s or len(self._fresh) >= READ:
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
        self._line.resume(await spool.lanes(name), await spool.aside(name, self._line.progress.cursor))

    async def run(self) -> None:
        """Deliver until stopped; then write down what is known."""
        while not self._ended:
            self._awake.clear()
            try:
                await self._turn()
            except SpoolError as error:
                self._log.error("the spool cannot be written", why=str(error))
                await asyncio.sleep(SPOOL_RETRY_S)
            except Exception:  # a fault of ours must not end deliveries for good
                self._log.exception("delivery failed and goes on")
                await asyncio.sleep(SPOOL_RETRY_S)
            if not self._awake.is_set():
                await self._rest()
        try:
            await self._settle()
            self._line.leave()
            await self._settle()
        except SpoolError as error:
            self._log.error("what was delivered last could not be written, and is sent again", why=str(error))

    async def _turn(self) -> None:
        """Write what is known before anything else: what cannot be written must not become more."""
        line = self._line
        await self._settle()
        if self._stopping:
            return
        if self._more and line.room() > 0:
            limit = min(READ, line.room())
            read_to = line.progress.read_to
            events = self._fresh.after(read_to, limit) or await self._spool.read(read_to, limit)
            # What was accepted during the read is not in it, and has woken us.
            self._more = len(events) == limit or self._awake.is_set()
            line.take(events, self._clock())
            if self._more and line.room() > 0:
                self._awake.set()
        await self._settle()
        while load := line.load(self._clock()):
            lane, limit = load
            line.loaded(lane, await self._spool.parked(self._route.name, lane, 0, limit), self._clock())
        for batch in line.due(self._clock(), self._more):
            task = asyncio.create_task(self._post(batch))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)
        await self._settle()

    async def _rest(self) -> None:
        """Wait until something happens or is due."""
        at = self._line.wake_at()
        wait = None if at is None or self._stopping else max(0.0, (at - self._clock()) / 1000)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._awake.wait()

    async def _settle(self) -> None:
        """Write down what is known; what could not be written is written first the next time."""
        if self._unwritten is None and self._line.news():
            self._unwritten = self._line.settlement()
        if self._unwritten is not None:
            await self._spool.settle(self._route.name, self._unwritten, self._wall())
            self._unwritten = None

    async def _post(self, batch: Batch) -> None:
        """Send one batch and hand its answer to the line."""
        route, to = self._route, self._route.destination
        secrets = (to.api_key, to.secret_key)
        try:
            body = encode(batch, *secrets)
            timeout_s = route.settings.timeout_ms / 1000
            answer = await exchange(self._http, to.url(batch.endpoint), body, timeout_s, secrets)
        except asyncio.CancelledError:  # we are stopping; it may have arrived
            answer = Answer(0, b"stopped", "broken")
        decisions = self._line.answered(batch, answer, self._clock())
        self._note(batch, answer, decisions[0].action)
        self._awake.set()

    def _note(self, batch: Batch, answer: Answer, action: Action) -> None:
        """Count and log the answer."""
        route, judge = self._route, self._line.judge
        endpoint = batch.endpoint.name.lower()
        metrics.REQUESTS.labels(route.name, endpoint, answer.failure or answer.status).inc()
        if action is Action.TAKEN:
            received_at = min(work.event.received_at for work in batch.works)
            metrics.LATENCY.labels(route.name).observe(max(0, self._wall() - received_at) / 1000)
        else:
            self._log.warning(
                "not all was taken",
                endpoint=endpoint,
                items=len(batch.parts),
                status=answer.status,
                answer=answer.failure or answer.body[:200].decode("utf-8", "replace"),
            )
        if judge.near_horizon:
            metrics.NEAR_HORIZON.labels(route.name).inc(judge.near_horizon)
            self._log.warning(
                "events near Amplitude's 7 days; later they would count twice", events=judge.near_horizon
            )
            judge.near_horizon = 0
        if judge.breaker.health is not self._health:
            self._health = judge.breaker.health
            metrics.DOWN.labels(route.name).set(self._health is not Health.WELL)
            say = self._log.info if self._health is Health.WELL else self._log.error
            say(f"destination is {self._health}", why=judge.breaker.reason)

    async def stop(self, timeout_s: float) -> None:
        """Send nothing new, and wait up to ``timeout_s`` for answers; ``run`` then ends."""
        self._stopping = True
        if self._posts:
            await asyncio.wait(self._posts, timeout=timeout_s)
        for post in self._posts:
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        self._ended = True
        self._awake.set()
