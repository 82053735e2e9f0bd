"""The end of all destinations' workers, whatever fails."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.delivery import DeliveryService, service
from forwarder.delivery.sending import OUR_FAULT
from forwarder.delivery.watchdog import Stall
from forwarder.delivery.worker import LAST_S
from tests.support.simulation.serving import Play, Serving
from tests.support.simulation.virtual import VirtualLoop


def faults(where: str, name: str = "") -> int:
    return metrics.FAULTS.values().get((name, where), 0)


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
