"""A spool's changes in a stream, and the copy that another machine makes of them: over a stream in memory."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from nats.js.errors import NoStreamResponseError
from structlog.testing import capture_logs

from forwarder.errors import SpoolDamaged, SpoolError, SpoolLost, SpoolUnavailable
from forwarder.spool import Parked, Settlement, StoredEvent
from forwarder.spool.jetstream import replication
from forwarder.spool.jetstream.log import RETRY_AFTER, Log
from forwarder.spool.jetstream.message import Message, decode, encode
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.jetstream.replication import Contents, StreamReplicator
from forwarder.spool.jetstream.snapshot import EpochStarted, SnapshotEnd, snapshot_records
from forwarder.spool.sqlite.schema import open_database
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import marks_for
from tests.support.fake_stream import FakeConnection, FakeStream
from tests.support.sessions import Front, minutes_of
from tests.support.sessions import event as page_event
from tests.support.spools import NOW, event, names
from tests.support.streams import busy, everything


class Writing:
    """A spool that writes into a stream in memory."""

    def __init__(
        self, folder: Path, stream: FakeStream | None = None, contents: Contents | None = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.connection = FakeConnection(stream)
        self.stream: FakeStream = self.connection.jetstream
        self.log = Log(cast(Any, self.connection))
        self.lost: list[SpoolError] = []
        self.contents = contents or Contents()
        self.replicator = StreamReplicator(self.log, self.contents, self.lost.append)
        self.spool = SqliteSpool(
            folder / "copy.db", max_events=1000, max_bytes=10**6, replicator=self.replicator
        )


async def copied(stream: FakeStream, path: Path) -> tuple[Replica, Log]:
    """Return a copy of what the stream holds."""
    log = Log(cast(Any, FakeConnection(stream)))
    began = await log.begin()
    copy = Replica(path, log)
    await copy.catch_up(began)
    copy.finish()
    return copy, log


async def seen(path: Path) -> object:
    spool = SqliteSpool(path, max_events=1, max_bytes=1, tool=True)
    try:
        return await everything(spool)
    finally:
        await spool.close()


@pytest.mark.parametrize("snapshot_bytes", [500, 5_000, 10**6])
async def test_a_copy_holds_all_that_the_writer_has(
    tmp_path: Path, snapshot_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", snapshot_bytes)
    one = Writing(tmp_path / "one")
    await busy(one.spool)
    known = await everything(one.spool)
    await asyncio.sleep(0.01)
    copy, log = await copied(one.stream, tmp_path / "other.db")
    assert await seen(tmp_path / "other.db") == known
    assert (log.last, copy.contents.purged) == (one.stream.last, False)
    assert list(copy.contents.edges) == list(one.contents.edges), "what is left is known"
    assert all(at in one.stream.messages for _, at in copy.contents.edges)
    assert (one.stream.first > 1) is (snapshot_bytes < 10**6), "snapshots let go of what was before them"
    kept = {at: decode(data) for at, data in one.stream.messages.items() if at >= log.base}
    assert copy.contents.since == sum(len(one.data) for one in kept.values() if one)
    await one.spool.close()
    again = SqliteSpool(tmp_path / "other.db", max_events=1000, max_bytes=10**6)
    assert await again.append([event("waits"), event("new")], NOW) == [False, True], "ids are known, too"
    await again.close()


async def test_another_writer_goes_on_where_the_first_one_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 3_000)
    one = Writing(tmp_path / "one")
    await busy(one.spool)
    await one.spool.close()
    await asyncio.sleep(0.01)
    (tmp_path / "two").mkdir()
    copy, log = await copied(one.stream, tmp_path / "two" / "copy.db")
    two = Writing(tmp_path / "two", one.stream, copy.contents)
    two.log.last, two.log.base, two.log.kept = log.last, log.base, log.kept
    await two.spool.attach(["one"])
    await two.spool.append([event("later", b"x" * 5_000)], NOW)
    last = (await two.spool.read(0, 99))[-1]
    await two.spool.settle("one", Settlement(last.seq), NOW)
    known = await everything(two.spool)
    await copied(one.stream, tmp_path / "three.db")
    assert await seen(tmp_path / "three.db") == known
    await two.spool.close()


async def test_records_go_once_a_snapshot_is_there_and_their_events_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "_TRIM_EVERY", 1)
    one = Writing(tmp_path / "one")
    await one.spool.attach(["one"])
    await one.spool.append([event("a")], NOW)
    await one.spool.append([event("b")], NOW)
    await one.spool.settle("one", Settlement(2), NOW)
    await one.spool.append([event("c")], NOW)
    await asyncio.sleep(0.01)
    assert one.stream.purged == [], "without a snapshot all is needed"
    one.contents.since = replication.SNAPSHOT_BYTES + 1
    before = one.stream.last
    await one.spool.append([event("d")], NOW)
    await asyncio.sleep(0.01)
    assert one.log.base == before + 1
    [first] = one.stream.purged
    assert first < one.log.base, "the event that waits is needed, too"
    assert one.contents.edges[0] == (3, first)
    await one.spool.settle("one", Settlement(4), NOW)
    await one.spool.append([event("e")], NOW)
    await asyncio.sleep(0.01)
    assert one.stream.purged[-1] == one.log.base
    purged = list(one.stream.purged)
    await one.spool.append([event("f")], NOW)
    await asyncio.sleep(0.01)
    assert one.stream.purged == purged, "it was let go of already"
    await one.spool.close()


@pytest.mark.parametrize(("every", "trims"), [(2, True), (1_000, False)])
async def test_what_may_go_is_looked_for_now_and_then(
    tmp_path: Path, every: int, trims: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "_TRIM_EVERY", every)
    one = Writing(tmp_path / "one")
    one.log.base = 5
    for name in "abc":
        await one.spool.append([event(name)], NOW)
    await asyncio.sleep(0.01)
    assert bool(one.stream.purged) is trims
    await one.spool.close()


async def test_a_snapshot_is_written_after_twice_the_bytes_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 10)
    one = Writing(tmp_path / "one")
    await one.spool.attach([f"destination {number}" for number in range(50)])
    await one.spool.append([event("a")], NOW)
    base, size = one.log.base, one.replicator._snapshot_bytes
    assert size > 500
    assert base > 0
    while one.log.base == base:
        assert one.contents.since <= 2 * size + 400
        await one.spool.append([event(f"m{one.stream.last}", b"x" * 100)], NOW)
    await one.spool.close()


async def test_a_stream_that_was_purged_by_hand_is_written_again(tmp_path: Path) -> None:
    one = Writing(tmp_path / "one")
    await busy(one.spool)
    known = await everything(one.spool)
    one.stream.purge(one.stream.last + 1)
    one.replicator.complete()
    with capture_logs() as logs:
        await one.spool.append([event("new")], NOW)
    assert [line["log_level"] for line in logs] == ["warning", "info"]
    known = await everything(one.spool)
    await asyncio.sleep(0.01)
    assert one.stream.purged[-1] == one.log.base
    seqs = [seq for seq, _ in one.contents.edges]
    assert seqs == sorted(seqs)
    assert (seqs[-1], one.contents.edges[0][1] >= one.log.base) == (42, True)
    records = one.stream.last
    await one.spool.append([event("later")], NOW)
    assert one.stream.last == records + 1, "it is written again once"
    known = await everything(one.spool)
    copy, _ = await copied(one.stream, tmp_path / "other.db")
    assert await seen(tmp_path / "other.db") == known
    assert not copy.contents.purged
    await one.spool.close()


async def test_where_nobody_could_write_it_again_it_goes_on_from_what_is_left(tmp_path: Path) -> None:
    one = Writing(tmp_path / "one")
    await one.spool.attach(["one"])
    await one.spool.append([event("a"), event("b")], NOW)
    await one.spool.settle("one", Settlement(2, ended={("delivered", ""): 2}), NOW)
    await one.spool.append([event("c")], NOW)
    await one.spool.settle("one", Settlement(2, [Parked(event_at(3), "g", ("k",), b"")]), NOW)
    await one.spool.settle("one", Settlement(3), NOW)
    await one.spool.close()
    one.stream.purge(one.stream.last)
    with capture_logs() as logs:
        copy, _ = await copied(one.stream, tmp_path / "other.db")
    assert copy.contents.purged
    assert [(line["log_level"], line["first_message"]) for line in logs] == [("warning", one.stream.last)]
    spool = SqliteSpool(tmp_path / "other.db", max_events=9, max_bytes=10**6)
    assert await spool.attach(["one"]) == {"one": 3}
    standing = (await spool.counts()).destinations["one"]
    assert (standing.ended, standing.waiting) == ({}, 0)
    await spool.append([event("d")], NOW)
    assert [found.seq for found in await spool.read(0, 9)] == [4], "no number comes twice"
    await spool.close()


def event_at(seq: int) -> StoredEvent:
    return StoredEvent(seq, NOW, "demo", f"m{seq}", b"{}")


@pytest.mark.parametrize(
    ("first", "last", "purged"), [(1, 0, False), (1, 3, False), (3, 3, True), (4, 3, True), (9, 8, True)]
)
async def test_messages_that_are_missing_are_noticed(
    tmp_path: Path, first: int, last: int, purged: bool
) -> None:
    one = Writing(tmp_path / "one")
    for name in "abc"[:last]:
        await one.spool.append([event(name)], NOW)
    await one.spool.close()
    one.stream.purge(first)
    one.stream.last = max(one.stream.last, last)
    copy, _ = await copied(one.stream, tmp_path / "other.db")
    assert copy.contents.purged is purged


async def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    stream = FakeStream()
    good = msgspec.msgpack.encode([EpochStarted()])
    for data in (good, msgspec.msgpack.encode([["unknown", 1]])):
        stream.put(encode(Message("w", len(data), 0, 1, 0, data)))
    with pytest.raises(SpoolDamaged, match="cannot be read at message 2"):
        await copied(stream, tmp_path / "other.db")


async def test_a_snapshot_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    one = Writing(tmp_path / "one")
    await busy(one.spool)
    known = await everything(one.spool)
    await one.spool.close()
    with closing(sqlite3.connect(tmp_path / "one" / "copy.db")) as database:
        database.execute("DELETE FROM parked")
        for record in snapshot_records(database):
            await one.log.append(msgspec.msgpack.encode(record))
    await copied(one.stream, tmp_path / "other.db")
    assert await seen(tmp_path / "other.db") == known
    one.log.base = one.stream.last
    await one.log.append(msgspec.msgpack.encode([SnapshotEnd()]))


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

    def failing() -> None:
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


@pytest.mark.parametrize("snapshot_bytes", [10, 10**6])
async def test_the_number_of_erasures_goes_on_elsewhere(
    tmp_path: Path, snapshot_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", snapshot_bytes)
    one = Writing(tmp_path / "one")
    for number in (1, 2, 3):
        assert await one.spool.mark_users(marks_for([f"user {number}"], [""], 0), NOW) == number
        await one.spool.append([event(f"m{number}")], NOW)
    await one.spool.close()
    await copied(one.stream, tmp_path / "other.db")
    again = SqliteSpool(tmp_path / "other.db", max_events=9, max_bytes=10**6)
    assert await again.erasure() == 3
    assert len(await again.marks()) == 3
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


@pytest.mark.parametrize("snapshot_bytes", [500, 10**6])
async def test_whoever_takes_over_has_the_sessions_that_late_events_have_changed(
    tmp_path: Path, snapshot_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", snapshot_bytes)
    one = Writing(tmp_path / "one")
    await one.spool.attach(["x"])
    front = Front(one.spool)
    for name, minute in (("b", 20), ("d", 70), ("c", 45), ("a", 0), ("far", 300)):
        await front.take(page_event(name, minute))
    before = await minutes_of(one.spool)
    assert before == {**dict.fromkeys("abcd", 0), "far": 300}
    await one.spool.close()
    await copied(one.stream, tmp_path / "other.db")
    two = SqliteSpool(tmp_path / "other.db", max_events=1000, max_bytes=10**6)
    assert await minutes_of(two) == before
    await Front(two).take(page_event("earlier", -10))
    assert await minutes_of(two) == {**before, "earlier": 0}, "what came before is final there"
    await two.close()
