"""One story for supervisors: /health is about the process, /ready about events; a stall fails neither."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from forwarder.app import Forwarder
from forwarder.config.settings import Settings
from forwarder.delivery.watchdog import Stall
from forwarder.errors import SpoolLost, SpoolUnavailable
from forwarder.status import status_routes
from forwarder.version import running


@pytest.mark.parametrize(
    ("status", "health", "ready"),
    [
        ("ok", 200, 200),
        ("stalled", 200, 200),
        ("standby", 200, 503),
        ("stream_silent", 200, 503),
        ("stream_full", 200, 503),
        ("stream_incomplete", 200, 503),
        ("failed", 503, 503),
    ],
)
async def test_only_what_a_restart_mends_asks_for_one(status: str, health: int, ready: int) -> None:
    transport = httpx.ASGITransport(Starlette(routes=status_routes(lambda: status)))
    for path, code in (("/health", health), ("/ready", ready)):
        async with httpx.AsyncClient(transport=transport, base_url="http://forwarder.test") as client:
            answer = await client.get(path)
        assert (answer.status_code, answer.json()) == (code, {"status": status, "version": running()})
        assert answer.headers["cache-control"] == "no-store"
        assert ("retry-after" in answer.headers) is (code == 503)


class Spool:
    """As much of a spool as the status asks for."""

    failure: SpoolLost | None = None
    why: SpoolUnavailable | None = None

    def unavailable(self) -> SpoolUnavailable | None:
        return self.why


class Delivery:
    def __init__(self) -> None:
        self.stalled: dict[str, Stall] = {}


def test_the_worst_is_said_first() -> None:
    forwarder = Forwarder(Settings(), lambda: 0)
    assert forwarder.status() == "standby"
    spool, delivery = Spool(), Delivery()
    forwarder.spool = spool  # type: ignore[assignment]
    forwarder.delivery = delivery  # type: ignore[assignment]
    assert forwarder.status() == "ok"
    delivery.stalled["amplitude"] = Stall.DUE
    assert forwarder.status() == "stalled"
    spool.why = SpoolUnavailable("stream_silent", "the stream is silent", 2)
    assert forwarder.status() == "stream_silent"
    spool.failure = SpoolLost("it is lost")
    assert forwarder.status() == "failed"


async def test_a_forwarder_that_delivers_nothing_after_a_reload_is_stalled() -> None:
    forwarder = Forwarder(Settings(), lambda: 0)
    forwarder.spool, forwarder.delivery = Spool(), Delivery()  # type: ignore[assignment]
    forwarder._restoring = asyncio.create_task(asyncio.sleep(60))
    assert forwarder.status() == "stalled"
    forwarder._restoring.cancel()
    await asyncio.wait((forwarder._restoring,))
    assert forwarder.status() == "ok"
