"""A stream and its copy agree, whatever the disk and the servers do, tried with a real NATS server."""

import asyncio
import sqlite3
import time
from typing import Any

import nats.errors
import pytest
from nats.js.errors import ServerError

from forwarder.errors import SpoolLost
from forwarder.spool import NewDead, Settlement
from forwarder.spool.jetstream import connection, replication
from forwarder.spool.jetstream import log as stream_log
from forwarder.spool.jetstream.replica import Replica
from tests.support.spools import NOW, Where, event, names, opened
from tests.support.streams import busy, by_hand, elsewhere, everything
from tests.support.waiting import PATIENCE_S


async def test_a_copy_that_cannot_take_what_the_stream_has_ends_the_forwarder(here: Where) -> None:
    class Failing:
        """The writer's connection, on a disk that fails once."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection
            self.failed = False

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if statement == "COMMIT" and not self.failed:
                self.failed = True
                error = sqlite3.OperationalError("it failed")
                error.sqlite_errorcode = sqlite3.SQLITE_ERROR
                raise error
            return self._connection.execute(statement, *values)

    spool: Any = await here.open()
    spool._writer._database = Failing(spool._writer._database)
    with pytest.raises(sqlite3.OperationalError):
        await spool.append([event("a")], NOW)
    with pytest.raises(SpoolLost, match="the stream has what its copy could not take"):
        await spool.append([event("b")], NOW)
    assert "could not take" in str(await asyncio.wait_for(spool.lost(), PATIENCE_S))
    await spool.close()
    async with opened(here) as found:
        assert names(await found.read(0, 10)) == ["a"]


async def test_numbers_go_on_where_a_snapshot_holds_no_events(
    here: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise new events would lie where every destination has passed, and never be delivered."""
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 500)
    async with opened(here) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{number}", b"x" * 100) for number in range(10)], NOW)
        first = (await spool.read(0, 1))[0]
        await spool.settle("one", Settlement(10, dead=[NewDead(first, "why", b"{}", b"")]), NOW)
        await spool.drop([1])
        held = 0
        async with by_hand(here) as (jetstream, name):
            while held <= 8:  # all that held an event or the letter is let go of
                await spool.settle("one", Settlement(10, ended={("delivered", ""): 1}), NOW)
                held = (await jetstream.stream_info(name)).state.first_seq
    async with opened(elsewhere(here)) as spool:
        assert (await spool.attach(["one"]))["one"] == 10
        await spool.append([event("new")], NOW)
        (new,) = await spool.read(10, 10)
        assert (new.seq, new.message_id) == (11, "new")
        await spool.settle("one", Settlement(11, dead=[NewDead(new, "why", b"{}", b"")]), NOW)
        assert [letter.number for letter in await spool.dead()] == [2]


async def test_ids_of_delivered_events_are_known_elsewhere(here: Where) -> None:
    async with opened(here) as spool:
        await spool.attach(["one"])
        await spool.append([event("a"), event("b")], NOW)
        await spool.settle("one", Settlement(2, ended={("delivered", ""): 2}), NOW)
        assert not await spool.read(0, 10)
    async with opened(elsewhere(here)) as spool:
        assert await spool.append([event("a"), event("b"), event("c")], NOW) == [False, False, True]


async def test_what_is_let_go_of_while_it_is_read_is_read_again(
    here: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 2_000)
    catch_up, reads = Replica.catch_up, []

    async def trim_late(self: Any, position: int) -> None:
        trimmed.append(position)

    async def trim_and_catch_up(self: Replica, began: Any) -> None:
        reads.append(began.first_seq)
        if len(reads) == 1:
            async with by_hand(here) as (jetstream, name):
                await jetstream.purge_stream(name, seq=trimmed[-1])
        await catch_up(self, began)

    trimmed: list[int] = []
    with monkeypatch.context() as before:
        before.setattr(stream_log.Log, "trim", trim_late)
        async with opened(here) as spool:
            await busy(spool)
            known = await everything(spool)
    monkeypatch.setattr(Replica, "catch_up", trim_and_catch_up)
    async with opened(elsewhere(here)) as spool:
        assert len(reads) == 2
        assert reads[1] == trimmed[-1] > 1
        assert await everything(spool) == known


async def test_while_a_leader_is_elected_events_wait(here: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(here) as spool:
        jetstream = spool._log._stream  # type: ignore[attr-defined]
        ask, failures = jetstream.publish, [1, 1]

        async def without_a_leader(*given: object, **more: object) -> object:
            if failures:
                failures.pop()
                raise ServerError(code=500, description="no leader")
            return await ask(*given, **more)

        monkeypatch.setattr(jetstream, "publish", without_a_leader)
        assert await spool.append([event("a")], NOW) == [True]
        assert not failures
    async with opened(elsewhere(here)) as spool:
        assert names(await spool.read(0, 10)) == ["a"]


@pytest.mark.parametrize("kept", [False, True], ids=["dropped", "answered late"])
async def test_what_is_not_answered_is_asked_once_more(
    here: Where, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Without a leader a question is dropped in silence; the time for an answer is far longer."""
    monkeypatch.setattr(connection, "AGAIN_S", 0.1)
    monkeypatch.setattr(connection, "ANSWER_S", PATIENCE_S)
    async with opened(here) as spool:
        jetstream = spool._log._stream  # type: ignore[attr-defined]
        silent = ["publish", "stream_info", "publish"]

        def forgetful(name: str) -> None:
            ask = getattr(jetstream, name)

            async def once(*given: object, **more: object) -> object:
                if name in silent:
                    silent.remove(name)
                    if kept:
                        await ask(*given, **more)
                    await asyncio.sleep(connection.ANSWER_S)
                    raise nats.errors.TimeoutError
                return await ask(*given, **more)

            monkeypatch.setattr(jetstream, name, once)

        for name in ("publish", "stream_info"):
            forgetful(name)
        began = time.monotonic()
        assert await spool.append([event("a")], NOW) == [True]
        await spool._log.state()  # type: ignore[attr-defined]
        assert await spool.append([event("b")], NOW) == [True]
        assert time.monotonic() - began < connection.ANSWER_S
        assert not silent
    async with opened(elsewhere(here)) as spool:
        assert [(one.seq, one.message_id) for one in await spool.read(0, 10)] == [(1, "a"), (2, "b")]
