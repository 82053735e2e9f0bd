"""What a writer and its copy make of failures of the stream: nothing that was promised is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from nats.js.errors import NoStreamResponseError

from forwarder.errors import SpoolDamaged, SpoolLost, SpoolUnavailable
from forwarder.spool.jetstream import replication
from forwarder.spool.jetstream.log import RETRY_AFTER, Log
from forwarder.spool.jetstream.message import Message, encode
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.jetstream.snapshot import EpochStarted, SnapshotEnd
from forwarder.spool.sqlite.schema import open_database
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.fake_stream import FakeConnection
from tests.support.replicas import Writing, copied, seen
from tests.support.spools import NOW, event, names
from tests.support.streams import busy, everything

# -- files


@pytest.mark.parametrize("kind", ["other", "sqlite"])
async def test_only_an_earlier_copy_is_deleted(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "copy.db"
    if kind == "other":
        path.write_bytes(b"somebody's")
    else:
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE somebody (x)")
    before = path.read_bytes()
    log = Log(cast(Any, FakeConnection()))
    with pytest.raises(SpoolDamaged, match="is no copy of a stream"):
        Replica(path, log)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["none", "empty", "copy", "log alone"])
async def test_an_earlier_copy_is_made_anew(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "copy.db"
    if kind == "empty":
        path.touch()
    if kind in ("copy", "log alone"):
        database = open_database(path, durable=False)
        if kind == "copy":
            database.close()
        else:  # as a crash leaves it
            saved = {name: path.with_name(name).read_bytes() for name in ("copy.db", "copy.db-wal")}
            database.close()
            for name, data in saved.items():
                path.with_name(name).write_bytes(data)
    path.with_name("copy.db-shm").write_bytes(b"")
    copy = Replica(path, Log(cast(Any, FakeConnection())))
    copy.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM event").fetchone() == (0,)


# -- what the writer makes of failures


async def test_whoever_lost_the_stream_writes_nothing_any_more(tmp_path: Path) -> None:
    one = Writing(tmp_path / "one")
    await one.spool.append([event("a")], NOW)
    one.stream.put(encode(Message("another", 0, 0, 1, 0, b"x")))
    for name in "bc":
        with pytest.raises(SpoolLost, match="taken over"):
            await one.spool.append([event(name)], NOW)
    await asyncio.sleep(0)
    assert len(one.lost) == 1
    one.replicator.fail(SpoolLost("another reason"))
    await asyncio.sleep(0)
    assert len(one.lost) == 1
    await one.spool.close()


async def test_a_stream_that_was_deleted_is_mended_with_the_next_transaction(tmp_path: Path) -> None:
    one = Writing(tmp_path / "one")
    await one.spool.append([event("a")], NOW)
    one.stream.there = False
    one.stream.raises = [NoStreamResponseError()]
    with pytest.raises(SpoolUnavailable, match="purged or deleted by hand") as refused:
        await one.spool.append([event("b")], NOW)
    assert (refused.value.code, refused.value.retry_after) == ("stream_incomplete", RETRY_AFTER)
    assert await one.spool.append([event("b")], NOW) == [True]
    assert names(await one.spool.read(0, 9)) == ["a", "b"]
    assert not one.lost
    assert one.stream.last > 3, "all was written again"
    await one.spool.close()


async def test_a_stream_that_is_silent_while_it_is_mended_is_tried_again(tmp_path: Path) -> None:
    one = Writing(tmp_path / "one")
    await one.spool.append([event("a")], NOW)
    one.replicator.complete()
    one.stream.raises = [OSError("away")]
    with pytest.raises(SpoolUnavailable, match="does not answer: away") as refused:
        await one.spool.append([event("b")], NOW)
    assert (refused.value.code, refused.value.retry_after) == ("stream_silent", RETRY_AFTER)
    assert await one.spool.append([event("b")], NOW) == [True]
    await one.spool.close()


async def test_what_the_stream_has_and_the_copy_has_not_ends_the_writing(tmp_path: Path) -> None:
    one = Writing(tmp_path / "one")
    await one.spool.append([event("a")], NOW)
    one.replicator.committed()
    one.replicator.begin(one.spool._database)
    await asyncio.to_thread(one.replicator.keep, [EpochStarted()])
    with pytest.raises(SpoolLost, match=r"^the stream has what its copy"):
        one.replicator.begin(one.spool._database)
    await asyncio.sleep(0)
    assert [str(error)[:10] for error in one.lost] == ["the stream"]
    await one.spool.close()


async def test_a_record_whose_fate_nobody_knows_ends_the_writing_and_stays_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Writing(tmp_path / "one")
    await one.spool.append([event("a")], NOW)

    def failing(asked_at: float) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(one.log.health, "ours", failing)
    with pytest.raises(ZeroDivisionError):
        await one.spool.append([event("b")], NOW)
    await asyncio.sleep(0)
    [lost] = one.lost
    assert isinstance(lost, SpoolLost)
    assert "ZeroDivisionError" in str(lost)
    with pytest.raises(SpoolLost):
        await one.spool.append([event("b")], NOW)
    await one.spool.close()
    await copied(one.stream, tmp_path / "other.db")
    again = SqliteSpool(tmp_path / "other.db", max_events=9, max_bytes=10**6)
    assert names(await again.read(0, 9)) == ["a", "b"]
    await again.close()


@pytest.mark.parametrize("written", [1, 2, 3, 4])
async def test_while_a_stream_is_written_again_its_last_snapshot_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """Whoever dies in the middle of that leaves what was parked and dead, which no other record holds."""
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 5_000)
    one = Writing(tmp_path / "one")
    await busy(one.spool)
    known = await everything(one.spool)
    await asyncio.sleep(0.01)
    assert 1 < one.stream.first <= one.log.base
    append, left = one.log.append, written

    async def appended(data: bytes) -> int:
        nonlocal left
        if not left:
            raise ZeroDivisionError
        left -= 1
        return await append(data)

    monkeypatch.setattr(one.log, "append", appended)
    one.replicator.complete()
    with pytest.raises(ZeroDivisionError):
        await one.spool.append([event("new")], NOW)
    await one.spool.close()
    copy, _ = await copied(one.stream, tmp_path / "other.db")
    assert await seen(tmp_path / "other.db") == known
    assert not copy.contents.purged


async def test_a_snapshot_that_the_stream_does_not_name_lets_nothing_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the stream is full at its last record: whoever takes over has to know all from before it."""
    one = Writing(tmp_path / "one")
    await busy(one.spool)
    known = await everything(one.spool)
    end, append = msgspec.msgpack.encode([SnapshotEnd()]), one.log.append

    async def full(data: bytes) -> int:
        if data == end:
            raise SpoolUnavailable("stream_full", "it is full", RETRY_AFTER)
        return await append(data)

    monkeypatch.setattr(one.log, "append", full)
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 10)
    monkeypatch.setattr(replication, "_TRIM_EVERY", 1)
    with pytest.raises(SpoolUnavailable):
        await one.spool.append([event("x")], NOW)
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 10**6)
    for _ in range(3):
        await one.spool.expire(NOW)
    await asyncio.sleep(0.01)
    await one.spool.close()
    copy, _ = await copied(one.stream, tmp_path / "other.db")
    assert not copy.contents.purged
    assert await seen(tmp_path / "other.db") == known
