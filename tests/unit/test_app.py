"""A forwarder that reads its configuration again, or ends: deliveries go on, and the stop has a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from forwarder.app import Forwarder
from forwarder.config.restarting import FOR_THE_PROCESS
from forwarder.config.settings import Settings
from forwarder.delivery import DestinationRoute, SchedulerSettings
from forwarder.errors import SpoolError, SpoolFull
from forwarder.spool import NewEvent
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.simulation.planner import Planner


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def accepted(name: str) -> NewEvent:
    return NewEvent("demo", name, orjson.dumps({"m": name, "u": "u1", "d": None, "kind": "track"}))


class Spool(SqliteSpool):
    """Its next ``attach`` raises ``refusal``; ``said`` is what it was asked to do about its end."""

    refusal: Exception | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.said: list[object] = []

    async def attach(self, destinations: Sequence[str]) -> dict[str, int]:
        refusal, self.refusal = self.refusal, None
        if refusal is not None:
            raise refusal
        return await super().attach(destinations)

    def end_within(self, seconds: float) -> None:
        self.said.append(seconds)

    async def close(self) -> None:
        self.said.append("closed")
        await super().close()


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What has arrived at the one destination that every configuration has here."""
    found: list[str] = []

    def take(request: httpx.Request) -> httpx.Response:
        found.extend(one["insert_id"] for one in orjson.loads(request.content)["events"])
        return httpx.Response(200, json={"code": 200})

    def client() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(take), base_url="http://amplitude.test")

    async def opened(*_: object) -> Spool:
        return Spool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)

    route = DestinationRoute("d", Planner(), None, SchedulerSettings(linger_ms=0))
    monkeypatch.setattr("forwarder.delivery.service.http_client", client)
    monkeypatch.setattr("forwarder.app.open_configured", opened)
    monkeypatch.setattr("forwarder.app.routes", lambda settings: [route])
    monkeypatch.setattr("forwarder.app.RESTORE_S", 0.05)
    return found


@pytest.fixture
async def running(arrived: list[str]) -> AsyncIterator[Forwarder]:
    forwarder = Forwarder(Settings(), now_ms)
    await forwarder.start()
    yield forwarder
    if not forwarder._stopping:
        await forwarder.stop(1)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - never announced
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("refusal", [SpoolFull("the disk is full", 1), ZeroDivisionError("of ours")])
async def test_a_reload_that_fails_leaves_a_forwarder_that_delivers(
    running: Forwarder, arrived: list[str], refusal: Exception
) -> None:
    before = running.settings
    running.spool.refusal = refusal  # type: ignore[attr-defined]
    with pytest.raises(type(refusal)):
        await running.reload(Settings())
    assert running.settings is before
    await running.spool.append([accepted("later")], now_ms())
    await until(lambda: arrived == ["later"])
    await until(lambda: running.status() == "ok")
    await running.reload(Settings())
    await running.spool.append([accepted("last")], now_ms())
    await until(lambda: arrived == ["later", "last"])


async def test_deliveries_are_restored_however_often_that_fails(
    running: Forwarder, arrived: list[str]
) -> None:
    spool: Any = running.spool
    attach, failures = spool.attach, iter(range(3))

    async def fails(destinations: Sequence[str]) -> dict[str, int]:
        if next(failures, None) is not None:
            raise SpoolError("the disk says no")
        return dict(await attach(destinations))

    spool.attach = fails
    with pytest.raises(SpoolError):
        await running.reload(Settings())
    assert running.status() == "stalled", "nothing is delivered yet"
    await running.spool.append([accepted("later")], now_ms())
    await until(lambda: arrived == ["later"])
    assert running.status() == "ok"


async def test_a_stop_bounds_how_long_the_spool_waits(running: Forwarder) -> None:
    await running.stop(1.5)
    assert running.spool.said == [1.5, "closed"]  # type: ignore[attr-defined]


ONCE: dict[str, dict[str, dict[str, object]]] = {
    "server.host": {"server": {"host": "::1"}},
    "server.port": {"server": {"port": 8301}},
    "server.trusted_proxies": {"server": {"trusted_proxies": ["10.0.0.0/8"]}},
    "spool": {"spool": {"path": "other.db"}},
    "history": {"history": {"hours": 1}},
    "limits.request_seconds": {"limits": {"request_seconds": 61}},
    "limits.idle_seconds": {"limits": {"idle_seconds": 76}},
    "limits.header_bytes": {"limits": {"header_bytes": 40_000}},
    "limits.connections": {"limits": {"connections": 9_000}},
    "limits.unanswered_bytes": {"limits": {"unanswered_bytes": 300_000_000}},
}
"""Settings that are the process' own, each with another value."""


@pytest.mark.parametrize("name", ONCE)
async def test_what_takes_effect_at_the_next_start_is_told(running: Forwarder, name: str) -> None:
    with capture_logs() as logs:
        await running.reload(Settings())
        await running.reload(Settings.model_validate(ONCE[name]))
    told = [line["settings"] for line in logs if "next start" in line["event"]]
    assert told == [[name]]
    assert set(FOR_THE_PROCESS) == set(ONCE)
