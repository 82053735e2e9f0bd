"""The requests that are under way to one destination."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx

from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.clock import MonotonicClock
from forwarder.delivery.route import DestinationRoute
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.sending import send_batch


class RequestsInFlight:
    """The requests of one destination, each a task of the event loop.

    ``answered``: gets the response to a batch, with the scheduler that made the batch; ``failed``: gets what
    it raised.
    """

    def __init__(
        self,
        route: DestinationRoute,
        http: httpx.AsyncClient,
        clock: MonotonicClock,
        answered: Callable[[Scheduler, Batch, UpstreamResponse], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._route = route
        self._http = http
        self._clock = clock
        self._answered = answered
        self._failed = failed
        self._tasks: dict[asyncio.Task[None], int] = {}

    def start(self, scheduler: Scheduler, batch: Batch) -> None:
        """Begin to send a batch."""
        task = asyncio.create_task(self._send(scheduler, batch))
        self._tasks[task] = self._clock()
        task.add_done_callback(self._ended)

    @property
    def oldest_since(self) -> int:
        """When the oldest request under way was sent, ms since the epoch; 0 where there is none."""
        return min((at for task, at in self._tasks.items() if not task.done()), default=0)

    async def _send(self, scheduler: Scheduler, batch: Batch) -> None:
        route = self._route
        try:
            answer = await send_batch(self._http, route.destination, batch, route.settings.timeout_ms)
        except asyncio.CancelledError:  # we are stopping; it may have arrived
            answer = UpstreamResponse(0, b"stopped", "broken")
        self._answered(scheduler, batch, answer)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def wait(self, timeout_s: float) -> None:
        """Wait for the responses, up to ``timeout_s``."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=timeout_s)

    async def cut_off(self) -> None:
        """End the requests; each has a response that says so."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
