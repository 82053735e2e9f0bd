"""The bounds on what lies in a spool's file, to the event, the byte and the millisecond."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forwarder.errors import SpoolFull
from forwarder.spool import NewDead, Parked, Settlement, StoredEvent
from forwarder.spool.sqlite import cursors, dead_letter_bounds, file, history_rows, parked, stored_events
from forwarder.spool.sqlite.capacity import RETRY_AFTER, Capacity
from forwarder.spool.sqlite.dead_letter_bounds import DAY_MS, DeadBounds
from forwarder.spool.sqlite.disk import RESERVE, reserve_of
from forwarder.spool.sqlite.operations import Discarded
from forwarder.spool.sqlite.parked import Extent
from forwarder.spool.sqlite.schema import open_database
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.spools import at, event, opened

NOW = 1_790_000_000_000
MINUTE = 60_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = open_database(tmp_path / "spool.db")
    yield database
    database.close()


def dead(seq: int) -> NewDead:
    """Return a dead letter of 100 bytes."""
    return NewDead(StoredEvent(seq, NOW, "web", f"m{seq}", b"x" * 50), "why", b"d" * 40, b"s" * 10)


def write(database: sqlite3.Connection, *seqs: int, at: int = NOW) -> list[NewDead]:
    letters = [dead(seq) for seq in seqs]
    parked.park(database, "one", Settlement(0, dead=letters), at)
    return letters


def believed(database: sqlite3.Connection, **bounds: int) -> DeadBounds:
    """Return bounds whose clock was believed an hour ago."""
    database.execute("INSERT OR REPLACE INTO note VALUES ('clock', ?)", (NOW - 60 * MINUTE,))
    made = DeadBounds(database)
    for name, value in bounds.items():
        setattr(made, name, value)
    return made


def test_by_default_they_are_a_gigabyte_and_thirty_days(database: sqlite3.Connection) -> None:
    bounds = DeadBounds(database)
    assert (bounds.max_bytes, bounds.max_age_ms) == (10**9, 30 * DAY_MS)


@pytest.mark.parametrize(
    ("count", "most", "gone"),
    [(10, 1000, []), (11, 1000, [1, 2]), (30, 1000, list(range(1, 22))), (1, 99, [1]), (0, 0, [])],
)
def test_beyond_the_size_the_oldest_go_down_to_a_little_less(
    database: sqlite3.Connection, count: int, most: int, gone: list[int]
) -> None:
    write(database, *range(1, count + 1))
    changes = believed(database, max_bytes=most).due([], NOW)
    assert changes == ([Discarded(gone, "size")] if gone else [])


def test_what_is_added_counts_without_measuring_again(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def measure(database: sqlite3.Connection) -> int:
        measured.append(1)
        return int(database.execute("SELECT count(*) * 100 FROM dead").fetchone()[0])

    monkeypatch.setattr(parked, "measure_dead", measure)
    bounds = believed(database, max_bytes=1000)
    assert bounds.due(write(database, *range(1, 6)), NOW) == []
    assert measured == [1]
    assert bounds.due(write(database, *range(6, 11)), NOW) == []
    assert measured == [1], "a thousand bytes are within the bound"
    assert bounds.due(write(database, 11), NOW) == [Discarded([1, 2], "size")]
    assert measured == [1, 1]
    parked.discard(database, [1, 2], "size")
    assert bounds.due(write(database, 12), NOW) == []
    assert measured == [1, 1], "nine and one more"


@pytest.mark.parametrize(("age", "goes"), [(7 * DAY_MS, False), (7 * DAY_MS + 1, True)])
def test_beyond_the_age_they_go(database: sqlite3.Connection, age: int, goes: bool) -> None:
    write(database, 1, at=NOW - age)
    write(database, 2)
    changes = believed(database, max_age_ms=7 * DAY_MS).due([], NOW)
    assert changes == ([Discarded([1], "age")] if goes else [])
    assert database.execute("SELECT value FROM note WHERE name = 'clock'").fetchone() == (NOW,)


def test_a_clock_that_is_not_believed_makes_nothing_old(database: sqlite3.Connection) -> None:
    write(database, 1, at=0)
    assert DeadBounds(database).due([], NOW) == []
    assert database.execute("SELECT value FROM note WHERE name = 'clock'").fetchone() is None


@pytest.mark.parametrize(
    ("later", "looked"), [(MINUTE - 1, False), (MINUTE, True), (1 - MINUTE, False), (-MINUTE, True)]
)
def test_the_age_is_looked_at_once_a_minute(database: sqlite3.Connection, later: int, looked: bool) -> None:
    bounds = believed(database, max_age_ms=DAY_MS)
    assert bounds.due([], NOW) == []
    write(database, 1, at=NOW - 2 * DAY_MS)
    assert bounds.due([], NOW + later) == ([Discarded([1], "age")] if looked else [])


def test_what_is_old_goes_in_pages_one_after_the_other(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_bounds, "_PAGE", 3)
    write(database, *range(1, 6), at=NOW - 2 * DAY_MS)
    bounds = believed(database, max_age_ms=DAY_MS)
    found = []
    for _ in range(3):
        for change in bounds.due([], NOW):
            found.append(change.numbers)
            parked.discard(database, change.numbers, change.reason)
    assert found == [[1, 2, 3], [4, 5]]


def test_what_goes_by_age_does_not_count_for_the_size(database: sqlite3.Connection) -> None:
    write(database, *range(1, 6), at=NOW - 2 * DAY_MS)
    write(database, *range(6, 17))
    changes = believed(database, max_age_ms=DAY_MS, max_bytes=1000).due([], NOW)
    assert [(change.reason, list(change.numbers)) for change in changes] == [
        ("age", [1, 2, 3, 4, 5]),
        ("size", [6, 7]),
    ]


def fill(database: sqlite3.Connection, *sizes: int, first: int = 1) -> None:
    """Write events of these sizes as if all before had been delivered."""
    total = (first - 1) * 10
    for seq, size in enumerate(sizes, first):
        total += size
        database.execute(
            "INSERT INTO event (seq, at, source, message_id, total, body) VALUES (?,?,?,?,?,?)",
            (seq, NOW, "web", f"m{seq}", total, b"x" * size),
        )


def test_an_empty_file_holds_up_to_its_bounds(database: sqlite3.Connection) -> None:
    capacity = Capacity(database, 3, 100)
    assert (capacity.first, capacity.last, capacity.before, capacity.total) == (1, 0, 0, 0)
    capacity.add(3, 100)
    assert (capacity.draft_last, capacity.draft_total) == (3, 100)
    for last, total in ((4, 100), (3, 101)):
        with pytest.raises(SpoolFull, match="the spool is full") as refused:
            capacity.add(last, total)
        assert refused.value.retry_after == RETRY_AFTER
        assert (capacity.draft_last, capacity.draft_total) == (3, 100), "a draft does not grow by it"
    capacity.begin()
    assert (capacity.draft_last, capacity.draft_total) == (0, 0), "what was not committed is forgotten"


def test_it_begins_where_the_file_stands(database: sqlite3.Connection) -> None:
    fill(database, 10, 20, 30, first=6)
    capacity = Capacity(database, 5, 100)
    assert (capacity.first, capacity.last, capacity.before, capacity.total) == (6, 8, 50, 110)
    capacity.add(10, 150)
    with pytest.raises(SpoolFull, match="6 events, 60 bytes"):
        capacity.add(11, 110)
    cursors.attach(database, ["one", "two"], 7)
    assert capacity.look() == (8, 80), "what every destination has passed does not count"
    cursors.advance(database, "one", 8, {})
    assert capacity.look() == (8, 80)
    cursors.advance(database, "two", 8, {})
    assert capacity.look() == (9, 150), "what the draft has"
    database.execute("DELETE FROM event")
    assert Capacity(database, 5, 100).last == 8, "numbers never begin again"


def test_without_destinations_all_in_the_table_count(database: sqlite3.Connection) -> None:
    fill(database, 10, 20, first=6)
    capacity = Capacity(database, 5, 100)
    capacity.add(9, 150)
    database.execute("DELETE FROM event WHERE seq < 7")
    assert capacity.look() == (7, 60)
    database.execute("DELETE FROM event")
    assert capacity.look() == (8, 150), "what the draft has"


def test_events_in_rows_count_by_their_row(database: sqlite3.Connection) -> None:
    """How many bytes of a row lie before an event is not worth reading the row."""
    rows = [(seq, NOW, "demo", f"m{seq}", b"x" * 10, 40 + 10 * seq) for seq in range(1, 7)]
    for some in (rows[:3], rows[3:]):
        history_rows.insert(database, [(row, None, None) for row in some], 0)
    stored_events.note_last(database, 6)
    cursors.attach(database, ["one"], 0)
    for seq, before in ((0, 40), (2, 40), (3, 70), (5, 70)):
        cursors.advance(database, "one", seq, {})
        capacity = Capacity(database, 5, 1000)
        assert (capacity.first, capacity.before, capacity.last, capacity.total) == (seq + 1, before, 6, 100)
    cursors.advance(database, "one", 6, {})
    assert Capacity(database, 5, 1000).look() == (7, 100)


def test_what_lay_parked_before_counts(database: sqlite3.Connection) -> None:
    settlement = Settlement(0, park=[Parked(StoredEvent(1, NOW, "web", "m1", b"x" * 60), "a", (), b"")])
    parked.park(database, "one", settlement, NOW)
    capacity = Capacity(database, 2, 100)
    with pytest.raises(SpoolFull, match="3 events, 61 bytes"):
        capacity.add(2, 1)
    with pytest.raises(SpoolFull, match="2 events, 101 bytes"):
        capacity.add(1, 41)
    capacity.add(1, 40)


def test_what_is_parked_counts_and_never_less_than_nothing(database: sqlite3.Connection) -> None:
    capacity = Capacity(database, 3, 100)
    capacity.grow_aside(Extent(2, 60))
    capacity.add(1, 40)
    for last, total in ((2, 40), (1, 41)):
        with pytest.raises(SpoolFull):
            capacity.add(last, total)
    capacity.grow_aside(Extent(-5, -90))
    capacity.add(3, 100)
    with pytest.raises(SpoolFull):
        capacity.add(4, 100)
    with pytest.raises(SpoolFull):
        capacity.add(3, 101)


def test_what_another_process_parked_is_measured_where_room_was_missing(
    database: sqlite3.Connection, tmp_path: Path
) -> None:
    capacity = Capacity(database, 3, 100)
    other = open_database(tmp_path / "spool.db", tool=True)
    row = ("one", "", 9, "", b"", NOW, "web", "m", b"x" * 90)
    other.execute("INSERT INTO parked VALUES (?,?,?,?,?,?,?,?,?)", row)
    capacity.begin()
    capacity.add(3, 100)
    with pytest.raises(SpoolFull):
        capacity.add(4, 100)
    capacity.begin()
    with pytest.raises(SpoolFull, match="2 events, 101 bytes"):
        capacity.add(1, 11)
    capacity.add(2, 10)
    other.close()


async def test_a_spool_keeps_its_reserve(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(at(path)) as spool:
        await spool.append([event("a")], NOW)
        assert reserve_of(path).stat().st_size == RESERVE


async def test_what_makes_room_in_the_end_is_written_with_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", max_events=3, max_bytes=100)
    await spool.attach(["one"])
    await spool.append([event("a", b"x" * 90)], NOW)
    [one] = await spool.read(0, 1)
    write, tries, gave = spool._write, [], []

    async def full_once(work: Callable[[], object], *after: Callable[[], None]) -> object:
        tries.append(spool._trim)
        if len(tries) == 1:
            raise SpoolFull("the disk is full", 30)
        return await write(work, *after)

    monkeypatch.setattr(spool, "_write", full_once)
    monkeypatch.setattr(spool._disk, "give_up_reserve", lambda: gave.append(1))
    kept = Parked(one, "u1", ("u1",), b"")
    await spool.settle("one", Settlement(1, park=[kept]), NOW)
    assert gave == [1]
    assert tries[:2] == [file.TRIM, file.TRIM_ON_FULL_DISK], "bit by bit"
    assert spool._trim == file.TRIM, "until it fits again"
    with pytest.raises(SpoolFull, match="2 events, 101 bytes"):
        await spool.append([event("b", b"x" * 11)], NOW)
    await spool.settle("one", Settlement(1, unpark=[1]), NOW)
    assert await spool.append([event("c", b"x" * 100)], NOW) == [True], "what is parked no more takes no room"
    await spool.close()


async def test_what_follows_a_change_follows_it_with_the_reserve_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", max_events=3, max_bytes=100)
    write, tries, done = spool._write, [], []

    async def full_once(work: Callable[[], object], *after: Callable[[], None]) -> object:
        tries.append(1)
        if len(tries) == 1:
            raise SpoolFull("the disk is full", 30)
        return await write(work, *after)

    monkeypatch.setattr(spool, "_write", full_once)
    assert await spool._note(lambda: "changed", lambda: done.append("after")) == "changed"
    assert done == ["after"]
    await spool.close()
