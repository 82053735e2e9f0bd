"""Every change of a spool goes to who keeps it elsewhere before it is committed, and no more is needed."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from forwarder.errors import SpoolFull, SpoolUnavailable
from forwarder.sessions.rows import SessionRow
from forwarder.spool import Counts, NewDead, Parked, Settlement
from forwarder.spool.jetstream.snapshot import Logged
from forwarder.spool.sqlite import cursors, session_rows, stored_events
from forwarder.spool.sqlite.operations import Appended, Operation
from forwarder.spool.sqlite.schema import open_database
from forwarder.spool.sqlite.session_rows import SessionCleaner
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.sqlite.transaction import EndsRefusedError
from forwarder.spool.suppression import FOR_EVER, marks_for
from tests.support.sessions import START, Front
from tests.support.sessions import event as page_event
from tests.support.spools import NOW, event

EVENTS = "SELECT seq, at, source, message_id, body, total FROM event ORDER BY seq"
decode = msgspec.msgpack.Decoder(list[Logged]).decode


class Elsewhere:
    """Does in another file what it is given, as another machine reads it."""

    def __init__(self, path: Path) -> None:
        self.database = open_database(path, durable=False)
        self.seen: list[tuple[str, int]] = []
        self.refuses: Exception | None = None

    def begin(self, database: sqlite3.Connection) -> None:
        assert database.execute("SELECT 1").fetchone() == (1,)
        self.seen.append(("begin", 0))

    def keep(self, changes: Sequence[Operation[object]]) -> None:
        if self.refuses:
            raise self.refuses
        self.seen.append(("keep", len(changes)))
        for change in decode(msgspec.msgpack.encode(list(changes))):
            change.apply(self.database)

    def committed(self) -> None:
        self.seen.append(("committed", 0))

    def tables(self) -> dict[str, list[Any]]:
        return tables(self.database)


def tables(database: sqlite3.Connection) -> dict[str, list[Any]]:
    names = ("event", "cursor", "ended", "parked", "dead", "gone", "session", "renamed", "sqlite_sequence")
    return {name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names}


def beside(tmp_path: Path) -> tuple[SqliteSpool, Elsewhere]:
    other = Elsewhere(tmp_path / "other.db")
    path = tmp_path / "spool.db"
    return SqliteSpool(path, max_events=100, max_bytes=10**6, replicator=other), other


async def test_whoever_keeps_the_changes_has_all_that_the_spool_has(tmp_path: Path) -> None:
    spool, other = beside(tmp_path)
    await spool.attach(["one", "two"])
    await spool.append([event(name, b"x" * 100) for name in "abcdef"], NOW)
    a, b, c, d, *_ = await spool.read(0, 9)
    park = [Parked(a, "g", ("u1",), b"state"), Parked(b, "h", ("u2",), b"")]
    dead = [NewDead(c, "why", b"{}", b""), NewDead(d, "why", b"{}", b"")]
    await spool.settle("one", Settlement(4, park, dead=dead, ended={("delivered", ""): 1}), NOW)
    await spool.settle("one", Settlement(5, unpark=[2], merge={"h": "g"}), NOW)
    await spool.retry([1])
    await spool.drop([2])
    marks = marks_for(["gone"], ["one"], FOR_EVER)
    await spool.mark_users(marks, NOW)
    await spool.lift_suppression([marks[0].mark], NOW)
    front = Front(spool)
    await front.take(page_event("first", 0))
    front.now = START + 90 * 60_000
    await front.take(page_event("second", 90))
    await front.take(page_event("late", 80))
    await spool.attach(["one"])
    reader = sqlite3.connect(tmp_path / "spool.db")
    mine, told = tables(reader), other.tables()
    reader.close()
    known = await spool.marks()
    await spool.close()
    events = mine.pop("event")
    assert told.pop("event")[-len(events) :] == events, "what all have passed is let go of here alone"
    assert told == mine
    assert len(mine["session"]) > 0
    assert len(mine["renamed"]) == 1
    assert [mark.upto for mark in known] == [6]


async def test_a_transaction_is_kept_elsewhere_before_it_is_committed_here(tmp_path: Path) -> None:
    spool, other = beside(tmp_path)
    await spool.append([event("a"), event("b")], NOW)
    assert other.seen == [("begin", 0), ("keep", 1), ("committed", 0)]
    other.seen.clear()
    await spool._write(lambda: None)
    assert other.seen == [("begin", 0), ("committed", 0)], "there was nothing to keep"
    other.refuses = SpoolUnavailable("stream_silent", "away", 1)
    with pytest.raises(SpoolUnavailable):
        await spool.append([event("c")], NOW)
    other.refuses = None
    assert await spool.append([event("c"), event("a")], NOW) == [True, False]
    assert [found.seq for found in await spool.read(0, 9)] == [1, 2, 3]
    await spool.close()


async def test_room_on_the_disk_is_asked_for_what_comes_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
    taken: list[int] = []
    monkeypatch.setattr(spool._disk, "take", taken.append)
    await spool.append([event("a", b"x" * 100)], NOW)
    await spool.append([event("a", b"x" * 100), event("b", b"x" * 7)], NOW)
    await spool.append([event("b")], NOW)
    await spool.close()
    assert taken == [100, 7]


async def test_an_empty_spool_counts_nothing(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
    assert await spool.counts() == Counts(0, 0, None, {})
    await spool.attach(["one"])
    counts = await spool.counts()
    await spool.close()
    standing = counts.destinations["one"]
    assert (counts.events, counts.bytes, standing.accepted, standing.waiting) == (0, 0, 0, 0)


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    return open_database(tmp_path / "spool.db")


def test_without_destinations_there_is_no_lowest_cursor(
    database: sqlite3.Connection,
) -> None:
    assert stored_events.lowest_cursor(database) == -1
    cursors.attach(database, ["one", "two"], 3)
    cursors.advance(database, "one", 5, {})
    assert stored_events.lowest_cursor(database) == 3
    database.close()


def test_many_events_are_written_in_a_few_statements(database: sqlite3.Connection) -> None:
    rows = [(seq, NOW, "demo", f"m{seq}", b"{}", 2 * seq) for seq in range(1, 124)]
    Appended(rows).apply(database)
    assert database.execute(EVENTS).fetchall() == rows
    database.close()


# -- rows of sessions


class Book:
    """A book whose devices are mostly outdated."""

    def __init__(self, allowance: int = 100, crowded: bool = False, before: int = 0) -> None:
        self._allowance, self.crowded, self._before = allowance, crowded, before
        self.cleaned: list[tuple[int, int]] = []

    def allowance(self) -> int:
        return self._allowance

    def is_crowded(self) -> bool:
        return self.crowded

    def is_outdated(self, at: int, now: int) -> bool:
        return at < self._before

    def is_dead(self, number: int) -> bool:
        return number == 3

    def drop(self, row: SessionRow) -> None:
        assert row == SessionRow(3, NOW + 10, 5, b"")
        self.cleaned.append((row.number, NOW))

    def clean(self, row: SessionRow, now: int) -> None:
        assert row.body == b"{}"
        self.cleaned.append((row.number, now))


def cleaner(database: sqlite3.Connection, book: Book) -> SessionCleaner:
    for number, at in ((1, NOW), (3, NOW + 10), (4, NOW + 20)):
        session_rows.write(database, SessionRow(number, at, 5, b"{}"), 0)
    return SessionCleaner(database, cast(Any, book))


def test_rows_are_written_read_and_let_go_of(database: sqlite3.Connection) -> None:
    cleaner(database, Book())
    assert [(row.number, row.at, row.states, row.body) for row in session_rows.read(database)] == [
        (1, NOW, 5, b"{}"),
        (3, NOW + 10, 5, b"{}"),
        (4, NOW + 20, 5, b"{}"),
    ]
    session_rows.write(database, SessionRow(4, NOW + 30, 1, b"x"), 1)
    assert [(row.number, row.at) for row in session_rows.read(database)] == [(3, NOW + 10), (4, NOW + 30)]
    database.close()


def test_the_age_of_the_oldest_row_is_looked_at_once_a_minute(database: sqlite3.Connection) -> None:
    book = Book(before=NOW + 5)
    one = cleaner(database, book)
    times = (0, 59_999, 60_000, 60_001, 0, 1)
    assert [one.is_due(NOW + later) for later in times] == [True, False, True, False, True, False]
    book.crowded = True
    assert one.is_due(NOW + 2)
    young = SessionCleaner(database, cast(Any, Book(before=NOW)))
    assert not young.is_due(NOW)
    database.execute("DELETE FROM session")
    assert not SessionCleaner(database, cast(Any, Book(before=NOW + 5))).is_due(NOW)
    database.close()


@pytest.mark.parametrize(
    ("allowance", "crowded", "before", "upto"),
    [
        (100, False, 0, 0),
        (100, False, NOW + 1, 1),
        (100, False, NOW + 15, 3),
        (100, True, 0, 4),
        (6, True, 0, 3),
        (5, True, 0, 1),
        (1, True, 0, 1),
        (0, True, 0, 0),
    ],
)
def test_the_oldest_rows_are_looked_through_as_far_as_one_transaction_may(
    database: sqlite3.Connection, allowance: int, crowded: bool, before: int, upto: int
) -> None:
    book = Book(allowance, crowded, before)
    one = cleaner(database, book)
    assert one.clean(NOW) == upto
    assert [number for number, _ in book.cleaned] == [number for number in (1, 3, 4) if number <= upto]
    assert {now for _, now in book.cleaned} <= {NOW}
    database.close()


@pytest.mark.parametrize(("allowance", "again"), [(5, True), (6, False), (4, True)])
def test_where_there_is_more_the_next_transaction_goes_on(
    database: sqlite3.Connection, allowance: int, again: bool
) -> None:
    book = Book(allowance, before=NOW + 5)
    one = cleaner(database, book)
    assert one.is_due(NOW)
    one.clean(NOW)
    assert one.is_due(NOW + 1) is again
    database.close()


async def test_ends_for_which_there_is_no_room_are_refused_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    spool = SqliteSpool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)

    def full(*_: object) -> list[bool]:
        raise SpoolFull("no room", 1)

    transaction = spool._transaction
    transaction.sessions = cast(Any, SimpleNamespace(ends=lambda *_: []))
    monkeypatch.setattr(transaction, "add", full)
    with pytest.raises(EndsRefusedError, match="no room"):
        transaction.end_sessions({}, NOW, NOW)
    transaction.sessions = None
    await spool.close()
