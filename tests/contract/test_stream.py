"""The spool in a JetStream stream: what other machines see of it, and what becomes of the one that writes."""

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

import nats as client
import pytest
from nats.js.api import StreamState

from forwarder.errors import SpoolDamaged, SpoolError, SpoolFull, SpoolLost
from forwarder.spool import Settlement
from forwarder.spool.jetstream import log, message, opening, replication
from forwarder.spool.jetstream import spool as stream_spool
from forwarder.spool.sqlite.schema import open_database
from tests.support.nats import Nats, nats_server
from tests.support.spools import NOW, Where, event, names, opened, somewhere
from tests.support.streams import busy, elsewhere, everything
from tests.support.waiting import PATIENCE_S, until


@pytest.fixture
def here(tmp_path: Path, nats: Nats) -> Where:
    return somewhere(nats, tmp_path)


async def state(where: Where) -> StreamState:
    """Return how much the stream holds."""
    server, _, name = where.place.rpartition("/")
    connection = await client.connect(server)
    found = (await connection.jetstream().stream_info(name)).state
    await connection.close()
    return found


@pytest.mark.parametrize("snapshot_bytes", [500, 5_000, 10**6])
async def test_another_machine_finds_all_of_it(
    here: Where, snapshot_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", snapshot_bytes)
    async with opened(here) as spool:
        await busy(spool)
        known = await everything(spool)
    async with opened(elsewhere(here)) as spool:
        assert await everything(spool) == known
        assert names(await spool.read(0, 10)) == ["waits"]
        assert await spool.append([event("waits"), event("new")], NOW) == [False, True]


async def holds_less_than(where: Where, size: int) -> None:
    """Wait until the stream holds fewer bytes: records are let go of behind the writer's back."""

    async def holds_less() -> bool:
        return (await state(where)).bytes < size

    await until(holds_less)


async def test_what_is_told_again_is_let_go_of(here: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 5_000)
    async with opened(here) as spool:
        await busy(spool)
        await holds_less_than(here, 20_000)  # all records together are several times that
    assert (await state(here)).first_seq > 1


async def test_a_backlog_is_let_go_of_as_it_is_delivered(
    here: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 50_000)
    async with opened(here) as spool:
        await spool.attach(["one"])
        for number in range(100):
            await spool.append([event(f"m{number}", b"x" * 1_000)], NOW)
        assert (await state(here)).bytes > 100_000
        for number in range(100):
            await spool.settle("one", Settlement(number + 1), NOW)
        await holds_less_than(here, 60_000)


async def test_short_lives_let_go_of_records_too(here: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 5_000)
    for life in range(10):
        async with opened(here) as spool:
            await spool.attach(["one"])
            await spool.append([event(f"m{life}", b"x" * 1_000)], NOW)
            await spool.settle("one", Settlement(life + 1), NOW)
            await holds_less_than(here, 10_000)


async def test_a_record_may_be_larger_than_a_message(here: Where) -> None:
    bodies = [bytes([65 + number]) * 300_000 for number in range(10)]
    async with opened(here, max_bytes=10**8) as spool:
        await spool.append([event(f"m{number}", body) for number, body in enumerate(bodies)], NOW)
    async with opened(elsewhere(here), max_bytes=10**8) as spool:
        assert [found.body for found in await spool.read(0, 100)] == bodies


async def test_who_is_replaced_can_write_nothing_more(here: Where) -> None:
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
        await spool._log.client.flush()  # type: ignore[attr-defined]
        server = here.place.rpartition("/")[0]
        connection = await client.connect(server)
        foreign = message.encode(message.Message("another", 0, 0, 1, 0, b"\x90"))
        await connection.jetstream().publish(f"{here.place.rpartition('/')[2]}.log", foreign)
        await connection.close()
        with pytest.raises(SpoolLost, match="another forwarder has taken over"):
            await spool.append([event("b")], NOW)
        assert isinstance(await asyncio.wait_for(spool.lost(), PATIENCE_S), SpoolLost)
        with pytest.raises(SpoolLost):
            await spool.settle("one", Settlement(1), NOW)
    async with opened(elsewhere(here)) as spool:
        assert names(await spool.read(0, 10)) == ["a"]


async def test_an_answer_that_was_lost_is_no_loss(here: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(here) as spool:
        stream = spool._log._stream  # type: ignore[attr-defined]
        publish, lost = stream.publish, [1, 1, 1]

        async def forgetful(*given: object, **more: object) -> object:
            answer = await publish(*given, **more)
            if lost:
                lost.pop()
                raise client.errors.TimeoutError
            return answer

        monkeypatch.setattr(stream, "publish", forgetful)
        assert await spool.append([event("a")], NOW) == [True]
        assert await spool.append([event("a"), event("b")], NOW) == [False, True]
        assert names(await spool.read(0, 10)) == ["a", "b"]
    async with opened(elsewhere(here)) as spool:
        assert names(await spool.read(0, 10)) == ["a", "b"]


@pytest.mark.parametrize("at_once", [False, True], ids=["on its way", "at once"])
async def test_senders_are_told_to_come_again_while_the_stream_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """What is on its way then is kept once the stream answers, and known when it comes again.

    Once the first record has waited for long enough, the second sender is refused at once, and nothing of it
    is kept. Until then its events are on their way, too.
    """
    monkeypatch.setattr(stream_spool, "PATIENCE_S", 0.5)
    spool: Any
    with nats_server() as server:
        where = somewhere(server, tmp_path)
        async with opened(where) as spool:
            await spool.attach(["one"])
            server.kill()
            with pytest.raises(SpoolFull, match="does not answer"):
                await spool.append([event("a")], NOW)
            await until(lambda: spool._log.waits_since is not None)
            since = spool._log.waits_since
            if at_once:
                await until(lambda: time.monotonic() - since >= stream_spool.PATIENCE_S)
            else:
                spool._log.waits_since = time.monotonic()
            with pytest.raises(SpoolFull, match="does not answer"):
                await spool.append([event("b")], NOW)
            monkeypatch.setattr(stream_spool, "PATIENCE_S", PATIENCE_S)
            server.start()
            settled = spool.settle("one", Settlement(0, ended={("filtered", "x"): 1}), NOW)
            await asyncio.wait_for(settled, PATIENCE_S)
            assert await spool.append([event("a"), event("b")], NOW) == [False, at_once]
        async with opened(elsewhere(where)) as spool:
            assert names(await spool.read(0, 10)) == ["a", "b"]


async def test_a_stop_does_not_wait_for_a_silent_stream(tmp_path: Path) -> None:
    with nats_server() as server:
        spool: Any = await somewhere(server, tmp_path).open()
        server.kill()
        kept = asyncio.ensure_future(spool.append([event("a")], NOW))
        await until(lambda: spool._log.waits_since is not None)  # the record is on its way then
        spool.end_within(0.3)
        with pytest.raises(SpoolLost, match="did not answer before the end"):
            await kept
        await asyncio.wait_for(spool.close(), PATIENCE_S)


async def test_what_is_known_is_written_down_after_the_end(
    here: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_LAST_S", PATIENCE_S)
    spool: Any
    async with opened(here) as spool:
        await spool.attach(["one"])
        spool.end_within(0)
        await asyncio.wait_for(asyncio.shield(spool._log._end), PATIENCE_S)
        assert await spool.append([event("a")], NOW) == [True]
        await spool.settle("one", Settlement(1, ended={("delivered", ""): 1}), NOW)
    async with opened(elsewhere(here)) as spool:
        assert (await spool.counts()).destinations["one"].ended == {("delivered", ""): 1}


async def test_a_tool_reads_by_itself_and_asks_for_changes(here: Where) -> None:
    async with opened(here) as spool:
        await busy(spool)
        tool = await here.open(tool=True)
        assert [letter.number for letter in await tool.dead()] == [4, 5, 6, 7, 8, 9, 10]
        assert await tool.retry([4, 5]) == 2
        assert await tool.drop([6, 99]) == 1
        assert [letter.number for letter in await spool.dead()] == [7, 8, 9, 10]
        await tool.close()
    tool = await here.open(tool=True)
    assert len(await tool.dead()) == 4
    with pytest.raises(SpoolError, match=r"no forwarder serves from nats://.*; start one"):
        await tool.drop([7])
    await tool.close()


async def test_where_no_server_is_the_place_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "CONNECT_S", 1)
    with pytest.raises(SpoolDamaged, match=r"cannot connect to nats://127.0.0.1:9/events: .*mend spool.path"):
        await Where("nats://127.0.0.1:9/events", tmp_path / "copy.db").open()


async def test_a_wrong_token_is_said_to_be_one(tmp_path: Path) -> None:
    with nats_server("--auth", "right-token") as server:
        with pytest.raises(SpoolDamaged, match=r"spool.token") as refused:
            await somewhere(server, tmp_path).open()
        assert "right-token" not in str(refused.value)


async def test_a_stream_of_something_else_is_refused(here: Where) -> None:
    server, _, name = here.place.rpartition("/")
    connection = await client.connect(server)
    await connection.jetstream().add_stream(name=name, subjects=[f"{name}.log"])
    await connection.jetstream().publish(f"{name}.log", b"hello")
    await connection.close()
    with pytest.raises(SpoolDamaged, match="holds other things than events; name another stream"):
        await here.open()


async def test_a_stream_that_forgets_is_refused(here: Where) -> None:
    server, _, name = here.place.rpartition("/")
    connection = await client.connect(server)
    await connection.jetstream().add_stream(name=name, subjects=[f"{name}.log"], max_age=3600)
    await connection.close()
    with pytest.raises(SpoolDamaged, match="forgets events by itself; set"):
        await here.open()


async def test_a_tool_makes_no_stream(here: Where) -> None:
    with pytest.raises(SpoolDamaged, match="there is no stream"):
        await here.open(tool=True)


@pytest.mark.parametrize("kind", ["text", "sqlite", "sqlite in its log"])
async def test_only_an_earlier_copy_is_deleted(here: Where, kind: str) -> None:
    database = sqlite3.connect(here.copy, isolation_level=None)
    if kind == "text":
        here.copy.write_bytes(b"somebody's notes")
    else:
        database.execute(f"PRAGMA journal_mode={'WAL' if 'log' in kind else 'DELETE'}")
        database.execute("CREATE TABLE photo (x)")
        database.execute("INSERT INTO photo VALUES ('of somebody')")
    with pytest.raises(SpoolDamaged, match="is no copy of a stream; name another file in"):
        await here.open()
    if kind == "text":
        assert here.copy.read_bytes() == b"somebody's notes"
    else:
        assert database.execute("SELECT * FROM photo").fetchall() == [("of somebody",)]
    database.close()


async def test_the_copy_of_one_that_was_killed_is_made_anew(here: Where) -> None:
    """Its mark may lie in the log alone."""
    here.copy.touch()
    killed = open_database(here.copy, durable=False)
    content = {end: here.copy.with_name(here.copy.name + end).read_bytes() for end in ("", "-wal")}
    killed.close()
    for end, bytes_then in content.items():
        here.copy.with_name(here.copy.name + end).write_bytes(bytes_then)
    async with opened(here) as spool:
        assert await spool.append([event("a")], NOW) == [True]
