"""How a worker ends: it waits for answers, writes down what is known, and begins nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from forwarder.errors import SpoolFull
from forwarder.spool import Settlement
from tests.support.simulation.failing import Failing, faults
from tests.support.simulation.lines import NOW
from tests.support.simulation.serving import Play, Serving
from tests.support.simulation.virtual import VirtualLoop


def hanging(asked: list[int]) -> Callable[[httpx.Request], Any]:
    async def hang(_: httpx.Request) -> httpx.Response:
        asked.append(1)
        await asyncio.sleep(5)
        return httpx.Response(200, json={"code": 200})

    return hang


@pytest.mark.parametrize(("patience_s", "delivered"), [(10, True), (2, False)])
def test_a_stop_sends_nothing_new_and_waits_for_answers(
    patience_s: int, delivered: bool, played: Play
) -> None:
    async def main(loop: VirtualLoop) -> None:
        asked: list[int] = []
        one = Serving(loop, answer=hanging(asked))
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)
        began = loop.time()
        stopping = asyncio.create_task(one.delivery.stop(patience_s))
        await asyncio.sleep(0.5)
        one.accept(2)
        one.worker().feed.wake()
        await stopping
        assert loop.time() - began == pytest.approx(4 if delivered else 2, abs=0.1)
        kept = one.spool.kept.destinations["one"]
        assert len(asked) == 1
        assert dict(kept.ended) == ({("delivered", ""): 1} if delivered else {})
        if not delivered:
            [row] = kept.parked.values()
            assert orjson.loads(row.state)["maybe_since"] == pytest.approx(NOW + 3_000, abs=100)

    played(main)


@pytest.mark.parametrize("error", [SpoolFull("full", 1), ZeroDivisionError()])
def test_what_cannot_be_written_at_the_end_is_said(error: Exception, played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "end", answer=hanging([]))
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)

        async def fails(*_: Any) -> None:
            raise error

        def fails_at_the_end() -> None:
            raise error

        if isinstance(error, SpoolFull):
            one.spool.settle = fails
        else:
            one.worker("end")._scheduler.park_unfinished = fails_at_the_end
        before = faults("end", "end")
        with capture_logs() as logs:
            await one.delivery.stop(10)
        said = [line for line in logs if line["log_level"] == "error"][-1]
        assert said["destination"] == "end"
        if isinstance(error, SpoolFull):
            assert said["why"] == "full"
        assert faults("end", "end") - before == (not isinstance(error, SpoolFull))

    played(main)


def test_who_waits_after_a_fault_ends_at_once_when_stopped_and_writes_nothing(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        one.spool.read = Failing(loop, one.spool.read, 99, ZeroDivisionError())
        one.worker().feed.wake()
        await asyncio.sleep(10)
        written: list[Settlement] = []

        async def settle(_: str, settlement: Settlement, __: int) -> None:
            written.append(settlement)

        one.spool.settle = settle
        one.worker()._scheduler.checkpoint.dead_lettered(1, "x")
        began = loop.time()
        await one.delivery.stop(10)
        assert (loop.time() - began, written) == (0, [])

    played(main)


def test_nothing_begins_anew_once_it_is_to_end(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        asked: list[int] = []
        one = Serving(loop, answer=hanging(asked))
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)
        stopping = asyncio.create_task(one.delivery.stop(10))
        await asyncio.sleep(0)
        one.worker().renew()
        await stopping
        assert (len(one.spool.attached), len(asked)) == (1, 1)

    played(main)
