"""The life of all destinations' workers: they begin together or not at all, and end whatever fails."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.delivery import DeliveryService, DestinationRoute, SchedulerSettings, service
from forwarder.delivery.sending import OUR_FAULT
from forwarder.delivery.watchdog import Stall
from forwarder.delivery.worker import LAST_S
from forwarder.errors import SpoolFull
from forwarder.spool import NewDead, Parked
from forwarder.spool.suppression import FOR_EVER, marks_for
from tests.support.simulation.lines import event
from tests.support.simulation.serving import Play, Project, Serving
from tests.support.simulation.virtual import VirtualLoop


def faults(where: str, name: str = "") -> int:
    return metrics.FAULTS.values().get((name, where), 0)


def test_each_destination_gets_each_event_and_hears_of_none_after_the_end(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "a", "b")
        await one.delivery.start()
        assert (one.spool.attached, one.spool.listeners) == ([["a", "b"]], 2)
        one.accept(1, 2)
        await asyncio.sleep(1)
        assert sorted(one.arrived) == ["m1", "m1", "m2", "m2"]
        await one.delivery.stop(1)
        assert one.spool.listeners == 0
        assert all(kept.cursor == 2 for kept in one.spool.kept.destinations.values())
        assert len(asyncio.all_tasks()) == 1, "the watchdog has ended, too"
        assert not one.http.is_closed, "it belongs to who gave it"

    played(main)


@pytest.mark.parametrize("end", ["stop", "abandon"])
def test_its_own_client_is_made_at_the_start_and_closed_at_the_end(
    end: str, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[httpx.AsyncClient] = []

    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)

        def client() -> httpx.AsyncClient:
            made.append(httpx.AsyncClient(transport=httpx.MockTransport(one.take)))
            return made[-1]

        monkeypatch.setattr(service, "http_client", client)
        delivery = DeliveryService(one.spool, one.routes, clock=one.now)
        assert made == []
        for times in (1, 2):
            await delivery.start()
            assert len(made) == times
            await (delivery.stop(1) if end == "stop" else delivery.abandon())
            assert made[-1].is_closed

    played(main)


def test_what_was_never_started_ends_all_the_same(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        assert (one.delivery.erasure, one.delivery.health()) == (0, {})
        await one.delivery.stop(1)
        await one.delivery.abandon()
        assert loop.time() == 0

    played(main)


def test_a_start_that_fails_has_begun_nothing(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "a", "b")

        async def groups(_: str) -> Any:
            raise SpoolFull("full", 1)

        one.spool.groups, one.spool.erased = groups, 7
        with pytest.raises(SpoolFull):
            await one.delivery.start()
        assert (one.spool.listeners, len(asyncio.all_tasks()), one.spool.done) == (0, 1, [])
        assert one.delivery.erasure == 0

    played(main)


@pytest.mark.parametrize("erased", [0, 7])
def test_deliveries_go_by_the_marks_of_deleted_users_and_say_so(erased: int, played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "a", "b")
        one.spool.erased = erased
        one.spool.deleted = [mark._replace(upto=9) for mark in marks_for(["gone"], ["a"], FOR_EVER)]
        await one.delivery.start()
        assert (one.delivery.erasure, one.spool.done) == (erased, [erased] if erased else [])
        one.accept(1, user="gone")
        await asyncio.sleep(1)
        await one.delivery.stop(1)
        ended = {name: dict(kept.ended) for name, kept in one.spool.kept.destinations.items()}
        assert ended == {"a": {("filtered", "user deleted"): 1}, "b": {("delivered", ""): 1}}

    played(main)


def test_a_destination_gets_what_its_sources_send(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "a", "b")
        routes = [
            DestinationRoute("a", Project(), frozenset({"other"}), SchedulerSettings(linger_ms=0)),
            one.routes[1],
        ]
        one.delivery = DeliveryService(one.spool, routes, clock=one.now, http=one.http)
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)
        ended = {name: dict(kept.ended) for name, kept in one.spool.kept.destinations.items()}
        assert ended == {"a": {("filtered", "source not routed here"): 1}, "b": {("delivered", ""): 1}}
        await one.delivery.stop(1)

    played(main)


def test_what_was_set_aside_beyond_the_cursor_is_not_sent_when_it_is_read_again(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        await one.delivery.stop(1)
        kept = one.spool.kept.destinations["one"]
        one.spool.kept.events += [event(1, "u1"), event(2, "u2")]
        kept.dead[1] = NewDead(event(2, "u2"), "refused", b"{}", b"")
        await one.delivery.start()
        await asyncio.sleep(1)
        assert (one.arrived, kept.cursor) == (["m1"], 2)
        await one.delivery.stop(1)

    played(main)


def test_a_worker_goes_on_with_what_was_parked(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        await one.delivery.stop(1)
        await asyncio.sleep(0)
        kept = one.spool.kept.destinations["one"]
        one.spool.kept.events.append(event(1))
        kept.parked[1] = Parked(event(1), "uu1", ("uu1",), b"")
        kept.cursor = 1
        await one.delivery.start()
        await asyncio.sleep(1)
        assert one.arrived == ["m1"]
        await one.delivery.stop(1)

    played(main)


# -- the end


def test_one_who_fails_to_stop_keeps_nobody_from_ending(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "a", "b")
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)
        stop = one.worker("a").stop

        async def fails(timeout_s: float) -> None:
            await stop(timeout_s)
            raise ZeroDivisionError

        def deaf() -> None:
            raise ZeroDivisionError

        one.worker("a").stop = fails
        one.delivery._unsubscribe.insert(0, deaf)
        before = faults("stop")
        with capture_logs() as logs:
            await one.delivery.stop(1)
        assert faults("stop") == before + 1
        [logged] = logs
        assert (logged["event"], logged["destination"], logged["where"]) == (OUR_FAULT, "", "stop")
        assert logged["fault"].startswith("ZeroDivisionError at ")
        assert (one.spool.listeners, len(asyncio.all_tasks())) == (0, 1)
        with capture_logs() as logs:
            await one.delivery.stop(1)
        assert [line["where"] for line in logs] == ["stop"], "what has ended ends no other time"

    played(main)


def test_a_spool_that_does_not_answer_is_waited_for_and_left(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        one.spool.hangs = True
        one.accept(1)
        await asyncio.sleep(1)
        assert one.arrived == ["m1"]
        began = loop.time()
        with capture_logs() as logs:
            await one.delivery.stop(5)
        assert loop.time() - began == pytest.approx(5 + LAST_S)
        assert [line["log_level"] for line in logs] == ["error"]
        assert len(asyncio.all_tasks()) == 1

    played(main)


def test_a_stop_in_time_says_nothing(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)
        with capture_logs() as logs:
            await one.delivery.stop(5)
        assert logs == []

    played(main)


def test_who_is_abandoned_ends_at_once_and_writes_nothing(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        async def hang(_: httpx.Request) -> httpx.Response:
            try:
                await asyncio.sleep(10**6)
            except asyncio.CancelledError:
                cut.append(loop.time())
            raise AssertionError

        cut: list[float] = []
        one = Serving(loop, "a", "b", answer=hang)
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)

        def fails(*_: object) -> Any:
            raise ZeroDivisionError

        async def cannot_stop(_: float) -> None:
            raise ZeroDivisionError

        one.delivery._unsubscribe.insert(0, fails)
        one.worker("a").stop, began = cannot_stop, loop.time()
        one.delivery.stalled["a"] = Stall.DUE
        await one.delivery.abandon()
        assert loop.time() == began
        assert one.spool.listeners == 0
        assert one.delivery.stalled == {}
        left = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
        assert not [name for name in left if "kept_running" in name or "_watch" in name], left
        assert all(not kept.cursor for kept in one.spool.kept.destinations.values())
        assert cut == [began], "whose worker cannot stop goes on"
        await one.delivery.abandon()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    played(main)


def test_what_is_abandoned_has_ended_once_that_is_said(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        ended: list[float] = []

        async def settle(*_: object) -> None:
            try:
                await asyncio.sleep(10**6)
            finally:
                await asyncio.sleep(1)
                ended.append(loop.time())

        await one.delivery.start()
        one.spool.settle = settle
        one.accept(1)
        await asyncio.sleep(1)
        await one.delivery.abandon()
        assert ended == [loop.time()]

    played(main)


def test_a_client_that_cannot_be_closed_keeps_nobody_from_ending(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)

        async def fails() -> None:
            raise ZeroDivisionError

        one.http.aclose = fails  # type: ignore[method-assign]
        monkeypatch.setattr(service, "http_client", lambda: one.http)
        delivery = DeliveryService(one.spool, one.routes, clock=one.now)
        await delivery.start()
        await delivery.stop(1)
        assert len(asyncio.all_tasks()) == 1

    played(main)
