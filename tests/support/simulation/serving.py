"""A delivery in virtual time over the simulation's spool: no process, no waiting, nothing left to chance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import httpx
import orjson

from forwarder.delivery import DeliveryService, DestinationRoute, SchedulerSettings
from forwarder.spool import Counts, Settlement, StoredEvent
from forwarder.spool.user_mark import UserMark
from tests.support.simulation.lines import NOW, event
from tests.support.simulation.memory_spool import AsyncSpool
from tests.support.simulation.planner import Planner
from tests.support.simulation.virtual import VirtualLoop


class Project(Planner):
    """A destination with addresses."""

    url = staticmethod(lambda endpoint: f"http://amplitude.test{endpoint}")  # type: ignore[assignment]


class Spool(AsyncSpool):
    """The simulation's spool, what it was asked, and what of it fails or hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.attached: list[list[str]] = []
        self.done: list[int] = []
        self.erased = 0
        self.deleted: list[UserMark] = []
        self.hangs = False
        self.silent = False
        self.reads = 0

    async def attach(self, destinations: Sequence[str]) -> dict[str, int]:
        """See ``Spool``."""
        self.attached.append(list(destinations))
        return await super().attach(destinations)

    async def read(self, after: int, limit: int) -> list[StoredEvent]:
        """See ``Spool``."""
        self.reads += 1
        return await super().read(after, limit)

    async def settle(self, destination: str, settlement: Settlement, now: int) -> None:
        """See ``Spool``."""
        if self.hangs:
            await asyncio.sleep(10**6)
        await super().settle(destination, settlement, now)

    async def erasure(self) -> int:
        """See ``Spool``."""
        return self.erased

    async def erasure_done(self, number: int) -> None:
        """See ``Spool``."""
        self.done.append(number)

    async def marks(self) -> list[UserMark]:
        """See ``Spool``."""
        return self.deleted

    async def counts(self) -> Counts:
        """See ``Spool``."""
        if self.silent:
            await asyncio.sleep(10**6)
        return await super().counts()

    @property
    def listeners(self) -> int:
        """How many hear of accepted events."""
        return len(self._listeners)


class Serving:
    """A delivery in virtual time, its spool, and what arrived at Amplitude."""

    def __init__(
        self,
        loop: VirtualLoop,
        *names: str,
        answer: Callable[[httpx.Request], Any] | None = None,
        linger_ms: int = 0,
    ) -> None:
        self.loop = loop
        self.names = names or ("one",)
        self.spool = cast(Any, Spool())
        self.arrived: list[str] = []
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(answer or self.take))
        settings = SchedulerSettings(linger_ms=linger_ms)
        self.routes = [DestinationRoute(name, Project(), None, settings) for name in self.names]
        self.delivery = DeliveryService(self.spool, self.routes, clock=self.now, http=self.http)

    def now(self) -> int:
        """Return ms since the epoch."""
        return NOW + round(self.loop.time() * 1000)

    def take(self, request: httpx.Request) -> httpx.Response:
        """Take all, and note their insert ids."""
        self.arrived += [one["insert_id"] for one in orjson.loads(request.content)["events"]]
        return httpx.Response(200, json={"code": 200})

    def worker(self, name: str = "one") -> Any:
        """Return a destination's worker."""
        return self.delivery._workers[name]

    def accept(self, *seqs: int, user: str = "u1") -> None:
        """Accept events of one user."""
        for seq in seqs:
            self.spool.accept(event(seq, user, at=self.now()))


Play = Callable[[Callable[[VirtualLoop], Coroutine[Any, Any, None]]], None]
"""Runs a test in virtual time."""
