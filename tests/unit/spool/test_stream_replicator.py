"""When the replicator writes a snapshot, looks for what may go, and gives up; in the writer's place."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from nats.js.errors import NoStreamResponseError

from forwarder.errors import SpoolError, SpoolLost, SpoolUnavailable
from forwarder.spool.jetstream import replication
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.message import decode
from forwarder.spool.jetstream.replication import Contents, StreamReplicator
from forwarder.spool.jetstream.snapshot import snapshot_records
from forwarder.spool.sqlite import cursors
from forwarder.spool.sqlite.operations import Appended, Attached, Operation
from forwarder.spool.sqlite.schema import open_database
from tests.support.fake_stream import PLACE, FakeConnection, FakeStream
from tests.support.spools import NOW
from tests.support.waiting import until


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = open_database(tmp_path / "copy.db", durable=False)
    yield database
    database.close()


class One:
    """A replicator, its stream, and what it said of the end."""

    def __init__(self, copy: sqlite3.Connection, contents: Contents | None = None) -> None:
        self.copy = copy
        self.stream = FakeStream()
        self.log = Log(cast(Any, FakeConnection(self.stream)))
        self.contents = contents or Contents()
        self.lost: list[SpoolError] = []
        self.own = StreamReplicator(self.log, self.contents, self.lost.append)

    async def begin(self) -> None:
        await asyncio.to_thread(self.own.begin, self.copy)
        await asyncio.sleep(0)

    async def transaction(self, *changes: Operation[object]) -> None:
        """One transaction with these changes."""
        await self.begin()
        if changes:
            await asyncio.to_thread(self.own.keep, changes)
        self.own.committed()

    def sizes(self) -> list[int]:
        """Return the bytes of each record."""
        return [len(found.data) for data in self.stream.messages.values() if (found := decode(data))]


def appended(*seqs: int) -> Appended:
    return Appended([(seq, NOW, "demo", f"m{seq}", b"{}", 2 * seq) for seq in seqs])


async def test_what_may_go_is_looked_for_at_every_so_many_transactions(
    copy: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "_TRIM_EVERY", 3)
    one = One(copy)
    looked: list[int] = []
    begun: list[int] = []
    monkeypatch.setattr(one.own, "_trim", lambda given: looked.append(len(begun)))
    for number in range(9):
        begun.append(number)
        await one.transaction()
    assert looked == [3, 6, 9]


async def test_records_go_once_their_events_have_been_passed_and_no_other(copy: sqlite3.Connection) -> None:
    one = One(copy)
    for seq in (1, 2, 3):
        await one.transaction(appended(seq))
    assert list(one.contents.edges) == [(1, 1), (2, 2), (3, 3)]
    one.log.base = 99
    one.own._trim(copy)
    assert list(one.contents.edges) == [(1, 1), (2, 2), (3, 3)], "nobody has a cursor"
    cursors.add(copy, "one", 2)
    one.own._trim(copy)
    assert list(one.contents.edges) == [(3, 3)]
    one.own._trim(copy)
    await until(lambda: one.stream.purged == [1, 3])


async def test_a_snapshot_comes_with_so_many_bytes_and_counts_its_own(
    copy: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 1_000)
    one = One(copy, Contents(since=1_000))
    await one.begin()
    assert one.stream.last == 0, "the bound is kept"
    one.contents.since = 1_001
    cursors.add(copy, "one", 0)
    await one.begin()
    records = [len(msgspec.msgpack.encode(record)) for record in snapshot_records(copy)]
    assert one.sizes()[:-1] == records
    assert one.own._snapshot_bytes == sum(records)
    assert one.contents.since == one.sizes()[-1], "what names the new base is the first behind it"
    assert one.log.base == 1
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 0)
    one.contents.since = 2 * sum(records)
    await one.begin()
    assert len(one.sizes()) == len(records) + 1, "a snapshot at most doubles what is written"


async def test_what_the_stream_refuses_is_not_there_and_the_next_one_goes_on(
    copy: sqlite3.Connection,
) -> None:
    one = One(copy)
    await one.transaction(appended(1))
    one.stream.there = False
    one.stream.raises = [NoStreamResponseError()]
    await one.begin()
    with pytest.raises(SpoolUnavailable, match=f"^{PLACE} was purged or deleted by hand"):
        await asyncio.to_thread(one.own.keep, [Attached(["one"], 0)])
    await one.transaction(appended(2))
    assert one.lost == []
    assert one.stream.last > 2, "everything is written again before it"
    last = one.stream.last
    await one.transaction(appended(3))
    assert one.stream.last == last + 1, "and only once"


async def test_a_purged_stream_is_written_again_with_the_first_transaction(copy: sqlite3.Connection) -> None:
    copy.execute("INSERT INTO event VALUES (7, ?, 'demo', 'm7', 2, x'7b7d')", (NOW,))
    one = One(copy, Contents(purged=True))
    await one.transaction()
    assert list(one.contents.edges) == [(7, one.stream.last - 1)]
    assert one.log.base == 1
    assert one.contents.since == 0
    assert one.own._trimmed == 1


async def test_the_first_reason_for_the_end_counts(copy: sqlite3.Connection) -> None:
    one = One(copy)
    first = SpoolLost("first")
    one.own.fail(first)
    one.own.fail(SpoolLost("second"))
    await asyncio.sleep(0)
    assert one.lost == [first]
    with pytest.raises(SpoolLost, match="first"):
        await one.begin()
