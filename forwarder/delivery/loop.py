"""All destinations' senders over one spool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import httpx

from forwarder import metrics
from forwarder.delivery.exchange import http_client
from forwarder.delivery.sender import DestinationRoute, Sender
from forwarder.spool import Spool


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
        """Go on where the spool's cursors stand. Raises SpoolError, with nothing begun."""
        cursors = await self._spool.attach([route.name for route in self._routes])
        self._http = self._http or http_client()
        for route in self._routes:
            sender = Sender(route, self._spool, cursors[route.name], self._clock, self._http)
            await sender.resume()
            self._senders.append(sender)
        for sender in self._senders:
            self._deaf.append(self._spool.on_append(sender.hear))
            self._tasks.append(asyncio.create_task(sender.run()))

    async def stop(self, timeout_s: float) -> None:
        """Send nothing new, wait up to ``timeout_s`` for answers, write down what is known."""
        for stop_listening in self._deaf:
            stop_listening()
        self._deaf.clear()
        await asyncio.gather(*(sender.stop(timeout_s) for sender in self._senders))
        await asyncio.gather(*self._tasks)
        if self._own_http and self._http is not None:
            await self._http.aclose()
            self._http = None

    async def report(self) -> None:
        """Bring the metrics up to what lies in the spool."""
        metrics.show(await self._spool.counts(), self._clock())
