"""The connection to a stream's servers: questions end when it is lost; it is replaced when it is silent."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import nats.errors
import pytest

from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream import connection as module
from forwarder.spool.jetstream.connection import (
    AGAIN_S,
    ANSWER_S,
    CLOSE_S,
    PING_EVERY_S,
    Connection,
    Renewed,
)
from tests.support.fake_stream import PLACE
from tests.support.simulation.virtual import VirtualLoop


class Client:
    """NATS' client, as far as a connection uses it; what connects, answers and closes is up to the test."""

    made: ClassVar[list[Client]] = []
    connecting: ClassVar[Callable[[Client], Coroutine[Any, Any, None]]]
    answers_pings = True

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.servers: list[str] = []
        self.subscribed: list[tuple[str, Any]] = []
        self.unsubscribed: list[str] = []
        self.published: list[tuple[str, bytes]] = []
        self.closed = False
        self.closes = True
        self.fails: Exception | None = None
        Client.made.append(self)

    async def connect(self, servers: list[str], **named: Any) -> None:
        self.servers, self.given = servers, named
        await type(self).connecting(self)

    def jetstream(self, timeout: float) -> Any:
        return SimpleNamespace(of=self, timeout=timeout)

    async def flush(self, timeout: float) -> None:  # noqa: ASYNC109 - the client's
        if not Client.answers_pings:
            await asyncio.sleep(timeout)
            raise nats.errors.TimeoutError

    async def request(self, subject: str, data: bytes, timeout: float) -> Any:  # noqa: ASYNC109 - the client's
        return SimpleNamespace(data=b"%b %b %d" % (subject.encode(), data, timeout))

    async def publish(self, subject: str, data: bytes) -> None:
        self.published.append((subject, data))

    async def subscribe(self, subject: str, cb: Any) -> Any:
        self.subscribed.append((subject, cb))

        async def unsubscribe() -> None:
            self.unsubscribed.append(subject)
            if self.fails:
                raise self.fails

        return SimpleNamespace(unsubscribe=unsubscribe)

    async def close(self) -> None:
        if not self.closes:
            await asyncio.sleep(10**6)
        self.closed = True
        if self.fails:
            raise self.fails


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: Client) -> None:
        return

    monkeypatch.setattr(module, "Client", Client)
    monkeypatch.setattr(Client, "made", [])
    monkeypatch.setattr(Client, "connecting", at_once, raising=False)
    monkeypatch.setattr(Client, "answers_pings", True)


def play(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]], patch: pytest.MonkeyPatch) -> None:
    loop = VirtualLoop()
    patch.setattr(module, "time", SimpleNamespace(monotonic=loop.time))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main(loop))


def used(one: Connection) -> tuple[Any, Any, float]:
    """Return the client in use, the one of its JetStream, and how long that may take."""
    stream = cast(Any, one.jetstream)
    return one.client, stream.of, stream.timeout


async def opened(token: str = "secret") -> Connection:
    one = Connection(PLACE, token)
    await one.open(5)
    return one


def test_it_connects_with_the_token_and_notices_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()
        [client] = Client.made
        assert used(one) == (client, client, ANSWER_S)
        assert client.servers == PLACE.servers
        told = {name: value for name, value in client.given.items() if not name.endswith("_cb")}
        assert told == {
            "name": "forwarder",
            "token": "secret",
            "connect_timeout": 2,
            "ping_interval": 3,
            "max_outstanding_pings": 2,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": 0.5,
        }
        await one.close()
        assert client.closed
        await opened("")
        assert Client.made[1].given["token"] is None

    play(main, monkeypatch)


@pytest.mark.parametrize(
    ("error", "said", "after_s"),
    [
        (None, "no answer", 5),
        (OSError("refused"), "refused", 5),
        (OSError(), "OSError", 5),
        (nats.errors.Error("nats: 'Authorization Violation'"), "nats: 'Authorization Violation'", 0),
    ],
)
def test_where_no_server_takes_the_connection_it_is_said_why(
    error: Exception | None, said: str, after_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(client: Client) -> None:
        if error is not None:
            await client.given["error_cb"](error)
            await client.given["error_cb"](error)
        await asyncio.sleep(10**6)

    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr(Client, "connecting", never)
        one = Connection(PLACE, "")
        with pytest.raises(SpoolDamaged) as refused:
            await one.open(5)
        assert str(refused.value) == (
            f"cannot connect to {PLACE}: {said}; start NATS, or mend spool.path or spool.token"
        )
        assert loop.time() == after_s
        await one.close()
        assert len(asyncio.all_tasks()) == 1

    play(main, monkeypatch)


def test_a_client_that_gives_up_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(client: Client) -> None:
        await client.given["error_cb"](OSError("why"))
        raise nats.errors.NoServersError

    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr(Client, "connecting", fails)
        with pytest.raises(SpoolDamaged, match="why"):
            await opened()

    play(main, monkeypatch)


def test_it_closes_though_the_answer_to_a_ping_comes_together_with_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the client waits: by ``asyncio.wait_for``, which passes over a cancellation below Python 3.12."""
    pongs: list[asyncio.Future[None]] = []

    async def flush(self: Client, timeout: float) -> None:  # noqa: ASYNC109 - the client's
        pongs.append(asyncio.get_running_loop().create_future())
        await asyncio.wait_for(pongs[-1], timeout)

    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr(Client, "flush", flush)
        one = await opened()
        await asyncio.sleep(PING_EVERY_S + 0.1)
        pongs[-1].set_result(None)
        await one.close()
        assert loop.time() < PING_EVERY_S + CLOSE_S
        assert len(asyncio.all_tasks()) == 1

    play(main, monkeypatch)


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


@pytest.mark.parametrize("fails", [True, False])
def test_whoever_is_cancelled_while_connecting_leaves_nothing_running(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(_: Client) -> None:
        try:
            await asyncio.sleep(10**6)
        finally:
            if fails:
                raise OSError("in the middle")

    async def main(loop: VirtualLoop) -> None:
        faults: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: faults.append(context))
        opening = asyncio.create_task(opened())
        await asyncio.sleep(1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert len(asyncio.all_tasks()) == 1
        gc.collect()
        assert not faults

    monkeypatch.setattr(Client, "connecting", slow)
    play(main, monkeypatch)


def test_a_silent_connection_is_replaced_with_what_it_was_subscribed_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()

        async def callback(_: Any) -> None:
            return

        await one.subscribe("asked", callback)
        await one.subscribe("ended", callback)
        await one.unsubscribe("ended")
        await one.unsubscribe("unknown")
        assert Client.made[0].unsubscribed == ["ended"]
        await asyncio.sleep(10)
        assert len(Client.made) == 1, "pings are answered"
        Client.answers_pings = False
        began = loop.time()
        while len(Client.made) == 1:  # noqa: ASYNC110 - never announced
            await asyncio.sleep(0.1)
        assert 3 <= loop.time() - began <= 5
        Client.answers_pings = True
        await asyncio.sleep(5)
        old, new = Client.made
        assert (used(one), one.losses) == ((new, new, ANSWER_S), 1)
        assert new.subscribed == [("asked", callback)]
        assert old.closed
        await old.given["disconnected_cb"]()
        assert one.losses == 1, "the old one concerns nobody"
        await one.unsubscribe("asked")
        assert new.unsubscribed == ["asked"]
        await one.close()
        assert len(asyncio.all_tasks()) == 1

    play(main, monkeypatch)


def test_one_renewal_at_a_time_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()

        async def slowly(_: Client) -> None:
            await asyncio.sleep(2)
            raise nats.errors.NoServersError

        monkeypatch.setattr(Client, "connecting", slowly)
        one.renew()
        one.renew()
        await asyncio.sleep(1)
        one.renew()
        assert len(Client.made) == 2
        await asyncio.sleep(2)
        one.renew()
        await asyncio.sleep(0)
        assert len(Client.made) == 3, "the next one tries again"
        assert used(one)[0] is Client.made[0]
        await one.close()
        assert len(asyncio.all_tasks()) == 1

    play(main, monkeypatch)


def test_messages_go_to_whoever_hears_them(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()
        assert await one.request("asked", b"x", 7) == b"asked x 7"
        await one.publish("farewell")
        await one.publish("other", b"y")
        assert Client.made[0].published == [("farewell", b""), ("other", b"y")]
        await one.close()

    play(main, monkeypatch)


@pytest.mark.parametrize("closes", [True, False])
def test_a_vanished_server_keeps_nobody_from_ending(closes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()
        client = Client.made[0]
        client.closes, client.fails = closes, nats.errors.ConnectionClosedError()

        async def callback(_: Any) -> None:
            return

        await one.subscribe("asked", callback)
        assert client.subscribed == [("asked", callback)]
        await one.unsubscribe("asked")
        began = loop.time()
        await one.close()
        assert loop.time() - began == pytest.approx(0 if closes else CLOSE_S)

    play(main, monkeypatch)
