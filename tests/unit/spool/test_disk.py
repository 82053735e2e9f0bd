"""How much of a disk events may take, and what is kept for writing deliveries down."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from forwarder.errors import SpoolDamaged, SpoolFull
from forwarder.spool.sqlite import disk
from forwarder.spool.sqlite.disk import (
    MB,
    RESERVE,
    RETRY_AFTER,
    Disk,
    damaged,
    free_reserve,
    full,
    is_damaged,
    is_full,
    reserve_of,
)

PAGES = 64 * 1024
PLENTY = 256 * MB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


class Machine:
    """A spool's disk and clock, which a test sets."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free, self.now = 10**12, 1_000.0
        self.looks = 0
        self.path = path
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("CREATE TABLE t (x)")
        self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        monkeypatch.setattr(os, "statvfs", self._statvfs)
        monkeypatch.setattr(disk, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.disk = Disk(path, self.database)

    def _statvfs(self, path: Path) -> SimpleNamespace:
        assert path == self.path
        self.looks += 1
        return SimpleNamespace(f_bavail=self.free // 512, f_frsize=512)

    @property
    def log(self) -> Path:
        return self.path.with_name("spool.db-wal")

    @property
    def room(self) -> int:
        return self.disk._room


@pytest.fixture
def machine(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    one = Machine(path, monkeypatch)
    yield one
    one.database.close()


# -- looking


def test_a_disk_with_plenty_of_room_is_looked_at_once_a_second(machine: Machine) -> None:
    machine.disk.begin()
    assert machine.looks == 1
    machine.now += 0.999
    machine.disk.begin()
    assert machine.looks == 1
    machine.now += 0.001
    machine.disk.begin()
    assert machine.looks == 2


def test_a_disk_with_less_is_looked_at_each_time(machine: Machine) -> None:
    reserve_of(machine.path).write_bytes(b"")
    for free, again in ((PLENTY + 2 * MB + 512, 0), (PLENTY + 2 * MB, 1), (20 * MB, 1)):
        machine.free, machine.now = free, machine.now + 1
        machine.disk.begin()
        looks = machine.looks
        machine.disk.begin()
        assert machine.looks - looks == again


def test_room_is_what_is_free_but_for_a_margin(machine: Machine) -> None:
    reserve_of(machine.path).write_bytes(b"")
    machine.free = 50 * MB
    machine.disk.begin()
    assert machine.room == 50 * MB - 2 * MB


def grow_log(machine: Machine, size: int) -> None:
    machine.database.execute("PRAGMA wal_autocheckpoint=0")
    machine.database.execute("INSERT INTO t VALUES (zeroblob(?))", (size,))


@pytest.mark.parametrize(("free", "size", "emptied"), [(20, 3, True), (20, 1, False), (999, 3, False)])
def test_where_room_is_scarce_a_long_log_is_emptied(
    machine: Machine, free: int, size: int, emptied: bool
) -> None:
    reserve_of(machine.path).write_bytes(b"")
    grow_log(machine, size * MB)
    machine.free = free * MB
    before = machine.path.stat().st_size
    machine.disk.begin()
    assert (machine.log.stat().st_size == 0) is emptied
    assert machine.looks == 1 + emptied
    if emptied:
        assert machine.path.stat().st_size > before + 2 * MB
        assert machine.room == (free - 2) * MB


def test_what_is_in_the_log_alone_is_taken_from_the_room(machine: Machine) -> None:
    reserve_of(machine.path).write_bytes(b"")
    machine.free = 999 * MB
    grow_log(machine, 10 * MB)
    machine.disk.begin()
    assert 985 * MB < machine.room < 987.1 * MB


def test_a_log_that_cannot_be_emptied_stays(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy() -> None:
        raise sqlite3.OperationalError("database is locked")

    grow_log(machine, 3 * MB)
    machine.free = 20 * MB
    monkeypatch.setattr(machine.disk, "empty_log", busy)
    machine.disk.begin()
    assert machine.room > 0


# -- taking


def full_at(machine: Machine, size: int) -> bool:
    try:
        machine.disk.take(size)
    except SpoolFull as error:
        return error.retry_after == RETRY_AFTER and str(machine.path) in str(error)
    return False


def test_events_need_twice_their_pages_and_the_log_where_the_file_grows(machine: Machine) -> None:
    needs = 2 * (2 * MB + PAGES)
    machine.disk._room, machine.disk._inside = needs + 4 * MB, 0
    assert not full_at(machine, MB)
    assert machine.room == 4 * MB
    machine.disk._room = needs + 4 * MB - 1
    assert full_at(machine, MB)
    assert machine.room == needs + 4 * MB - 1, "nothing is used up"


def test_pages_that_are_free_in_the_file_need_room_in_the_log_alone(machine: Machine) -> None:
    needs = 2 * MB + PAGES
    machine.disk._room, machine.disk._inside = needs, needs
    assert not full_at(machine, MB)
    assert (machine.room, machine.disk._inside) == (0, 0)
    machine.disk._room, machine.disk._inside = needs - 1, needs
    assert full_at(machine, MB)
    machine.disk._room, machine.disk._inside = 10**9, needs - 1
    assert not full_at(machine, MB)
    assert (machine.room, machine.disk._inside) == (10**9 - 2 * needs, needs - 1)


def test_pages_of_deleted_events_are_counted(machine: Machine) -> None:
    machine.database.execute("INSERT INTO t VALUES (zeroblob(?))", (3 * MB,))
    machine.database.execute("DELETE FROM t")
    machine.disk.begin()
    assert 2.9 * MB < machine.disk._inside < 3.1 * MB


# -- the reserve


def test_the_reserve_is_kept_where_there_is_room_for_it(machine: Machine) -> None:
    reserve = reserve_of(machine.path)
    assert reserve.name == "spool.db-reserve"
    machine.free = RESERVE + 2 * MB
    machine.disk.begin()
    assert (reserve.exists(), machine.room) == (False, 0)
    machine.free += 512
    machine.disk.begin()
    assert (reserve.stat().st_size, machine.room) == (RESERVE, 512)
    machine.disk.begin()
    assert machine.room == RESERVE + 512, "it is no more to be found room for"


def test_a_reserve_that_cannot_be_had_leaves_nothing_behind(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", none)
    machine.disk.begin()
    assert not reserve_of(machine.path).exists()

    def gone(*_: object) -> None:
        reserve_of(machine.path).unlink()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", gone)
    machine.now += 1
    machine.disk.begin()
    assert not reserve_of(machine.path).exists()


def test_the_reserve_is_given_up_and_a_file_of_somebody_elses_is_not(machine: Machine) -> None:
    reserve = reserve_of(machine.path)
    machine.disk.give_up_reserve()
    machine.disk.begin()
    machine.disk.give_up_reserve()
    assert not reserve.exists()
    reserve.write_bytes(b"somebody's")
    free_reserve(machine.path)
    assert reserve.read_bytes() == b"somebody's"


# -- the file


def test_a_file_that_is_not_at_its_path_any_more_ends_the_writing(machine: Machine) -> None:
    machine.disk.check_place()
    moved = [machine.disk.moved]
    other = machine.path.with_name("other")
    machine.path.rename(other)
    machine.path.write_bytes(b"another file")
    assert [*moved, machine.disk.moved] == [False, True]
    with pytest.raises(SpoolDamaged, match=r"spool\.db was deleted or replaced"):
        machine.disk.check_place()
    machine.path.unlink()
    machine.now += 1
    with pytest.raises(SpoolDamaged):
        machine.disk.begin()
    other.rename(machine.path)
    machine.disk.check_place()


def failure(code: int, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    error = kind("said\n by it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "is_one_of_room", "is_one_of_damage"),
    [
        (failure(sqlite3.SQLITE_FULL), True, False),
        (failure(sqlite3.SQLITE_IOERR), True, False),
        (failure(sqlite3.SQLITE_IOERR_WRITE), True, False),
        (failure(sqlite3.SQLITE_BUSY), False, False),
        (failure(sqlite3.SQLITE_FULL, sqlite3.DatabaseError), False, False),
        (failure(sqlite3.SQLITE_CORRUPT, sqlite3.DatabaseError), False, True),
        (failure(sqlite3.SQLITE_CORRUPT_INDEX, sqlite3.DatabaseError), False, True),
        (failure(sqlite3.SQLITE_NOTADB, sqlite3.DatabaseError), False, True),
        (ValueError(), False, False),
    ],
)
def test_what_sqlite_means(error: Exception, is_one_of_room: bool, is_one_of_damage: bool) -> None:
    assert (is_full(error), is_damaged(error)) == (is_one_of_room, is_one_of_damage)


def test_what_is_said_names_the_file_and_how_to_mend_it() -> None:
    said = str(damaged(Path("a/spool.db"), "it is\n wrong"))
    assert said == (
        "a/spool.db is damaged: it is wrong; move the file away to begin anew, or save its events with:"
        " sqlite3 FILE .recover"
    )
    error = full(Path("a/spool.db"))
    assert (str(error), error.retry_after) == ("a/spool.db: its disk is full; free some space there", 30)
