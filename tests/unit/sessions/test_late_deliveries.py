"""Late events on their way to two destinations: what waits while both are down has in-order sessions."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from pathlib import Path

import httpx
import orjson

from forwarder.config.settings import Settings
from forwarder.delivery import DeliveryService
from forwarder.routing import routes
from tests.support.sessions import MINUTE, START, Front, event
from tests.support.spools import at, opened

FASTER = 50
"""By how much the deliveries' clock runs ahead, so that waits between tries are short."""


class Amplitude:
    """A stand-in: which sessions arrived at which key, and whether it is down."""

    def __init__(self) -> None:
        self.is_down = True
        self.sessions: dict[str, dict[str, float]] = defaultdict(dict)
        self.heard = asyncio.Event()

    def take(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.heard.set()
        if self.is_down:
            return httpx.Response(503)
        said = orjson.loads(request.content)
        for one in said["events"]:
            self.sessions[said["api_key"]][one["insert_id"]] = (one["session_id"] - START) / MINUTE
        return httpx.Response(200, json={"code": 200})

    async def until(self, number: int) -> None:
        """Wait until so many events have arrived at both keys."""
        async with asyncio.timeout(60):
            while [len(some) for some in self.sessions.values()] != [number, number]:
                self.heard.clear()
                await self.heard.wait()


async def test_both_get_the_sessions_of_in_order_arrival_of_what_waited(tmp_path: Path) -> None:
    amplitude = Amplitude()
    track = {"preset": "Track Calls"}
    to = [
        {"name": name, "settings": {"apiKey": f"key of {name}"}, "subscriptions": [track]}
        for name in ("one", "two")
    ]
    settings = Settings.model_validate({"sources": [{"name": "shop", "write_key": "k"}], "destinations": to})
    began = time.monotonic()
    async with (
        opened(at(tmp_path / "spool.db")) as spool,
        httpx.AsyncClient(transport=httpx.MockTransport(amplitude.take)) as http,
    ):
        front = Front(spool)
        for name, minute in (("b", 20), ("d", 70), ("c", 45)):
            await front.take(event(name, minute))
        delivery = DeliveryService(
            spool,
            routes(settings),
            clock=lambda: START + int((time.monotonic() - began) * 1000 * FASTER),
            http=http,
        )
        await delivery.start()
        async with asyncio.timeout(60):
            while not all(one.held_back for one in delivery.health().values()):
                amplitude.heard.clear()
                await amplitude.heard.wait()
        await front.take(event("a", 0))  # b was handed on
        for name, minute in (("g", 70), ("e", 20), ("f", 45)):
            await front.take(event(name, minute, "anon-2"))
        amplitude.is_down = False
        await amplitude.until(7)
        await front.take(event("late", 10, "anon-2"))
        await amplitude.until(8)
        await delivery.stop(1)
    wanted = dict.fromkeys(["a", "b", "c", "d", "e", "f", "g", "late"], 20.0)
    assert amplitude.sessions == {"key of one": wanted, "key of two": wanted}
