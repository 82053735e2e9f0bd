"""The spool of the forwarder that writes a stream: whether that is still its own, what others ask of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import nats.errors
import pytest
from structlog.testing import capture_logs

from forwarder.errors import SpoolLost, SpoolUnavailable
from forwarder.spool import NewDead, Settlement
from forwarder.spool.jetstream import log
from forwarder.spool.jetstream import spool as module
from forwarder.spool.jetstream.control import ControlReply, ControlRequest, Desk
from forwarder.spool.jetstream.log import RETRY_AFTER, Log
from forwarder.spool.jetstream.message import Message, encode
from forwarder.spool.jetstream.replication import Contents
from forwarder.spool.jetstream.spool import JetStreamSpool
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.suppression import FOR_EVER, Erasure, marks_for
from tests.support.fake_stream import PLACE, FakeConnection, FakeStream
from tests.support.spools import NOW, event, names

ANOTHER = encode(Message("another", 0, 0, 1, 0, b"x"))


class One:
    """A spool over a stream in memory, and what others ask of it."""

    def __init__(self, folder: Path) -> None:
        self.connection = FakeConnection()
        self.stream: FakeStream = self.connection.jetstream
        self.log = Log(cast(Any, self.connection))
        self.path = folder / "copy.db"
        self.lock = Lock(self.path)
        self.desk = Desk(cast(Any, self.connection))
        self.replies: list[ControlReply] = []

    async def open(self) -> JetStreamSpool:
        await self.desk.open()
        self.spool = JetStreamSpool(
            self.log, self.path, Contents(), self.desk, self.lock, max_events=100, max_bytes=10**6
        )
        return self.spool

    async def respond(self, data: bytes) -> None:
        self.replies.append(msgspec.json.decode(data, type=ControlReply))

    async def ask(self, question: ControlRequest) -> list[ControlReply]:
        """Return what is replied."""
        self.replies = []
        message: Any = self
        self.data = msgspec.json.encode(question)
        await self.connection.callbacks[PLACE.ask](message)
        return self.replies


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[One]:
    opened = One(tmp_path)
    await opened.open()
    yield opened
    await opened.spool.close()


async def test_whoever_asks_is_answered_while_the_stream_is_ours(one: One) -> None:
    assert await one.ask(ControlRequest()) == [ControlReply(0)]
    one.log.health.ours_at -= 10
    assert await one.ask(ControlRequest()) == [ControlReply(0)], "another look shows it"
    one.log.health.ours_at -= 10
    one.stream.raises = [OSError("away")]
    assert await one.ask(ControlRequest()) == [], "nobody is told what is not sure"


async def test_what_is_asked_for_is_done(one: One) -> None:
    spool = one.spool
    await spool.attach(["one"])
    await spool.append([event(name) for name in "abcd"], NOW)
    stored = await spool.read(0, 9)
    dead = [NewDead(each, "why", b"{}", b"") for each in stored[:3]]
    await spool.settle("one", Settlement(4, dead=dead), NOW)
    assert await one.ask(ControlRequest(retry=[1, 9])) == [ControlReply(1)]
    assert await one.ask(ControlRequest(drop=[2])) == [ControlReply(1)]
    assert [letter.number for letter in await spool.dead()] == [3]
    marks = marks_for(["gone"], ["one"], FOR_EVER)
    [marked] = await one.ask(ControlRequest(mark=marks, now=NOW))
    assert (marked.count, marked.error) == (await spool.erasure(), "")
    assert [mark.mark for mark in await spool.marks()] == [marks[0].mark]
    assert await one.ask(ControlRequest(awaits=marked.count)) == [ControlReply(1)]
    await spool.erasure_done(marked.count)
    assert await one.ask(ControlRequest(awaits=marked.count)) == [ControlReply(0)]
    [lifted] = await one.ask(ControlRequest(lift=[marks[0].mark], now=NOW + 1))
    assert lifted.count == marked.count + 1
    assert await one.ask(ControlRequest(erase=Erasure([], [], [3]))) == [ControlReply(0)]
    assert [letter.event.body for letter in await spool.dead()] in ([], [b""])


async def test_whoever_lost_the_stream_says_nothing_and_takes_nothing(
    one: One, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    assert one.spool.unavailable() is None
    one.stream.put(ANOTHER)
    one.log.health.ours_at -= 10
    assert await one.ask(ControlRequest()) == []
    async with asyncio.timeout(60):
        lost = await one.spool.lost()
    assert isinstance(lost, SpoolLost)
    await asyncio.sleep(0.01)
    assert one.connection.callbacks == {}, "who stands by need not wait"
    why = one.spool.unavailable()
    assert why is not None
    assert (why.code, str(why), why.retry_after) == ("stream_lost", str(lost), RETRY_AFTER)
    with pytest.raises(SpoolLost):
        await one.spool.append([event("a")], NOW)


@pytest.fixture
async def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[One]:
    """One that looks at its stream all the time."""
    monkeypatch.setattr(module, "_LOOK_S", 0.005)
    opened = One(tmp_path)
    await opened.open()
    yield opened
    await opened.spool.close()


async def test_where_nothing_is_written_a_look_shows_who_writes(quick: One) -> None:
    quick.stream.put(ANOTHER)
    async with asyncio.timeout(60):
        assert isinstance(await quick.spool.lost(), SpoolLost)


async def test_a_look_that_fails_is_logged_and_the_next_one_comes(quick: One) -> None:
    with capture_logs() as logs:
        quick.stream.raises = [ZeroDivisionError()]  # no error of NATS'
        await asyncio.sleep(0.05)
        quick.stream.put(ANOTHER)
        async with asyncio.timeout(60):
            await quick.spool.lost()
    assert [line["log_level"] for line in logs] == ["error"]


async def test_a_stream_that_was_purged_is_mended_where_nothing_is_written(quick: One) -> None:
    await quick.spool.append([event("a")], NOW)
    quick.stream.purge(quick.stream.last + 1)
    async with asyncio.timeout(60):
        while not quick.stream.purged:  # noqa: ASYNC110 - never announced
            await asyncio.sleep(0.005)
    assert quick.stream.messages, "everything is written again"
    assert quick.spool.failure is None
    assert quick.spool.unavailable() is None


async def test_while_a_record_waits_for_long_it_will_tell(one: One) -> None:
    one.log.waits_since = time.monotonic() - 2
    one.stream.put(ANOTHER)
    asked = len(one.stream.asked)
    await one.spool._look()
    assert len(one.stream.asked) == asked
    one.log.waits_since = None


async def test_why_nothing_can_be_written_is_told(one: One) -> None:
    health = one.log.health
    now = health.clock()
    health.refused_at = now - 14
    told = one.spool.unavailable()
    assert told is not None
    assert (told.code, str(told), told.retry_after) == (
        "stream_full",
        f"{PLACE} refuses events",
        RETRY_AFTER,
    )
    health.refused_at = now - 16
    assert one.spool.unavailable() is None, "then events are to come and try again"
    health.ours_at = now - 4
    told = one.spool.unavailable()
    assert told is not None
    assert (told.code, str(told), told.retry_after) == (
        "stream_silent",
        f"{PLACE} does not answer",
        RETRY_AFTER,
    )
    health.why = "it was deleted"
    told = one.spool.unavailable()
    assert told is not None
    assert (told.code, str(told)) == ("stream_silent", f"{PLACE}: it was deleted")
    health.ours_at = now


async def test_a_sender_waits_for_a_silent_stream_only_so_long(
    one: One, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.02)
    one.stream.held = asyncio.Event()
    with pytest.raises(SpoolUnavailable, match="does not answer") as refused:
        await one.spool.append([event("a")], NOW)
    assert (refused.value.code, refused.value.retry_after) == ("stream_silent", RETRY_AFTER)
    asked = one.stream.asked.count("publish")
    assert one.log.waits_since is not None
    one.log.waits_since -= 60
    with pytest.raises(SpoolUnavailable):
        await one.spool.append([event("b")], NOW)
    assert one.stream.asked.count("publish") == asked, "one that waits that long already is enough"
    monkeypatch.setattr(module, "PATIENCE_S", 3_600)
    one.stream.held.set()
    assert await one.spool.append([event("a"), event("c")], NOW) == [False, True], "it was kept all the same"
    assert names(await one.spool.read(0, 9)) == ["a", "c"]


async def test_at_the_end_nothing_waits_for_a_silent_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_LAST_S", 0.01)
    one = One(tmp_path)
    spool = await one.open()
    one.stream.raises = [nats.errors.TimeoutError()] * 10**5
    writing = asyncio.ensure_future(spool.append([event("a")], NOW))
    await asyncio.sleep(0.01)
    spool.end_within(0.01)
    with pytest.raises(SpoolLost, match="before the end"):
        await writing
    one.stream.raises = []
    await spool.close()
    assert one.connection.published == [], "others have heard of it already"
    assert one.connection.closed


async def test_whoever_stops_says_farewell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = One(tmp_path)
    await (await one.open()).close()
    assert one.connection.published == [(PLACE.farewell, b""), ("flush", b"")]
    assert one.connection.closed
    assert one.connection.callbacks == {}
    again = One(tmp_path)

    async def fails(*_: object) -> None:
        raise nats.errors.ConnectionClosedError

    await again.open()
    monkeypatch.setattr(again.connection, "publish", fails)
    await again.spool.close()
    assert again.connection.closed
