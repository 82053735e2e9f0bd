"""Questions to a stream's servers end when the connection is lost, and are asked once more."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import Any

import nats.errors
import pytest

from forwarder.spool.jetstream import connection as module
from forwarder.spool.jetstream.connection import (
    AGAIN_S,
    PING_EVERY_S,
    Renewed,
)
from tests.support.fake_nats import Client, opened, play
from tests.support.simulation.virtual import VirtualLoop

pytestmark = pytest.mark.usefixtures("fake_client")


def test_a_question_ends_when_the_connection_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()
        ended: list[str] = []

        async def answers(stream: Any) -> str:
            assert stream is one.jetstream
            return "yes"

        async def hangs(_: Any) -> str:
            try:
                await asyncio.sleep(10**6)
            finally:
                ended.append("cut off")
            return "no"

        assert await one.call(answers) == "yes"
        asking = asyncio.create_task(one.call(hangs))
        await asyncio.sleep(0.5)
        lost = Client.made[0].given["disconnected_cb"]
        await lost()
        with pytest.raises(Renewed, match="the connection was lost"):
            await asking
        assert (ended, one.losses) == (["cut off"], 1)
        assert await one.call(answers) == "yes", "the next one is asked anew"
        asking = asyncio.create_task(one.call(hangs))
        await asyncio.sleep(0.5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert ended == ["cut off"] * 2
        await one.close()

    play(main, monkeypatch)


def test_a_question_that_does_no_harm_is_asked_once_more_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()
        asked: list[float] = []

        async def the_third(_: Any) -> str:
            asked.append(loop.time())
            if len(asked) < 3:
                await asyncio.sleep(10**6)
            return "yes"

        async def fails(_: Any) -> str:
            raise nats.errors.NoRespondersError

        assert await one.ask(the_third) == "yes"
        assert asked == [0, AGAIN_S, 2 * AGAIN_S]
        with pytest.raises(nats.errors.NoRespondersError):
            await one.ask(fails)
        await one.close()
        assert len(asyncio.all_tasks()) == 1

    play(main, monkeypatch)


@pytest.mark.parametrize("at", [0.3, 1.2])
def test_the_first_answer_is_taken_and_nothing_goes_on(monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()
        ended: list[float] = []

        async def answers(_: Any) -> str:
            asked_at = loop.time()
            try:
                await asyncio.sleep(10**6 if asked_at else at)
            finally:
                ended.append(asked_at)
            return "yes"

        assert await one.ask(answers) == "yes"
        assert loop.time() == pytest.approx(at)
        assert ended == ([0] if at < AGAIN_S else [0, AGAIN_S])
        await one.close()

    play(main, monkeypatch)


@pytest.mark.parametrize("pings", [0, 5])
def test_a_connection_that_fails_at_once_has_its_time_all_the_same(
    monkeypatch: pytest.MonkeyPatch, pings: int
) -> None:
    async def main(loop: VirtualLoop) -> None:
        pinged: list[float] = []

        async def fails(self: Client, timeout: float) -> None:  # noqa: ASYNC109 - the client's
            pinged.append(loop.time())
            raise nats.errors.ConnectionClosedError

        one = await opened()
        await asyncio.sleep(pings * PING_EVERY_S + 0.5)
        monkeypatch.setattr(Client, "flush", fails)
        await asyncio.sleep(module.PING_ANSWER_S - 1)
        assert (len(Client.made), len(pinged)) == (1, 2)
        await asyncio.sleep(1)
        assert len(Client.made) == 2
        lost = Client.made[1].given["disconnected_cb"]
        await lost()
        assert one.losses == 2, "the renewal, and this one"
        await one.close()

    play(main, monkeypatch)


def test_answers_that_come_in_one_moment_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is published twice is kept once and refused once; only one answer is waited for."""

    async def main(loop: VirtualLoop) -> None:
        faults: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: faults.append(context))
        one = await opened()
        asked: list[asyncio.Future[str]] = []

        async def answers(_: Any) -> str:
            asked.append(loop.create_future())
            return await asked[-1]

        for turns in range(8):  # of the loop between the two: one answer wakes whoever waits in some turns
            asked.clear()
            asking = asyncio.create_task(one.ask(answers))
            await asyncio.sleep(AGAIN_S + 0.1)
            asked[0].set_result("kept")
            for _ in range(turns):
                await asyncio.sleep(0)
            if not asked[1].done():
                asked[1].set_exception(nats.errors.Error("refused"))
            with contextlib.suppress(nats.errors.Error):
                assert await asking == "kept"
        await one.close()
        gc.collect()
        assert not faults

    play(main, monkeypatch)
