"""Checkpoints beside the writer: they bound the log, disturb nobody, and their failures are counted."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forwarder import metrics
from forwarder.spool import Settlement
from forwarder.spool.sqlite import checkpointer as module
from forwarder.spool.sqlite.checkpointer import Checkpointer, Pass, checkpoint
from forwarder.spool.sqlite.disk import Disk
from forwarder.spool.sqlite.schema import connect, open_database
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.spools import NOW, at, event, opened
from tests.support.waiting import eventually

ROUND = 300_000


class Machine:
    """A spool's file, its writer and its checkpointer. The writer makes no checkpoint of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = open_database(path)
        self.writer.execute("PRAGMA wal_autocheckpoint=0")
        self.one = Checkpointer(connect(path), durable=True)
        self.number = 0

    def commit(self) -> None:
        self.one.begin(self.writer)
        self.one.grew(20_000)
        self.write()

    def write(self) -> None:
        self.number += 1
        self.writer.execute("INSERT INTO note VALUES (?, ?)", (f"{self.number}" + "x" * 20_000, 1))

    def commit_until(self, true: Callable[[], object]) -> bool:
        """Commit as a busy writer does; return whether it came true."""

        def step() -> object:
            self.commit()
            return true()

        return eventually(step)

    @property
    def restarts(self) -> int:
        """How often the log began anew: its header counts that."""
        return int.from_bytes(self.path.with_name("spool.db-wal").read_bytes()[12:16], "big")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr(module, "ROUND_BYTES", ROUND)
    machine = Machine(tmp_path / "spool.db")
    yield machine
    machine.one.close()
    machine.writer.close()


def faults() -> int:
    return metrics.FAULTS.values().get(("", "checkpoint"), 0)


def test_the_log_begins_anew_again_and_again_while_the_writer_goes_on(machine: Machine) -> None:
    before = faults()
    assert machine.commit_until(lambda: machine.restarts >= 3)
    assert machine.writer.execute("SELECT count(*) FROM note").fetchone()[0] == machine.number
    assert machine.writer.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert faults() == before


def test_the_writer_copies_what_the_thread_has_left(machine: Machine) -> None:
    machine.write()
    machine.one.begin(machine.writer)
    machine.write()
    assert machine.restarts == 0, "not yet, for the thread has copied nothing"
    machine.one._is_ready = True
    machine.one.begin(machine.writer)
    machine.write()
    assert machine.restarts == 1


def test_nothing_is_copied_before_the_log_has_grown(machine: Machine) -> None:
    machine.one.grew(ROUND - 1)
    assert machine.one._thread is None
    machine.one.grew(1)
    assert eventually(lambda: machine.one._is_ready)


@pytest.mark.parametrize(
    ("error", "counted"),
    [(ZeroDivisionError("as a fault of ours"), 1), (sqlite3.OperationalError("full"), 0)],
)
def test_one_that_fails_is_made_again_later(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, error: Exception, counted: int
) -> None:
    before, failed = faults(), threading.Event()
    if isinstance(error, sqlite3.Error):
        error.sqlite_errorname = "SQLITE_FULL"

    def fails(_: sqlite3.Connection) -> Pass:
        failed.set()
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(module, "checkpoint", fails)
        assert machine.commit_until(failed.is_set)
        assert eventually(lambda: faults() == before + counted)
        assert not machine.one._is_ready
    assert machine.commit_until(lambda: machine.restarts > 0)


def test_what_the_writer_fails_to_copy_is_in_the_log(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: sqlite3.Connection) -> Pass:
        raise sqlite3.OperationalError("full")

    monkeypatch.setattr(module, "checkpoint", fails)
    machine.one._is_ready = True
    machine.commit()
    assert not machine.one._is_ready
    assert not machine.one._copying.locked()
    assert machine.writer.execute("SELECT count(*) FROM note").fetchone()[0] == 1


def test_the_writer_waits_for_nobody(machine: Machine) -> None:
    machine.one._is_ready = True
    with machine.one.paused():
        machine.commit()
    assert machine.one._is_ready, "to be done with the next commit"


def test_a_reader_keeps_the_log_as_long_as_it_reads(machine: Machine) -> None:
    machine.write()
    reader = sqlite3.connect(machine.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM note").fetchone()
    machine.write()
    done = checkpoint(machine.writer)
    assert done.copied < done.pages
    assert not machine.one._copy(), "so the writer has nothing to do"
    reader.close()
    assert machine.one._copy()


def test_another_program_may_make_one(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "checkpoint", lambda _: Pass(1, -1, -1))
    assert not machine.one._copy()


@pytest.mark.parametrize(
    ("passes", "is_ready"),
    [
        ([(0, 64, 64)], True),
        ([(0, 65, 65), (0, 129, 129)], True),
        ([(0, 65, 65), (0, 130, 130), (0, 195, 195), (0, 260, 260)], True),
        ([(0, 1, 0)], False),
        ([(1, 10, 10)], False),
        ([(0, 65, 65), (1, 66, 66)], False),
        ([(0, 65, 65), (0, 66, 65)], False),
    ],
)
def test_passes_go_on_until_little_is_left(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, passes: list[tuple[int, int, int]], is_ready: bool
) -> None:
    left = [Pass(*one) for one in passes]

    def pass_over(database: sqlite3.Connection) -> Pass:
        assert database is machine.one._database
        assert machine.one._copying.locked(), "or SQLite refuses one of two"
        return left.pop(0)

    with monkeypatch.context() as told:
        told.setattr(module, "checkpoint", pass_over)
        assert machine.one._copy() is is_ready
    assert not left


def test_after_each_round_it_counts_anew(machine: Machine) -> None:
    due = machine.one._due
    machine.one._thread = threading.current_thread()  # which copies nothing
    for _ in range(2):
        machine.one.grew(ROUND - 1)
        assert not due.is_set()
        machine.one.grew(1)
        assert due.is_set()
        due.clear()
    machine.one.grew(5 * ROUND)
    assert due.is_set()
    due.clear()
    machine.one.begin(machine.writer)
    assert not due.is_set()
    machine.one.grew(ROUND - module._COMMIT_BYTES)
    assert due.is_set(), "a commit appends something by itself"
    machine.one._thread = None


@pytest.mark.parametrize("durable", [True, False])
def test_it_is_as_durable_as_the_writer(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "spool.db"
    writer = open_database(path, durable=durable)
    one = Checkpointer(connect(path), durable=durable)
    pragma = "PRAGMA synchronous"
    assert one._database.execute(pragma).fetchone() == writer.execute(pragma).fetchone()
    writer.close()
    one.close()
    with pytest.raises(sqlite3.ProgrammingError):
        one._database.execute(pragma)


def test_a_log_that_is_emptied_meanwhile_is_waited_for(machine: Machine) -> None:
    disk = Disk(machine.path, machine.writer, machine.one)
    machine.write()
    copying, go = threading.Event(), threading.Event()

    def slow() -> None:
        with machine.one.paused():
            copying.set()
            go.wait()

    thread = threading.Thread(target=slow)
    thread.start()
    copying.wait()
    emptying = threading.Thread(target=disk.empty_log)
    emptying.start()
    emptying.join(0.05)
    assert emptying.is_alive()
    go.set()
    for one in (thread, emptying):
        one.join()
    assert machine.path.with_name("spool.db-wal").stat().st_size == 0


async def test_a_spool_has_one_until_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUND_BYTES", ROUND)
    path = tmp_path / "spool.db"
    async with opened(at(path), max_bytes=10**9) as spool:
        assert isinstance(spool, SqliteSpool)
        await spool.attach(["one"])
        for number in range(20):
            await spool.append([event(f"m{number}", b" " * 50_000)], NOW)
        await spool.settle("one", Settlement(20), NOW)
        names = [one.name for one in threading.enumerate()]
        assert "spool-checkpointer" in names
        pragma = "PRAGMA wal_autocheckpoint"
        kept = await spool._write(lambda: spool._database.execute(pragma).fetchone()[0])
        assert kept == 15625, "pages of the log after which the writer makes one, should the thread fail"
    assert "spool-checkpointer" not in [one.name for one in threading.enumerate()]
    assert not path.with_name("spool.db-wal").exists()


async def test_a_tool_makes_none(tmp_path: Path) -> None:
    where = at(tmp_path / "spool.db")
    async with opened(where):
        tool = await where.open(tool=True)
        assert isinstance(tool, SqliteSpool)
        assert tool._disk._checkpointer is None
        await tool.close()
