"""Whatever goes wrong inside the spool is told to everybody who waits, and ends it; nobody waits for ever."""

# ruff: noqa: ASYNC240, PT012 - files under a running spool, and refusals that come at some step

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from forwarder.errors import SpoolDamaged, SpoolError, SpoolFull, SpoolLost
from forwarder.spool import Settlement, StoredEvent, open_spool
from forwarder.spool.sqlite import disk
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.disk import RESERVE, Disk
from forwarder.spool.sqlite.group_commit import GroupCommit
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.sqlite.transaction import WriteTransaction
from tests.support.spools import NOW, at, event, names, opened

PATIENCE_S = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


async def ended(spool: Any) -> SpoolError:
    """Return why the spool ended, which it has to by now."""
    return await asyncio.wait_for(spool.lost(), PATIENCE_S)


def _fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError("as a fault of ours")


@pytest.mark.parametrize(
    ("where", "name"), [(DedupIndex, "add"), (WriteTransaction, "committed")], ids=["add", "committed"]
)
async def test_a_fault_behind_the_commit_ends_the_spool(
    path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    async with opened(at(path)) as spool:
        monkeypatch.setattr(where, name, _fails)
        several = await asyncio.wait_for(
            asyncio.gather(*(spool.append([event(f"m{n}")], NOW) for n in range(5)), return_exceptions=True),
            PATIENCE_S,
        )
        assert {type(one) for one in several} == {SpoolLost}
        with pytest.raises(SpoolLost, match="ZeroDivisionError: as a fault of ours"):
            await asyncio.wait_for(spool.append([event("later")], NOW), PATIENCE_S)
        with pytest.raises(SpoolLost):
            await asyncio.wait_for(spool.settle("one", Settlement(0), NOW), PATIENCE_S)
        assert isinstance(await ended(spool), SpoolLost)
        assert spool.failure is not None
    monkeypatch.undo()
    async with opened(at(path)) as spool:  # what was committed is there, once, and known
        before = names(await spool.read(0, 99))
        assert "m0" in before
        wanted = [f"m{n}" not in before for n in range(6)]
        assert await spool.append([event(f"m{n}") for n in range(6)], NOW) == wanted
        assert spool.failure is None


async def test_a_fault_between_two_commits_ends_the_spool(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(at(path)) as spool:
        await asyncio.gather(*(spool.append([event(f"a{n}")], NOW) for n in range(20)))  # in company
        monkeypatch.setattr(time, "sleep", _fails)
        answers = [asyncio.ensure_future(spool.append([event(f"b{n}")], NOW)) for n in range(50)]
        done, waiting = await asyncio.wait(answers, timeout=PATIENCE_S)
        assert not waiting
        assert any(isinstance(one.exception(), SpoolLost) for one in done)
        assert isinstance(await ended(spool), SpoolLost)


@pytest.mark.parametrize("slow", [False, True])
async def test_who_cannot_be_told_of_events_ends_the_spool_but_no_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    report = GroupCommit._report

    def slowly(*given: Any) -> None:
        """The loop hears of the group before the thread has let go of it, as under load."""
        report(*given)
        time.sleep(0.3)

    if slow:
        monkeypatch.setattr(GroupCommit, "_report", slowly)
    async with opened(at(path)) as spool:
        heard: list[StoredEvent] = []
        spool.on_append(_fails)
        spool.on_append(heard.extend)
        assert await asyncio.wait_for(spool.append([event("a")], NOW), PATIENCE_S) == [True]
        assert "could not be handed on" in str(await ended(spool))
        with pytest.raises(SpoolLost):
            await spool.append([event("b")], NOW)


class Steps:
    """Nothing beside the jobs; ``relieve`` calls."""

    def __init__(self, relieve: Callable[[], None] = lambda: None) -> None:
        self.relieve = relieve

    def begin(self) -> None: ...

    def finish(self) -> None: ...

    def rolled_back(self) -> None: ...

    def committed(self) -> list[None]:
        return []


class Connection:
    """A connection on which some statements fail, each once for every error given."""

    def __init__(self, real: sqlite3.Connection, **errors: list[Exception]) -> None:
        self.real, self.errors = real, errors

    @property
    def in_transaction(self) -> bool:
        return self.real.in_transaction

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if waiting := self.errors.get(statement.partition(" ")[0]):
            raise waiting.pop(0)
        return self.real.execute(statement, *values)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as told")
    error.sqlite_errorcode = code
    return error


@pytest.fixture
def table(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("CREATE TABLE t (x UNIQUE)")
    return database


def written(table: sqlite3.Connection) -> list[int]:
    return [x for (x,) in table.execute("SELECT x FROM t ORDER BY x")]


async def run_jobs(given: Any, steps: Any, groups: Sequence[Sequence[int]]) -> list[list[object]]:
    """Insert numbers, each group at once; return what came of each."""
    lost: list[SpoolError] = []
    one = GroupCommit(given, steps, lambda _: None, asyncio.get_running_loop(), lost.append)

    def job(x: int) -> Callable[[], object]:
        return lambda: given.execute("INSERT INTO t VALUES (?)", (x,)).rowcount

    told: list[list[object]] = []
    for group in groups:
        futures = [one.submit(job(x), lambda: None) for x in group]
        told.append(await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), PATIENCE_S))
    await one.close()
    assert lost == []
    return told


async def test_a_job_that_refuses_has_nothing_done_after_it(table: sqlite3.Connection) -> None:
    writer: GroupCommit[None] = GroupCommit(
        table, Steps(), lambda _: None, asyncio.get_running_loop(), lambda _: None
    )
    after: list[str] = []

    def refuses() -> object:
        raise SpoolFull("there is no room", 1)

    futures = [
        writer.submit(refuses, lambda: after.append("refused")),
        writer.submit(lambda: 1, lambda: after.append("done")),
    ]
    told = await asyncio.gather(*futures, return_exceptions=True)
    await writer.close()
    assert [type(one) for one in told] == [SpoolFull, int]
    assert after == ["done"]


async def test_one_that_fails_spoils_nothing_for_others(table: sqlite3.Connection) -> None:
    told = await run_jobs(table, Steps(), [[1], [1], [2], [3, 3, 4], [5]])
    assert [[type(one) for one in group] for group in told] == [
        [int],
        [sqlite3.IntegrityError],
        [int],
        [int, sqlite3.IntegrityError, int],
        [int],
    ]
    assert written(table) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_WRITE])
async def test_a_full_disk_is_relieved_once_before_anybody_is_refused(
    table: sqlite3.Connection, code: int
) -> None:
    calls: list[int] = []
    faulty = Connection(table, COMMIT=[sqlite_error(code)])
    assert await run_jobs(faulty, Steps(lambda: calls.append(1)), [[1, 2], [3]]) == [[1, 1], [1]]
    assert (calls, written(table)) == ([1], [1, 2, 3])
    faulty = Connection(table, COMMIT=[sqlite_error(code), sqlite_error(code)])
    [[refused], [done]] = await run_jobs(faulty, Steps(lambda: calls.append(1)), [[4], [5]])
    assert isinstance(refused, sqlite3.OperationalError)
    assert (done, calls, written(table)) == (1, [1, 1], [1, 2, 3, 5])


async def test_a_transaction_that_cannot_be_rolled_back_ends_the_writer(table: sqlite3.Connection) -> None:
    lost: list[SpoolError] = []
    faulty: Any = Connection(table, COMMIT=[ValueError()], ROLLBACK=[sqlite_error(sqlite3.SQLITE_ERROR)])
    one: GroupCommit[None] = GroupCommit(
        faulty, Steps(), lambda _: None, asyncio.get_running_loop(), lost.append
    )
    for _ in range(2):
        with pytest.raises(SpoolLost):
            await asyncio.wait_for(one.submit(lambda: 1, lambda: None), PATIENCE_S)
    await one.close()
    assert len(lost) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, SpoolFull),
        (sqlite3.SQLITE_IOERR_SHORT_READ, SpoolFull),
        (sqlite3.SQLITE_BUSY, SpoolFull),
        (sqlite3.SQLITE_CORRUPT, SpoolDamaged),
        (sqlite3.SQLITE_CORRUPT_INDEX, SpoolDamaged),
        (sqlite3.SQLITE_NOTADB, SpoolDamaged),
        (sqlite3.SQLITE_ERROR, sqlite3.OperationalError),
    ],
)
async def test_what_sqlite_says_is_told_by_name(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    def fails(*_: object) -> None:
        raise sqlite_error(code)

    async with opened(at(path)) as spool:
        monkeypatch.setattr(WriteTransaction, "add", fails)
        said = {SpoolFull: r"spool\.db", SpoolDamaged: r"spool\.db is damaged: as told;"}
        with pytest.raises(kind, match=said.get(kind, "as told")) as told:
            await spool.append([event("a")], NOW)
        if isinstance(told.value, SpoolFull):
            assert told.value.retry_after == (10 if code == sqlite3.SQLITE_BUSY else 30)
        monkeypatch.undo()
        if kind is SpoolDamaged:
            assert "move the file away" in str(await ended(spool))
        else:
            assert await spool.append([event("a")], NOW) == [True]
            assert spool.failure is None


async def filled(path: Path, events: int = 2000) -> None:
    async with opened(at(path), max_events=10**5, max_bytes=10**8) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{n}", b"x" * 2000) for n in range(events)], NOW)


def spoil(path: Path, start: int) -> None:
    content = bytearray(path.read_bytes())
    content[start:] = b"\xff" * (len(content) - start)
    path.write_bytes(content)


async def test_a_file_damaged_under_a_running_forwarder_ends_it(path: Path) -> None:
    await filled(path)
    async with opened(at(path), max_events=10**5, max_bytes=10**8) as spool:
        await spool.attach(["one"])
        spoil(path, path.stat().st_size // 2)
        with pytest.raises(
            SpoolDamaged, match="is damaged: database disk image is malformed; move the file away"
        ):
            for after in range(0, 2000, 500):
                await spool.read(after, 500)
        assert isinstance(await ended(spool), SpoolDamaged)
        with pytest.raises(SpoolDamaged):
            await spool.append([event("later")], NOW)


@pytest.mark.parametrize("start", [0, 100, 16384, 40_000, 100_000])
@pytest.mark.parametrize("tool", [False, True])
async def test_a_file_damaged_at_rest_is_one_clear_line(path: Path, start: int, tool: bool) -> None:
    await filled(path)
    spoil(path, start)
    with pytest.raises(SpoolDamaged, match="move the file away"):
        spool = await open_spool(path, max_events=10**5, max_bytes=10**8, tool=tool)
        try:
            await spool.counts()
            await spool.dead()
            await spool.read(0, 2000)
            if tool:  # which reads no events
                raise SpoolDamaged("move the file away")
        finally:
            await spool.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_deleted_file_is_noticed_and_saved(
    path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    monkeypatch.setattr(disk, "_LOOK_S", 0.2)
    async with opened(at(path)) as spool:
        await spool.append([event("a")], NOW)
        path.unlink()
        if replaced:
            path.write_bytes(b"somebody's")
        taken = ["a"]
        with pytest.raises(SpoolDamaged, match="deleted or replaced"):
            for number in range(100):
                await spool.append([event(f"b{number}")], NOW)
                taken.append(f"b{number}")
                await asyncio.sleep(0.01)
        with pytest.raises(SpoolDamaged):
            await spool.append([event("c")], NOW)
        assert isinstance(await ended(spool), SpoolDamaged)
    if replaced:
        assert path.read_bytes() == b"somebody's"
        path.with_name(f"spool.db-saved-{len(taken)}").rename(path)
    async with opened(at(path)) as spool:
        assert names(await spool.read(0, 1000)) == taken
        assert await spool.append([event("a"), event("c")], NOW) == [False, True]


async def test_a_look_that_failed_is_taken_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when its time has come once more: until then nobody would know how much room there is."""

    def fails(_: object) -> None:
        raise OSError(5, "Input/output error")

    async with opened(at(path)) as spool:
        monkeypatch.setattr(disk, "_LOOK_S", 0.0)
        monkeypatch.setattr(os, "statvfs", fails)
        with pytest.raises(OSError, match="Input"):
            await spool.append([event("a")], NOW)
        monkeypatch.setattr(disk, "_LOOK_S", 60.0)
        with pytest.raises(OSError, match="Input"):
            await spool.append([event("a")], NOW)


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


@pytest.mark.parametrize("name", ["spool.db-lock", "spool.db-reserve"])
async def test_files_of_others_beside_the_spool_keep_their_contents(path: Path, name: str) -> None:
    other = path.with_name(name)
    other.write_bytes(b"somebody's notes")
    async with opened(at(path)) as spool:
        await spool.append([event("a")], NOW)
        assert isinstance(spool, SqliteSpool)
        spool._disk.give_up_reserve()
    assert other.read_bytes() == b"somebody's notes"


async def test_a_lock_is_handed_over_without_a_gap(path: Path) -> None:
    lock = Lock(path)
    spool = SqliteSpool(path, max_events=10, max_bytes=1000, lock=lock)
    with pytest.raises(SpoolDamaged, match="in use by another"):
        Lock(path)
    await spool.close()
    Lock(path).release()


async def test_what_is_answered_survives_a_power_loss(path: Path) -> None:
    async with opened(at(path)) as spool:
        assert isinstance(spool, SqliteSpool)
        modes = await spool._write(
            lambda: [spool._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous",)]
        )
        assert modes == [2], "FULL"
        assert spool._reader.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


async def test_copies_of_streams_need_not(path: Path) -> None:
    class Keeps:
        def begin(self, database: sqlite3.Connection) -> None: ...

        def keep(self, changes: object) -> None: ...

        def committed(self) -> None: ...

    spool = SqliteSpool(path, max_events=10, max_bytes=1000, replicator=Keeps())
    assert spool._database.execute("PRAGMA synchronous").fetchone()[0] == 0
    await spool.close()


async def test_delivered_events_are_gone_from_the_file_after_an_orderly_end(path: Path) -> None:
    async with opened(at(path), max_events=10**5, max_bytes=10**8) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{n}", b"SECRET-OF-A-VISITOR" * 50) for n in range(500)], NOW)
        await spool.settle("one", Settlement(500), NOW)
        await spool.append([event("waits", b"KEPT")], NOW)
    left = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert b"SECRET-OF-A-VISITOR" not in left
    async with opened(at(path)) as spool:
        assert [one.body for one in await spool.read(0, 9)] == [b"KEPT"]
        assert await spool.attach(["one"]) == {"one": 500}
        assert await spool.append([event("m3"), event("n")], NOW) == [False, True]
