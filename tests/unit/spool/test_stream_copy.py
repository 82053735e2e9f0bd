"""A spool's changes in a stream, and the copy that another machine makes of them: over a stream in memory."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from forwarder.errors import SpoolDamaged
from forwarder.spool import Parked, Settlement, StoredEvent
from forwarder.spool.jetstream import replication
from forwarder.spool.jetstream.message import Message, decode, encode
from forwarder.spool.jetstream.snapshot import EpochStarted, SnapshotEnd, snapshot_records
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import marks_for
from tests.support.fake_stream import FakeStream
from tests.support.replicas import Writing, copied, seen
from tests.support.sessions import Front, minutes_of
from tests.support.sessions import event as page_event
from tests.support.spools import NOW, event
from tests.support.streams import busy, everything


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
