"""Every way in which a destination may have work and do nothing is noticed, and none that is in order."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from forwarder.delivery import DeliveryService, DestinationRoute, SchedulerSettings, service
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.state_metrics import show_health
from forwarder.delivery.watchdog import LEFT_MS, MENDED_ANEW, STILL_MS, Look, Stall, Watch
from forwarder.spool import Counts, NewEvent
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.simulation.lines import NOW, event, line
from tests.support.simulation.planner import Planner

WELL = Look(
    now=NOW,
    turn_since=0,
    failing_since=0,
    turned_at=NOW - 10,
    request_since=0,
    wake_at=None,
    holds_events=False,
    at_rest=False,
    read_to=9,
    first_left=0,
    timeout_ms=30_000,
)
LONG = NOW - STILL_MS - 1
JUST = NOW - STILL_MS


@pytest.mark.parametrize(
    ("seen", "stall"),
    [
        ({"failing_since": LONG}, Stall.FAILING),
        ({"failing_since": 1}, Stall.FAILING),
        ({"turn_since": 1}, Stall.TURN),
        ({"request_since": 1}, Stall.REQUEST),
        ({"turned_at": 1, "wake_at": LONG}, Stall.DUE),
        ({"failing_since": LONG, "turn_since": LONG}, Stall.FAILING),
        ({"turn_since": LONG}, Stall.TURN),
        ({"request_since": LONG - 30_000}, Stall.REQUEST),
        ({"turned_at": LONG, "wake_at": LONG}, Stall.DUE),
        ({"turned_at": LONG, "wake_at": LONG, "holds_events": True}, Stall.DUE),
    ],
)
def test_what_stands_still_for_a_minute_is_a_stall(seen: dict[str, Any], stall: Stall) -> None:
    assert Watch().stall(WELL._replace(**seen)) is stall


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"failing_since": JUST},
        {"turn_since": JUST},
        {"request_since": JUST - 30_000},
        {"request_since": LONG},
        {"turned_at": JUST, "wake_at": LONG},
        {"turned_at": LONG, "wake_at": JUST},
        {"turned_at": LONG, "wake_at": NOW + 1},
        {"turned_at": 0, "wake_at": LONG, "holds_events": True},
        {"turned_at": LONG, "holds_events": True},
    ],
)
def test_what_waits_for_its_time_is_none(seen: dict[str, Any]) -> None:
    assert Watch().stall(WELL._replace(**seen)) is Stall.NONE


def test_events_that_wait_for_nothing_for_a_minute_are_a_stall() -> None:
    watch = Watch()
    lost = WELL._replace(holds_events=True, at_rest=True)
    assert watch.stall(lost) is Stall.NONE
    assert watch.stall(lost._replace(now=NOW + STILL_MS)) is Stall.NONE
    assert watch.stall(lost._replace(now=NOW + STILL_MS + 1)) is Stall.LOST
    for other in ({"read_to": 10}, {"holds_events": False}, {"at_rest": False}):
        again = lost._replace(now=NOW + STILL_MS + 1, **other)
        assert watch.stall(again) is Stall.NONE, "something happened meanwhile"
        assert watch.stall(lost._replace(now=NOW + STILL_MS + 2)) is Stall.NONE
        assert watch.stall(lost._replace(now=NOW + 2 * STILL_MS + 3)) is Stall.LOST


def test_only_who_rests_for_long_may_have_unread_events() -> None:
    watch = Watch()
    at_rest = WELL._replace(at_rest=True)
    assert not watch.rests_long(at_rest), "it was never looked at"
    assert watch.stall(at_rest) is Stall.NONE
    later = at_rest._replace(now=NOW + STILL_MS + 1)
    assert watch.stall(later) is Stall.NONE
    assert watch.rests_long(later)
    watch.stall(WELL)
    assert not watch.rests_long(later)


def test_an_event_that_is_left_for_five_minutes_is_a_stall() -> None:
    watch = Watch()
    left = WELL._replace(first_left=7)
    assert watch.stall(left) is Stall.NONE
    assert watch.stall(left._replace(now=NOW + LEFT_MS)) is Stall.NONE
    assert watch.stall(left._replace(now=NOW + LEFT_MS + 1)) is Stall.LEFT
    assert watch.stall(left._replace(now=NOW + LEFT_MS + 1, first_left=8)) is Stall.NONE, "another one"
    assert watch.stall(left._replace(now=NOW + LEFT_MS + 2, first_left=0)) is Stall.NONE


def test_the_scheduler_says_what_the_watchdog_goes_by() -> None:
    one = line(linger_ms=50)
    assert (one.holds_events, one.at_rest, one.first_left(NOW)) == (False, True, 0)
    one.loader.take([event(1, "u1"), event(2, "u1", "identify")], NOW)
    assert (one.holds_events, one.at_rest, one.first_left(NOW)) == (True, False, 0)
    (batch,) = one.due(NOW + 50, False)
    assert (one.at_rest, one.first_left(NOW)) == (False, 0), "a request is under way"
    one._queue.batches.complete(batch)  # its answer is lost
    assert (one.holds_events, one.at_rest, one.first_left(NOW)) == (True, True, 1)
    one.breaker.pause(NOW, 1_000)
    assert one.first_left(NOW) == 0, "nothing may be sent"
    assert one.first_left(NOW + 1_000) == 1


# -- in the service


class Clock:
    """Real time, and as much more as a test lets pass."""

    def __init__(self) -> None:
        self.more = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.more


class Deaf(SqliteSpool):
    """Tells nobody of events; or does not say how many there are."""

    silent = False

    def on_append(self, call: Callable[..., None]) -> Callable[[], None]:
        return lambda: None

    async def counts(self) -> Counts:
        if self.silent:
            await asyncio.sleep(60)
        return await super().counts()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - never announced
            await asyncio.sleep(0.01)


def accepted(name: str, user: str = "u1") -> NewEvent:
    return NewEvent("demo", name, orjson.dumps({"m": name, "u": user, "d": None, "kind": "track"}))


class Watched:
    """A destination of its own name, what arrived at it, and how to let time pass for it."""

    def __init__(self, tmp_path: Path, name: str, spool: type[SqliteSpool] = SqliteSpool) -> None:
        self.name = name
        self.spool = spool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
        self.clock = Clock()
        self.arrived: list[str] = []
        self.http = httpx.AsyncClient(
            transport=httpx.MockTransport(self._take), base_url="http://amplitude.test"
        )
        route = DestinationRoute(name, Planner(), None, SchedulerSettings(linger_ms=0))
        self.delivery = DeliveryService(self.spool, [route], clock=self.clock, http=self.http)

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.arrived += [one["insert_id"] for one in orjson.loads(request.content)["events"]]
        return httpx.Response(200, json={"code": 200})

    @property
    def worker(self) -> Any:
        return self.delivery._workers[self.name]

    def pass_ms(self, ms: int) -> None:
        self.worker._clock._ahead += ms

    def metric(self) -> float | None:
        show_health(self.delivery.health())
        return REGISTRY.get_sample_value("forwarder_destination_stalled", {"destination": self.name})

    async def end(self) -> None:
        await self.delivery.stop(0.1)
        await self.spool.close()
        await self.http.aclose()


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Look]:
    """Have destinations looked at often; return each look."""
    monkeypatch.setattr(service, "LOOK_S", 0.05)
    found: list[Look] = []
    stall = Watch.stall

    def noted(self: Watch, look: Look) -> Stall:
        found.append(look)
        return stall(self, look)

    monkeypatch.setattr(Watch, "stall", noted)
    return found


async def at_rest(looks: list[Look]) -> None:
    """Wait until the watchdog has seen that nothing is under way."""
    looks.clear()
    await until(lambda: looks and looks[-1].at_rest)


async def test_events_that_nobody_was_told_of_are_a_stall_and_are_read(
    tmp_path: Path, looks: list[Look]
) -> None:
    one = Watched(tmp_path, "unread", Deaf)
    await one.delivery.start()
    await at_rest(looks)
    await one.spool.append([accepted("m1")], NOW)
    with capture_logs() as logs:
        one.pass_ms(STILL_MS + 1)
        await until(lambda: one.arrived)
        await until(lambda: not one.delivery.stalled)
    said = [(line["event"], line.get("why")) for line in logs if line.get("destination") == one.name]
    assert said == [("destination is stalled", Stall.UNREAD), ("destination goes on", None)]
    assert one.metric() == 0
    await one.end()


async def test_a_spool_that_says_nothing_is_a_stall(tmp_path: Path, looks: list[Look]) -> None:
    one = Watched(tmp_path, "silent", Deaf)
    await one.delivery.start()
    await at_rest(looks)
    one.spool.silent = True  # type: ignore[attr-defined]
    one.pass_ms(STILL_MS + 1)
    await until(lambda: one.delivery.stalled)
    assert one.delivery.stalled == {one.name: Stall.TURN}
    assert one.metric() == 1
    await one.end()
    assert one.metric() == 0, "it is not this forwarder's any more"


async def test_events_that_wait_for_nothing_are_a_stall_and_are_taken_up_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: list[Look]
) -> None:
    one = Watched(tmp_path, "lost")
    lost: list[object] = []

    def loses(self: Scheduler, now: int, more: bool) -> list[Any]:
        lost.extend(self._queue.batches._open)
        self._queue.batches._open.clear()
        return []

    with monkeypatch.context() as losing:
        losing.setattr(Scheduler, "due", loses)
        await one.delivery.start()
        await one.spool.append([accepted("m1")], NOW)
        await until(lambda: lost)
    await at_rest(looks)
    assert looks[-1].holds_events
    assert one.arrived == []
    with capture_logs() as logs:
        one.pass_ms(STILL_MS + 1)
        await until(lambda: one.arrived)
    assert Stall.LOST in [line.get("why") for line in logs]
    await one.end()


def test_what_a_new_start_mends_is_not_what_it_does_not() -> None:
    assert set(Stall) - {Stall.NONE, Stall.FAILING, Stall.TURN, Stall.UNREAD} == MENDED_ANEW
