"""The sender wakes for every event, also for one that is accepted while it reads others."""

import asyncio
from pathlib import Path

import httpx
import orjson

from forwarder.delivery import Delivery, DestinationRoute, LineSettings
from forwarder.spool import NewEvent, Spooled
from forwarder.spool.sqlite import SqliteSpool
from tests.simulation.planner import Planner

NOW = 1_790_000_000_000


def event(name: str) -> NewEvent:
    return NewEvent("demo", name, orjson.dumps({"m": name, "u": "u1", "d": None, "kind": "track"}))


class Overtaken(SqliteSpool):
    """A spool in which an event is accepted just when a read has seen that there is no more."""

    async def read(self, after: int, limit: int) -> list[Spooled]:
        events = await super().read(after, limit)
        if [one.message_id for one in events] == ["first"]:
            await self.append([event("overtaking")], NOW)
        return events


async def test_an_event_accepted_during_a_read_is_delivered(tmp_path: Path) -> None:
    spool = Overtaken(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
    arrived: list[str] = []
    both = asyncio.Event()

    def take(request: httpx.Request) -> httpx.Response:
        arrived.extend(one["insert_id"] for one in orjson.loads(request.content)["events"])
        if len(arrived) == 2:
            both.set()
        return httpx.Response(200, json={"code": 200})

    transport = httpx.MockTransport(take)
    async with httpx.AsyncClient(transport=transport, base_url="http://amplitude.test/") as http:
        route = DestinationRoute("amplitude", Planner(), None, LineSettings(linger_ms=0))
        delivery = Delivery(spool, [route], clock=lambda: NOW, http=http)
        await delivery.start()
        await spool.append([event("first")], NOW)
        async with asyncio.timeout(10):
            await both.wait()
        await delivery.stop(1)
    await spool.close()
    assert arrived == ["first", "overtaking"]
