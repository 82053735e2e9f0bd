"""The thin part of delivery: reads the spool, posts batches, writes down what has become of events."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import structlog

from forwarder import metrics
from forwarder.amplitude.answers import Action, Answer
from forwarder.amplitude.endpoints import Endpoint
from forwarder.delivery.batch import Batch, encode
from forwarder.delivery.breaker import Health
from forwarder.delivery.line import Line, LineSettings
from forwarder.delivery.work import Planner
from forwarder.errors import SpoolError
from forwarder.spool import Settlement, Spool

READ = 500
"""Events read and planned in one go: bounds how long everything else waits meanwhile."""
SPOOL_RETRY_S = 1.0
REPORT_S = 5.0
"""How often the spool's gauges are refreshed."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DestinationRoute:
    """A destination and how it is served. ``sources``: names of those whose events go there, None for all."""

    name: str
    destination: Planner
    sources: frozenset[str] | None = None
    settings: LineSettings = field(default_factory=LineSettings)


class Delivery:
    """Delivers from a spool to destinations, each at its own pace, until stopped."""

    def __init__(
        self,
        spool: Spool,
        routes: Sequence[DestinationRoute],
        *,
        clock: Callable[[], int],
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """``clock``: ms since the epoch; ``http``: for tests, else one is made (and closed) here."""
        self._spool = spool
        self._routes = routes
        self._clock = clock
        self._http = http
        self._own_http = http is None
        self._senders: list[Sender] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._deaf: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Go on where the spool's cursors stand."""
        if self._http is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
            # HTTP/1.1: concurrent uploads over one HTTP/2 connection have been seen to hang.
            self._http = httpx.AsyncClient(
                http2=False,
                limits=limits,
                headers={"user-agent": "amplitude-session-forwarder"},
            )
        cursors = await self._spool.attach([route.name for route in self._routes])
        for route in self._routes:
            sender = Sender(route, self._spool, cursors[route.name], self._clock, self._http)
            await sender.resume()
            self._senders.append(sender)
            self._deaf.append(self._spool.on_append(sender.wake))
            self._tasks.append(asyncio.create_task(sender.run(), name=f"deliver-{route.name}"))
        self._tasks.append(asyncio.create_task(self._report(), name="deliver-report"))

    async def stop(self, timeout_s: float) -> None:
        """Send nothing new, wait up to ``timeout_s`` for answers, write down what is known."""
        for stop_listening in self._deaf:
            stop_listening()
        self._deaf.clear()
        await asyncio.gather(*(sender.stop(timeout_s) for sender in self._senders))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._own_http and self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _report(self) -> None:
        while True:
            counts = await self._spool.counts()
            metrics.SPOOL_EVENTS.set(counts.events)
            metrics.SPOOL_BYTES.set(counts.bytes)
            age = 0 if counts.oldest_at is None else self._clock() - counts.oldest_at
            metrics.OLDEST_SECONDS.set(max(0, age) / 1000)
            for route in self._routes:
                metrics.PARKED.labels(route.name).set(counts.parked.get(route.name, 0))
                metrics.DEAD.labels(route.name).set(counts.dead.get(route.name, 0))
            await asyncio.sleep(REPORT_S)


class Steady:
    """The clock as it was at the start, going on evenly: waits do not care when somebody sets the clock."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._ahead = clock() - time.monotonic_ns() // 1_000_000

    def __call__(self) -> int:
        """Return ms since the epoch."""
        return self._ahead + time.monotonic_ns() // 1_000_000


class Sender:
    """Serves one destination: carries out what its ``Line`` decides."""

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
        self._stopping = False
        self._more = True
        self._unwritten: Settlement | None = None
        self._health = Health.WELL

    def wake(self) -> None:
        """There may be something to do."""
        self._more = True
        self._awake.set()

    async def resume(self) -> None:
        """Take up what is parked."""
        name, spool = self._route.name, self._spool
        self._line.resume(await spool.lanes(name), await spool.aside(name, self._line.read_to))

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
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

    async def _turn(self) -> None:
        line = self._line
        if self._more and line.room() > 0 and not self._stopping:
            limit = min(READ, line.room())
            events = await self._spool.read(line.read_to, limit)
            # What was accepted during the read is not in it, and has woken us.
            self._more = len(events) == limit or self._awake.is_set()
            line.take(events, self._clock())
            if self._more and line.room() > 0:
                self._awake.set()
        if not self._stopping:
            for batch in line.due(self._clock(), self._more):
                task = asyncio.create_task(self._post(batch))
                self._posts.add(task)
                task.add_done_callback(self._posts.discard)
        await self._settle()
        if not self._stopping:
            for lane, limit in line.loads(self._clock()):
                line.loaded(lane, await self._spool.parked(self._route.name, lane, 0, limit), self._clock())
                self._awake.set()

    async def _rest(self) -> None:
        """Wait until something happens or is due."""
        at = self._line.wake_at()
        wait = None if at is None or self._stopping else max(0.0, (at - self._clock()) / 1000)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), wait)

    async def _settle(self) -> None:
        """Write down what is known; what could not be written is written first the next time."""
        if self._unwritten is None and self._line.news():
            self._unwritten = self._line.settlement()
        if self._unwritten is not None:
            await self._spool.settle(self._route.name, self._unwritten, self._wall())
            self._unwritten = None
        self._count()

    async def _post(self, batch: Batch) -> None:
        """Send one batch and hand its answer to the line."""
        route = self._route
        body = encode(batch, route.destination.api_key, route.destination.secret_key)
        try:
            response = await self._http.post(
                route.destination.url(batch.endpoint),
                content=body.content,
                headers=body.headers,
                timeout=route.settings.timeout_ms / 1000,
            )
            answer = Answer(response.status_code, self._without_keys(response.content))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            answer = Answer(0, repr(error).encode(), "unreachable")
        except Exception as error:  # time-outs, resets, anything: it may have arrived
            answer = Answer(0, repr(error).encode(), "broken")
        now = self._clock()
        decisions = self._line.answered(batch, answer, now)
        self._note(batch, answer, decisions[0].action)
        self._awake.set()

    def _without_keys(self, body: bytes) -> bytes:
        for key in (self._route.destination.api_key, self._route.destination.secret_key):
            if key:
                body = body.replace(key.encode(), b"[key]")
        return body

    def _note(self, batch: Batch, answer: Answer, action: Action) -> None:
        route = self._route
        metrics.REQUESTS.labels(route.name, _short(batch.endpoint), answer.failure or answer.status).inc()
        if action is Action.TAKEN:
            received_at = batch.works[0].event.received_at
            metrics.LATENCY.labels(route.name).observe(max(0, self._wall() - received_at) / 1000)
        else:
            self._log.warning(
                "not all was taken",
                endpoint=_short(batch.endpoint),
                items=len(batch.parts),
                status=answer.status,
                answer=answer.failure or answer.body[:200].decode("utf-8", "replace"),
            )
        health = self._line.breaker.health
        if health is not self._health:
            self._health = health
            metrics.DOWN.labels(route.name).set(health is not Health.WELL)
            say = self._log.info if health is Health.WELL else self._log.error
            say(f"destination is {health}", why=self._line.breaker.reason)

    def _count(self) -> None:
        line = self._line
        for (outcome, reason), count in line.outcomes.items():
            metrics.EVENTS.labels(self._route.name, outcome, reason).inc(count)
        line.outcomes.clear()
        if line.near_horizon:
            metrics.NEAR_HORIZON.labels(self._route.name).inc(line.near_horizon)
            self._log.warning(
                "events near Amplitude's 7 days; later they would count twice", events=line.near_horizon
            )
            line.near_horizon = 0

    async def stop(self, timeout_s: float) -> None:
        """See ``Delivery.stop``."""
        self._stopping = True
        if self._posts:
            await asyncio.wait(self._posts, timeout=timeout_s)
        for post in list(self._posts):
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        try:
            await self._settle()
        except SpoolError as error:
            self._log.error("what was delivered last could not be written, and is sent again", why=str(error))


def _short(endpoint: Endpoint) -> str:
    return endpoint.name.lower()
