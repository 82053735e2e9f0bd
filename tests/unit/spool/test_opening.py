"""How a spool's file is opened: looked through where its end was not orderly, given room, and left small."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forwarder.errors import SpoolDamaged, SpoolFull
from forwarder.spool.sqlite import file, reader, schema
from forwarder.spool.sqlite.disk import RESERVE, reserve_of
from forwarder.spool.sqlite.reader import SpoolReader
from forwarder.spool.sqlite.schema import forget_deleted, open_database, open_giving_room
from forwarder.spool.sqlite.spool import SqliteSpool

LOOK = "PRAGMA quick_check(1)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what connections are asked from now on."""
    statements: list[str] = []
    connect = schema.connect

    def connected(path: Path) -> sqlite3.Connection:
        database = connect(path)
        database.set_trace_callback(statements.append)
        return database

    monkeypatch.setattr(schema, "connect", connected)
    return statements


@pytest.fixture
def database(path: Path) -> Iterator[sqlite3.Connection]:
    made = open_database(path)
    yield made
    made.close()


def closed(database: sqlite3.Connection) -> None:
    database.execute("INSERT OR REPLACE INTO note VALUES ('closed', 1)")
    database.close()


def test_only_a_file_whose_end_was_not_orderly_is_looked_through(path: Path, asked: list[str]) -> None:
    database = open_database(path)
    assert LOOK not in asked, "it is new"
    closed(database)
    database = open_database(path)
    assert LOOK not in asked, "its end was orderly"
    database.close()
    closed(open_database(path))
    assert asked.count(LOOK) == 1, "it was left as after a crash"


@pytest.mark.parametrize("tool", [True, False])
def test_a_damaged_page_is_named_with_its_file(path: Path, tool: bool) -> None:
    database = open_database(path)
    blob = b"x" * 20_000
    database.executemany(
        "INSERT INTO event VALUES (?, 0, '', '', 0, ?)", [(seq, blob) for seq in range(1, 9)]
    )
    closed(database)
    if not tool:  # as after a crash
        with sqlite3.connect(path) as again:
            again.execute("DELETE FROM note")
        again.close()
    content = bytearray(path.read_bytes())
    page = 16_384
    for at in range(page * (len(content) // page // 2), len(content), page):
        content[at : at + 16] = b"\xff" * 16
    path.write_bytes(content)
    if tool:
        open_database(path, tool=True).close()
        return
    with pytest.raises(SpoolDamaged, match=r"spool\.db is damaged: .*Page"):
        open_database(path)


def test_what_is_committed_is_durable_unless_said_otherwise(path: Path) -> None:
    for durable, level in (({}, 2), ({"durable": True}, 2), ({"durable": False}, 0)):
        database = open_database(path, **durable)
        assert database.execute("PRAGMA synchronous").fetchone() == (level,)
        database.close()


@pytest.mark.parametrize("tool", [True, False])
@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk_gets_its_reserve_back_once(
    path: Path, tool: bool, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reserve_of(path).open("wb") as reserve:
        reserve.truncate(RESERVE)
    asked: list[tuple[Path, bool, bool, bool]] = []

    def opened(path: Path, *, tool: bool, durable: bool) -> Any:
        asked.append((path, tool, durable, reserve_of(path).exists()))
        if len(asked) == 1:
            raise SpoolFull("no room", 30)
        return "opened"

    monkeypatch.setattr(schema, "open_database", opened)
    assert open_giving_room(path, tool=tool, durable=durable) == "opened"  # type: ignore[comparison-overlap]
    assert asked == [(path, tool, durable, True), (path, tool, durable, False)]


@pytest.mark.parametrize(
    ("left", "deleted", "anew"), [(2, 5, True), (2, 0, False), (8, 5, False), (3, 2, True), (5, 2, False)]
)
def test_a_file_with_little_left_is_written_anew(
    path: Path, left: int, deleted: int, anew: bool, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each event takes two pages of its own."""
    database = open_database(path)
    blob = b"x" * 20_000
    rows = [(seq, blob) for seq in range(1, left + deleted + 1)]
    database.executemany("INSERT INTO event VALUES (?, 0, '', '', 0, ?)", rows)
    database.execute("DELETE FROM event WHERE seq > ?", (left,))
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    used = pages - database.execute("PRAGMA freelist_count").fetchone()[0]
    monkeypatch.setattr(schema, "_FEW_PAGES", used if anew else used - 1)
    asked.clear()
    forget_deleted(database)
    assert ("VACUUM" in asked) is anew
    assert (database.execute("PRAGMA freelist_count").fetchone()[0] == 0) is (anew or not deleted)
    database.close()


async def test_one_thread_reads(database: sqlite3.Connection, path: Path) -> None:
    one = SpoolReader(path)
    together = threading.Barrier(2)

    def look(connection: sqlite3.Connection) -> tuple[str, int]:
        assert connection is one.connection
        with pytest.raises(threading.BrokenBarrierError):
            together.wait(0.01)  # nobody comes
        together.reset()
        return threading.current_thread().name, threading.get_ident()

    found = await asyncio.gather(*(one.run(look) for _ in range(3)))
    assert len(set(found)) == 1
    assert found[0][0].startswith("spool-reader")
    await one.close()
    with pytest.raises(sqlite3.ProgrammingError):
        one.connection.execute("SELECT 1")


async def test_after_a_look_that_failed_the_next_one_sees_what_was_written_since(path: Path) -> None:
    database = open_database(path)
    database.execute("CREATE TABLE seen_by_test (number INTEGER)")
    database.execute("INSERT INTO seen_by_test VALUES (1), (2)")
    one = SpoolReader(path)

    def fails(connection: sqlite3.Connection) -> int:
        return sum(1 // 0 for _ in connection.execute("SELECT number FROM seen_by_test"))

    def count(connection: sqlite3.Connection) -> int:
        found: int = connection.execute("SELECT count(*) FROM seen_by_test").fetchone()[0]
        return found

    with pytest.raises(ZeroDivisionError) as held:
        await one.run(fails)
    database.execute("INSERT INTO seen_by_test VALUES (3)")
    assert await one.run(count) == 3, f"{held.value} is held, and what was being read with it"
    await one.close()
    database.close()


@pytest.mark.parametrize("tool", [True, False])
@pytest.mark.parametrize("error", [ZeroDivisionError(), sqlite3.DatabaseError("no")])
async def test_an_opening_that_fails_lets_go_of_the_file(
    path: Path, tool: bool, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite deletes a log with the file's last connection, and by then it may be another file's."""
    open_database(path).close()
    connections: list[sqlite3.Connection] = []
    connect = schema.connect

    def connected(path: Path) -> sqlite3.Connection:
        connections.append(connect(path))
        return connections[-1]

    for module in (schema, reader, file):
        monkeypatch.setattr(module, "connect", connected)

    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(file, "WriteTransaction", fails)
        named = (SpoolDamaged, r"spool\.db cannot be used: no;") if str(error) else (ZeroDivisionError, None)
        with pytest.raises(named[0], match=named[1]):
            SqliteSpool(path, max_events=9, max_bytes=99, tool=tool)
    assert len(connections) == (2 if tool else 3)
    for one in connections:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            one.execute("SELECT 1")
    spool = SqliteSpool(path, max_events=9, max_bytes=99)
    await spool.close()


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError


async def test_whatever_fails_in_an_opening_or_a_close_the_file_is_let_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be in use by another forwarder, until this process ends."""
    with monkeypatch.context() as patch:
        patch.setattr(file, "GroupCommit", broken)
        with pytest.raises(ZeroDivisionError) as opening:
            SqliteSpool(path, max_events=9, max_bytes=99)
    spool = SqliteSpool(path, max_events=9, max_bytes=99)
    with monkeypatch.context() as patch:
        patch.setattr(SqliteSpool, "_leave", broken)
        with pytest.raises(ZeroDivisionError) as closing:
            await spool.close()
    await SqliteSpool(path, max_events=9, max_bytes=99).close()
    assert len(opening.traceback) * len(closing.traceback) > 0, "they hold on to what was opened"


@pytest.mark.parametrize("lost", [False, True])
async def test_an_orderly_end_is_noted_in_the_file(path: Path, lost: bool) -> None:
    spool = SqliteSpool(path, max_events=9, max_bytes=99)
    if lost:
        spool._lose(SpoolDamaged("lost"))
    await spool.close()
    database = sqlite3.connect(path)
    noted = database.execute("SELECT value FROM note WHERE name = 'closed'").fetchall()
    database.close()
    assert noted == ([] if lost else [(1,)])
