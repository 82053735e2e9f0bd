"""All destinations' workers over one spool, and the watchdog over them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import httpx
import structlog

from forwarder import metrics
from forwarder.delivery.client import http_client
from forwarder.delivery.health import DestinationHealth
from forwarder.delivery.route import DestinationRoute
from forwarder.delivery.sending import OUR_FAULT
from forwarder.delivery.state_metrics import show_counts, show_health
from forwarder.delivery.watchdog import MENDED_ANEW, Stall, Watch
from forwarder.delivery.worker import LAST_S, Worker
from forwarder.faults import fault_of
from forwarder.spool import Spool, Standing
from forwarder.spool.suppression import Suppression

LOOK_S = 5.0
"""How often the watchdog looks: a dozen times within the minute after which it calls a stall."""
RESTART_S = 1.0
"""How long a worker that ended by an error rests before it runs again, so that it cannot spin."""

log = structlog.get_logger(__name__)


class DeliveryService:
    """The delivery from one spool to all destinations, each at its own pace, until it is stopped."""

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
        self._workers: dict[str, Worker] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None
        self._unsubscribe: list[Callable[[], None]] = []
        self._unread: dict[str, int] = {}
        self.erasure = 0
        """The latest erasure whose marks deliveries go by."""
        self.stalled: dict[str, Stall] = {}
        """The destinations that have work and do nothing, and why."""

    async def start(self) -> None:
        """Go on where the spool's cursors stand. Raises SpoolError, with nothing begun."""
        names = [route.name for route in self._routes]
        erasure = await self._spool.erasure()
        marks = await self._spool.marks()
        cursors = await self._spool.attach(names)
        self._http = self._http or http_client()
        workers: dict[str, Worker] = {}
        for route in self._routes:
            attach = self._attaching(route.name)
            suppression = Suppression(marks, route.name)
            cursor = cursors[route.name]
            worker = Worker(route, self._spool, cursor, self._clock, self._http, attach, suppression)
            await worker.resume()
            workers[route.name] = worker
        if erasure:
            await self._spool.erasure_done(erasure)
        self.erasure = erasure
        self._workers = workers
        for name, worker in workers.items():
            self._unsubscribe.append(self._spool.on_append(worker.feed.on_accepted))
            self._tasks.append(asyncio.create_task(_kept_running(name, worker)))
        self._watching = asyncio.create_task(self._watch())

    def _attaching(self, name: str) -> Callable[[], Awaitable[int]]:
        async def attach() -> int:
            return (await self._spool.attach([route.name for route in self._routes]))[name]

        return attach

    async def stop(self, timeout_s: float) -> None:
        """Send nothing new, wait up to ``timeout_s`` for answers, write down what is known; raise nothing."""
        if self._watching is not None:
            self._watching.cancel()
        for unsubscribe in self._unsubscribe:
            with contextlib.suppress(Exception):
                unsubscribe()
        self._unsubscribe.clear()
        stops = [worker.stop(timeout_s) for worker in self._workers.values()]
        for error in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(error, BaseException):
                _note_fault("", "stop", error)
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=timeout_s + LAST_S)
            for task in left:  # the spool does not answer: what is known is sent again after the start
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if left:
                log.error("what was delivered last could not be written in time, and is sent again")
        self._tasks.clear()
        await self._close()

    async def abandon(self) -> None:
        """End all at once, in whatever state it is; what is known and not written is sent again."""
        for unsubscribe in self._unsubscribe:
            with contextlib.suppress(Exception):
                unsubscribe()
        self._unsubscribe.clear()
        tasks = [*self._tasks, *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(worker.stop(0) for worker in self._workers.values()), return_exceptions=True)
        self._tasks.clear()
        await self._close()

    async def _close(self) -> None:
        self.stalled.clear()
        if self._own_http and self._http is not None:
            with contextlib.suppress(Exception):
                await self._http.aclose()
            self._http = None

    def health(self) -> dict[str, DestinationHealth]:
        """Return how each destination does, by name."""
        return {
            name: worker.health._replace(stall=self.stalled.get(name, Stall.NONE))
            for name, worker in self._workers.items()
        }

    async def report(self) -> None:
        """Bring the metrics up to what lies in the spool and how destinations do."""
        show_health(self.health())
        show_counts(await self._spool.counts(), self._clock())

    # -- the watchdog

    async def _watch(self) -> None:
        """Look at each destination now and then, say which are stalled, and mend what a new start mends."""
        watches = {name: Watch() for name in self._workers}
        while True:
            await asyncio.sleep(LOOK_S)
            for name, worker in self._workers.items():
                try:
                    stall = await self._stall_of(name, worker, watches[name])
                    self._say(name, stall)
                    if stall in MENDED_ANEW:
                        watches[name] = Watch()
                        worker.renew()
                except Exception as error:
                    _note_fault(name, "watch", error)

    async def _stall_of(self, name: str, worker: Worker, watch: Watch) -> Stall:
        """Return why a destination is stalled; look into the spool where it seems to have nothing to do."""
        look = worker.look()
        if stall := watch.stall(look):
            return stall
        if look.holds_events or not watch.rests_long(look):
            self._unread.pop(name, None)
            return Stall.NONE
        try:
            async with asyncio.timeout(LOOK_S):
                standing = (await self._spool.counts()).destinations.get(name)
        except TimeoutError:
            return Stall.TURN
        waiting = 0 if standing is None else _unread(standing)
        if waiting and self._unread.get(name):
            worker.feed.wake()
            return Stall.UNREAD
        self._unread[name] = waiting
        return Stall.NONE

    def _say(self, name: str, stall: Stall) -> None:
        before = self.stalled.get(name, Stall.NONE)
        if stall and stall is not before:
            log.error("destination is stalled", destination=name, why=stall)
        elif before and not stall:
            log.info("destination goes on", destination=name)
        if stall:
            self.stalled[name] = stall
        else:
            self.stalled.pop(name, None)


def _unread(standing: Standing) -> int:
    """Return how many events wait without being set aside."""
    return max(0, standing.waiting - standing.parked)


async def _kept_running(name: str, worker: Worker) -> None:
    """Run a worker until it was stopped; it raises nothing, and if it does all the same, it runs again."""
    while True:
        try:
            await worker.run()
            return
        except Exception as error:
            _note_fault(name, "run", error)
            with contextlib.suppress(Exception):  # then the watchdog sees what stands still
                worker.renew()
            await asyncio.sleep(RESTART_S)


def _note_fault(name: str, where: str, error: BaseException) -> None:
    with contextlib.suppress(Exception):
        metrics.FAULTS.add(name, where)
        log.error(OUR_FAULT, destination=name, where=where, fault=fault_of(error))
