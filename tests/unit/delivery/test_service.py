"""The life of all destinations' workers: they begin together or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from forwarder.delivery import DeliveryService, DestinationRoute, SchedulerSettings, service
from forwarder.errors import SpoolFull
from forwarder.spool import NewDead, Parked
from forwarder.spool.suppression import FOR_EVER, marks_for
from tests.support.simulation.lines import event
from tests.support.simulation.serving import Play, Project, Serving
from tests.support.simulation.virtual import VirtualLoop


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
