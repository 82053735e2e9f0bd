"""A machine's copy of a stream, record by record: what is known of it, what is forgotten, what was purged."""

# ruff: noqa: ASYNC240 - files that are looked at between two steps

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from forwarder.errors import SpoolDamaged
from forwarder.spool import Settlement
from forwarder.spool.history import Ended
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.message import Message, encode
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.jetstream.snapshot import SnapshotBegin, SnapshotEnd, SnapshotRows
from forwarder.spool.sqlite import history_rows
from forwarder.spool.sqlite.operations import Appended, Attached, Settled
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.fake_stream import FakeConnection, FakeStream
from tests.support.spools import NOW, event, names


class Written:
    """A stream that is written by hand."""

    def __init__(self) -> None:
        self.stream = FakeStream()
        self._records = 0

    def put(self, *changes: object, base: int = 0) -> int:
        """Write a record; return where it lies."""
        data = msgspec.msgpack.encode(changes)
        self.stream.put(encode(Message("writer", self._records, 0, 1, base, data)))
        self._records += 1
        return self.stream.last

    async def read(self, path: Path) -> Replica:
        """Return the finished copy."""
        own = Log(cast(Any, FakeConnection(self.stream)))
        began = await own.begin()
        copy = Replica(path, own)
        await copy.catch_up(began)
        copy.finish()
        return copy


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


def appended(*seqs: int) -> Appended:
    return Appended([(seq, NOW, "demo", f"m{seq}", b"{}", 2 * seq) for seq in seqs])


def spool(path: Path) -> SqliteSpool:
    return SqliteSpool(path, max_events=99, max_bytes=9_999)


async def test_ids_of_events_that_have_ended_are_known_on_a_new_machine(path: Path) -> None:
    one = Written()
    one.put(Attached(["one"], 0))
    one.put(appended(1, 2))
    one.put(Settled("one", Settlement(2, ended={("delivered", ""): 2}), NOW))
    copy = spool((await one.read(path))._path)
    assert await copy.read(0, 9) == []
    assert await copy.append([event("m1"), event("m3"), event("m2")], NOW) == [False, True, False]
    assert [one.seq for one in await copy.read(0, 9)] == [3]
    await copy.close()


async def test_nothing_is_left_of_an_earlier_copy(path: Path) -> None:
    first, second = Written(), Written()
    first.put(appended(1, 2, 3))
    second.put(appended(1))
    await first.read(path)
    junk = b"of an earlier copy" * 50_000
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).write_bytes(junk)
    copy = Replica(path, Log(cast(Any, FakeConnection(second.stream))))
    assert copy._database.execute("PRAGMA synchronous").fetchone() == (0,), "it is but a copy"
    copy._database.execute("INSERT INTO note VALUES ('x', 1)")
    for end in ("-wal", "-shm"):
        assert junk[:18] not in path.with_name(path.name + end).read_bytes()
    copy.close()
    await second.read(path)
    found = spool(path)
    assert names(await found.read(0, 9)) == ["m1"]
    await found.close()


async def test_events_that_are_written_again_behind_a_snapshot_are_there_once(path: Path) -> None:
    one = Written()
    one.put(Attached(["one"], 0))
    one.put(appended(1, 2))
    base = one.put(SnapshotBegin())
    one.put(SnapshotRows("cursor", [["one", 1, 0, 0]]))
    one.put(appended(1, 2))
    one.put(appended(3))
    one.put(SnapshotEnd(), base=base)
    one.put(appended(4), base=base)
    copy = await one.read(path)
    assert list(copy.contents.edges) == [(2, 2), (2, 5), (3, 6), (4, 8)]
    found = spool(path)
    assert names(await found.read(0, 9)) == ["m2", "m3", "m4"]
    await found.close()


async def test_an_event_that_is_written_twice_for_no_reason_is_damage(path: Path) -> None:
    for between in ([], [Attached(["one"], 0)]):
        one = Written()
        if between:  # a snapshot makes room for it, and any other change ends that
            one.put(SnapshotBegin())
            one.put(appended(1))
            one.put(*between)
        else:
            one.put(appended(1))
        one.put(appended(1))
        with pytest.raises(SpoolDamaged, match=f"at message {one.stream.last}: UNIQUE"):
            await one.read(path)


async def test_rows_outside_of_the_last_snapshot_do_not_count(path: Path) -> None:
    one = Written()
    one.put(Attached(["one"], 0))
    one.put(SnapshotRows("cursor", [["nobody", 0, 0, 0]]))
    one.put(SnapshotBegin())
    one.put(SnapshotRows("cursor", [["nobody", 0, 0, 0]]))
    await one.read(path)
    found = spool(path)
    assert list((await found.counts()).destinations) == ["one"]
    await found.close()


@pytest.mark.parametrize(
    ("records", "purged_upto", "purged"),
    [(0, 0, False), (1, 0, False), (1, 2, True), (2, 2, True), (2, 3, True)],
)
async def test_a_stream_of_which_somebody_took_the_beginning_was_purged(
    path: Path, records: int, purged_upto: int, purged: bool
) -> None:
    one = Written()
    for seq in range(1, records + 1):
        one.put(appended(seq))
    one.stream.purge(purged_upto)
    assert (await one.read(path)).contents.purged is purged


@pytest.mark.parametrize(
    ("cursor", "left", "following"), [(0, [], 1), (1, [], 2), (5, [], 6), (1, [2, 3], 4), (5, [4, 5], 6)]
)
async def test_after_a_purge_no_event_gets_a_number_that_is_taken_or_passed(
    path: Path, cursor: int, left: list[int], following: int
) -> None:
    one = Written()
    one.put(appended(1))
    if left:
        one.put(appended(*left))
    if cursor:
        one.put(Settled("one", Settlement(cursor), NOW))
    one.stream.purge(2)
    await one.read(path)
    found = spool(path)
    assert await found.append([event("next")], NOW) == [True]
    assert (await found.read(0, 99))[-1].seq == following
    await found.close()


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + b"junk" * 500, b"notes", b"SQLite format 3\0"])
async def test_a_file_that_is_no_copy_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(SpoolDamaged, match=r"copy\.db is no copy of a stream; name another file"):
        await Written().read(path)
    assert path.read_bytes() == content


async def test_another_programs_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(SpoolDamaged, match="is no copy of a stream"):
        await Written().read(path)


async def test_without_destinations_every_event_stays(path: Path) -> None:
    one = Written()
    one.put(appended(1, 2))
    await one.read(path)
    found = spool(path)
    assert names(await found.read(0, 9)) == ["m1", "m2"]
    await found.close()


async def test_what_ended_before_the_last_snapshot_is_in_history(path: Path) -> None:
    """Events that the stream still holds are in history with how they ended; no snapshot says that."""
    one = Written()
    one.put(Attached(["one", "two"], 0))
    one.put(appended(1, 2))
    ended = Settlement(1, ended={("delivered", ""): 1}, ends=[Ended("delivered", "", 1, 1)])
    one.put(Settled("one", ended, NOW + 5))
    base = one.put(SnapshotBegin())
    one.put(SnapshotRows("cursor", [["one", 1, 0, 0], ["two", 0, 0, 0]]))
    one.put(SnapshotEnd(), base=base)
    await one.read(path)
    found = spool(path)
    [row] = await found.look(
        lambda database: database.execute("SELECT destination, at, first, last, body FROM settled").fetchall()
    )
    assert row[:4] == ("one", NOW + 5, 1, 1)
    ends, _ = history_rows.unpack_settled(row[4])
    assert ends == [Ended("delivered", "", 1, 1)]
    await found.close()
