"""The connection to a stream's servers: how it begins, and how it is replaced when it is silent."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import nats.errors
import pytest

from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream.connection import (
    ANSWER_S,
    CLOSE_S,
    PING_EVERY_S,
    Connection,
)
from tests.support.fake_nats import Client, opened, play, used
from tests.support.fake_stream import PLACE
from tests.support.simulation.virtual import VirtualLoop

pytestmark = pytest.mark.usefixtures("fake_client")


def test_it_connects_with_the_token_and_notices_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = await opened()
        [client] = Client.made
        assert used(one) == (client, client, ANSWER_S)
        for is_connected in (False, True):
            client.is_connected = is_connected
            assert one.is_connected is is_connected
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
            await client.given["disconnected_cb"]()
        await asyncio.sleep(10**6)

    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr(Client, "connecting", never)
        one = Connection(PLACE, "")
        with pytest.raises(SpoolDamaged) as refused:
            await one.open(5)
        assert one.losses == 0, "nothing was there to be lost"
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
