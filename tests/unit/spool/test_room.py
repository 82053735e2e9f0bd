"""Events are let in where the disk has room for the log, the file and the reserve."""

import os
import sqlite3
from pathlib import Path

import pytest

from forwarder.errors import SpoolFull
from forwarder.spool.sqlite.disk import RESERVE, Disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


class Room:
    """What a file system says of itself."""

    def __init__(self, free: int) -> None:
        self.f_bavail, self.f_frsize = free // 4096, 4096


def look(path: Path, monkeypatch: pytest.MonkeyPatch, free: int, *sizes: int) -> list[bool]:
    """Return which of the sizes are let in where so many bytes are free."""
    monkeypatch.setattr(os, "statvfs", lambda _: Room(free))
    database = sqlite3.connect(path, isolation_level=None, timeout=0)
    one, told = Disk(path, database), []
    for size in sizes:
        one.begin()
        try:
            one.take(size)
        except SpoolFull:
            told.append(False)
        else:
            told.append(True)
    database.close()
    return told


MB = 1024 * 1024


@pytest.fixture
def grown(path: Path) -> Path:
    """A file of 1 MB, with the reserve beside it."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (x)")
    database.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    database.close()
    path.with_name("spool.db-reserve").write_bytes(bytes(RESERVE))
    return path


def test_events_need_room_for_the_log_and_the_file(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = 2 * (2 * MB + 64 * 1024) + 4 * MB + 2 * MB  # twice as pages and twice copied, log, margin
    assert look(grown, monkeypatch, needs + 8192, MB) == [True]
    assert look(grown, monkeypatch, needs - 8192, MB) == [False]


def test_without_its_reserve_there_is_less_room(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", none)
    grown.with_name("spool.db-reserve").unlink()
    assert look(grown, monkeypatch, 12 * MB, MB) == [False]
    assert look(grown, monkeypatch, 12 * MB + RESERVE, MB) == [True]


def test_what_is_only_in_the_log_counts_as_taken(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = sqlite3.connect(grown, isolation_level=None)
    database.execute("PRAGMA wal_autocheckpoint=0")
    reader = sqlite3.connect(grown, isolation_level=None)
    reader.execute("BEGIN")  # which keeps the log from being emptied
    reader.execute("SELECT count(*) FROM t").fetchall()
    database.execute("INSERT INTO t VALUES (zeroblob(20000000))")
    assert look(grown, monkeypatch, 20 * MB, MB) == [False]
    assert look(grown, monkeypatch, 32 * MB, MB) == [True]
    reader.close()
    database.close()


def test_room_inside_of_the_file_can_be_used(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = sqlite3.connect(grown, isolation_level=None)
    database.execute("DELETE FROM t")
    database.close()
    # So much fits into pages that are free; beyond, the file would have to grow.
    assert look(grown, monkeypatch, 5 * MB, 300_000, 2_000_000) == [True, False]


def test_with_plenty_a_look_now_and_then_will_do(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(os, "statvfs", lambda _: looks.append(1) or Room(10**12))  # type: ignore[func-returns-value]
    with sqlite3.connect(grown) as database:
        one = Disk(grown, database)
        for _ in range(50):
            one.begin()
    database.close()
    assert 1 <= len(looks) < 10
