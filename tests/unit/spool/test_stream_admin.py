"""Tools beside a stream: they read a copy as of now, and have the forwarder do what changes anything."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import nats.errors
import pytest

from forwarder.errors import SpoolDamaged, SpoolError
from forwarder.spool.jetstream import admin
from forwarder.spool.jetstream.admin import JetStreamAdmin, open_admin
from forwarder.spool.jetstream.control import ControlReply, ControlRequest
from forwarder.spool.jetstream.log import Log
from forwarder.spool.suppression import FOR_EVER, Erasure, marks_for
from tests.support.fake_stream import PLACE, FakeConnection, FakeStream
from tests.support.spools import NOW, event, names
from tests.support.streams import busy, everything
from tests.unit.spool.test_stream_spool import One


class Beside:
    """A tool's connection to the stream of a forwarder, which answers, or does not."""

    def __init__(self, one: One | None, stream: FakeStream) -> None:
        self.one = one
        self.connection = FakeConnection(stream)
        self.connection.request = self.request  # type: ignore[method-assign]
        self.asked: list[ControlRequest] = []

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        assert (subject, timeout_s) == (PLACE.ask, 10)
        if self.one is None:
            raise nats.errors.NoRespondersError
        self.asked.append(msgspec.json.decode(data, type=ControlRequest))
        [reply] = await self.one.ask(self.asked[-1])
        return msgspec.json.encode(reply)


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[One]:
    opened = One(tmp_path)
    await opened.open()
    yield opened
    await opened.spool.close()


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return where tools' folders lie."""
    place = tmp_path / "folders"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def held(folders: Path) -> list[str]:
    return [one.name for one in folders.iterdir()]


def closed(beside: Beside) -> bool:
    return beside.connection.closed


async def tool(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> JetStreamAdmin:
    async def opened(place: object, token: str) -> Log:
        assert (place, token) == (PLACE, "token")
        return Log(cast(Any, beside.connection))

    monkeypatch.setattr(admin, "open_log", opened)
    return await open_admin(PLACE, "token")


async def test_a_tool_sees_what_the_stream_holds_and_leaves_nothing_behind(
    one: One, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await busy(one.spool)
    beside = Beside(one, one.stream)
    tools = await tool(beside, monkeypatch)
    [folder] = held(folders)
    assert folder.startswith("forwarder-")
    assert await everything(tools) == await everything(one.spool)
    with pytest.raises(SpoolDamaged, match="beside a forwarder"):
        await tools.append([event("x")], NOW)
    assert not closed(beside)
    await tools.close()
    assert closed(beside)
    assert held(folders) == []
    assert beside.asked == [], "looking asks nobody"


async def test_the_forwarder_does_what_a_tool_wants(
    one: One, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await busy(one.spool)
    beside = Beside(one, one.stream)
    tools = await tool(beside, monkeypatch)
    letters = [letter.number for letter in await tools.dead()]
    assert await tools.retry(tuple(letters[:2])) == 2
    assert await tools.drop(letters[2:3]) == 1
    assert [letter.number for letter in await one.spool.dead()] == letters[3:]
    assert [letter.number for letter in await tools.dead()] == letters, "it is as of its opening"
    await tools.close()


async def test_many_users_are_named_page_by_page(
    one: One, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "_PAGE", 2)
    beside = Beside(one, one.stream)
    tools = await tool(beside, monkeypatch)
    marks = marks_for([f"user {number}" for number in range(5)], [""], FOR_EVER)
    assert await tools.mark_users(marks, NOW) == 3
    assert [request.mark for request in beside.asked] == [marks[:2], marks[2:4], marks[4:]]
    assert {request.now for request in beside.asked} == {NOW}
    assert {mark.mark for mark in await one.spool.marks()} == {mark.mark for mark in marks}
    assert await tools.awaits(3), "its deliveries do not know it yet"
    await one.spool.erasure_done(3)
    assert await tools.awaits(3) is False
    beside.asked.clear()
    assert await tools.lift_suppression([mark.mark for mark in marks], NOW + 1) == 6
    assert [len(request.lift) for request in beside.asked] == [2, 2, 1]
    assert {request.now for request in beside.asked} == {NOW + 1}
    assert await tools.mark_users([], NOW) == 0
    assert await tools.lift_suppression([], NOW) == 0
    assert len(beside.asked) == 3
    await tools.close()


@pytest.mark.parametrize("kind", ["events", "parked", "dead", "history"])
async def test_many_events_are_removed_page_by_page(
    one: One, folders: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(admin, "_PAGE", 2)
    beside = Beside(one, one.stream)
    tools = await tool(beside, monkeypatch)
    many: list[Any] = [("one", number) if kind == "parked" else number for number in range(1, 6)]
    await tools.erase(Erasure(turned_away=True, **{kind: many}))
    pages = [request.erase for request in beside.asked]
    assert pages == [Erasure(turned_away=True, **{kind: many[at : at + 2]}) for at in (0, 2, 4)]
    beside.asked.clear()
    await tools.erase(Erasure(turned_away=True))
    assert [request.erase for request in beside.asked] == [Erasure(turned_away=True)]
    await tools.close()


async def test_what_the_forwarder_cannot_do_is_said_in_its_words(
    one: One, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = await tool(Beside(one, one.stream), monkeypatch)

    async def refuses(*_: object) -> ControlReply:
        return ControlReply(3, "the disk is full")

    monkeypatch.setattr(admin, "request", refuses)
    with pytest.raises(SpoolError, match=r"^the disk is full$"):
        await tools.drop([1])
    await tools.close()


async def test_without_a_forwarder_nothing_changes_and_that_is_said(
    one: One, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one.spool.append([event("a")], NOW)
    tools = await tool(Beside(None, one.stream), monkeypatch)
    assert names(await tools.read(0, 9)) == ["a"], "looking goes without one"
    with pytest.raises(SpoolError, match=f"^no forwarder serves from {PLACE}; start one"):
        await tools.retry([1])
    await tools.close()


@pytest.mark.parametrize("error", [nats.errors.TimeoutError(), None])
async def test_an_opening_that_fails_leaves_nothing_behind(
    folders: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    stream = FakeStream()
    stream.put(b"somebody's")
    stream.raises = [error]
    beside = Beside(None, stream)
    what = "cannot be used" if error else "holds other things than events"
    with pytest.raises(SpoolDamaged, match=f"^{PLACE} {what}"):
        await tool(beside, monkeypatch)
    assert closed(beside)
    assert held(folders) == []
