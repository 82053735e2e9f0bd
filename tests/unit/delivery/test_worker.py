"""The sender wakes for every event, also for one that is accepted while it reads others."""

import asyncio
import errno
import time
from pathlib import Path

import httpx
import orjson
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.delivery import DeliveryService, DestinationRoute, SchedulerSettings
from forwarder.delivery.health import DestinationHealth
from forwarder.delivery.tail import MAX_TAIL, TailCache
from forwarder.errors import SpoolFull
from forwarder.spool import NewEvent, Settlement, StoredEvent
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.simulation.planner import Planner

NOW = 1_790_000_000_000


def event(name: str, kind: str = "track") -> NewEvent:
    return NewEvent("demo", name, orjson.dumps({"m": name, "u": "u1", "d": None, "kind": kind}))


class Overtaken(SqliteSpool):
    """A spool in which an event is accepted just when a read has seen that there is no more."""

    async def read(self, after: int, limit: int) -> list[StoredEvent]:
        events = await super().read(after, limit)
        if [one.message_id for one in events] == ["first"]:
            await self.append([event("overtaking")], NOW)
        return events


@pytest.mark.parametrize("linger_ms", [0, 50])
async def test_an_event_accepted_during_a_read_is_delivered(tmp_path: Path, linger_ms: int) -> None:
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
        route = DestinationRoute("amplitude", Planner(), None, SchedulerSettings(linger_ms=linger_ms))
        delivery = DeliveryService(spool, [route], clock=lambda: time.time_ns() // 1_000_000, http=http)
        await spool.append([event("first")], NOW)
        await delivery.start()
        async with asyncio.timeout(60):
            await both.wait()
        await delivery.stop(1)
    await spool.close()
    assert arrived == ["first", "overtaking"]


async def test_why_a_destination_cannot_be_reached_is_logged_and_shown(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("all failed") from ConnectionRefusedError(errno.ECONNREFUSED, "no")

    why = "unreachable: ConnectError: Connection refused (ECONNREFUSED)"
    with capture_logs() as logs:
        async with httpx.AsyncClient(
            transport=httpx.MockTransport(refuse), base_url="http://a.test/"
        ) as http:
            route = DestinationRoute("amplitude", Planner(), None, SchedulerSettings())
            delivery = DeliveryService(spool, [route], clock=lambda: time.time_ns() // 1_000_000, http=http)
            await spool.append([event("first")], NOW)
            await delivery.start()
            assert delivery.health() == {"amplitude": DestinationHealth()}
            async with asyncio.timeout(60):
                while not delivery.health()["amplitude"].held_back:  # noqa: ASYNC110 - asked for, never announced
                    await asyncio.sleep(0.02)
            held = delivery.health()["amplitude"]
            assert held._replace(since=0, next_try=0) == DestinationHealth(held_back=True, why=why)
            assert 0 < held.since < held.next_try
            await delivery.report()
            assert metrics.DOWN.values() == {("amplitude",): 1}
            await delivery.stop(1)
    await spool.close()
    failed = [one for one in logs if one["event"] == "not all was taken"]
    down = [one for one in logs if one["event"] == "destination is down"]
    assert failed[0]["error"] == why.partition(": ")[2]
    assert failed[0]["why"] == {"unreachable": 1}, "few enough for a metric's label"
    assert [one["why"] for one in down] == [why]


class Refusing(SqliteSpool):
    """A spool that is full for the first settlement."""

    refused = 0

    async def settle(self, destination: str, settlement: Settlement, now: int) -> None:
        if not self.refused:
            self.refused += 1
            raise SpoolFull("the disk is full", 1)
        await super().settle(destination, settlement, now)


async def test_what_could_not_be_written_is_written_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forwarder.delivery.worker.SPOOL_RETRY_S", 0.02)
    spool = Refusing(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"code": 200}))
    async with httpx.AsyncClient(transport=transport, base_url="http://a.test/") as http:
        route = DestinationRoute("retold", Planner(), None, SchedulerSettings(linger_ms=0))
        delivery = DeliveryService(spool, [route], clock=lambda: time.time_ns() // 1_000_000, http=http)
        await spool.append([event("dies", kind="invalid"), event("arrives")], NOW)
        await delivery.start()
        async with asyncio.timeout(60):
            while (await spool.counts()).destinations["retold"].waiting:  # noqa: ASYNC110 - never announced
                await asyncio.sleep(0.02)
        await delivery.stop(1)
    standing = (await spool.counts()).destinations["retold"]
    letters = await spool.dead("retold")
    await spool.close()
    assert spool.refused == 1
    assert standing.ended == {("dead", "invalid fields"): 1, ("delivered", ""): 1}
    assert [letter.event.message_id for letter in letters] == ["dies"]
    seconds = "forwarder_delivery_seconds_count"
    assert REGISTRY.get_sample_value(seconds, {"destination": "retold"}) == 1


async def test_an_upload_that_a_stop_cuts_off_may_have_arrived(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
    asked = asyncio.Event()

    async def hang(request: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError

    began = time.time_ns() // 1_000_000
    async with httpx.AsyncClient(transport=httpx.MockTransport(hang), base_url="http://a.test/") as http:
        route = DestinationRoute("cut", Planner(), None, SchedulerSettings(linger_ms=0))
        delivery = DeliveryService(spool, [route], clock=lambda: time.time_ns() // 1_000_000, http=http)
        await spool.append([event("first")], NOW)
        await delivery.start()
        async with asyncio.timeout(60):
            await asked.wait()
        await delivery.stop(0.05)
    [group] = await spool.groups("cut")
    [parked] = await spool.parked("cut", group.name, 0, 10)
    await spool.close()
    assert orjson.loads(parked.state)["maybe_since"] >= began


def spooled(*seqs: int) -> list[StoredEvent]:
    return [StoredEvent(seq, NOW, "demo", f"m{seq}", b"{}") for seq in seqs]


def taken(fresh: TailCache, seq: int, limit: int = 100) -> list[int]:
    return [event.seq for event in fresh.pop_after(seq, limit)]


def test_fresh_events_are_taken_once_and_in_order() -> None:
    fresh = TailCache()
    fresh.extend(spooled(1, 2))
    fresh.extend(spooled(3))
    assert taken(fresh, 0, limit=2) == [1, 2]
    assert taken(fresh, 2) == [3]
    assert taken(fresh, 3) == []


def test_whoever_was_read_from_the_spool_meanwhile_is_not_taken_again() -> None:
    fresh = TailCache()
    fresh.extend(spooled(4, 5, 6))
    assert taken(fresh, 5) == [6]


def test_behind_a_gap_nothing_is_taken_but_by_reading() -> None:
    fresh = TailCache()
    fresh.extend(spooled(4))
    assert taken(fresh, 2) == []
    fresh.extend(spooled(6))
    assert taken(fresh, 3) == [], "4 is let go of: behind it one is missing"
    assert taken(fresh, 4) == []
    assert taken(fresh, 5) == [6]


def test_more_than_fits_has_to_be_read() -> None:
    fresh = TailCache()
    fresh.extend(spooled(*range(1, MAX_TAIL + 1)))
    assert len(fresh) == MAX_TAIL
    fresh.extend(spooled(MAX_TAIL + 1))
    assert not len(fresh)
    assert taken(fresh, 0) == []
