"""Jobs of one commit: what a refusal, a failure and a full disk do to each and to the others."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from forwarder.errors import SpoolDamaged, SpoolError, SpoolFull, SpoolLost
from forwarder.spool.sqlite.group_commit import GroupCommit
from forwarder.spool.sqlite.transaction import WriteTransaction
from tests.support.spools import NOW, at, event, opened
from tests.support.waiting import PATIENCE_S
from tests.support.write_jobs import Connection, Steps, run_jobs, sqlite_error, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


async def ended(spool: Any) -> SpoolError:
    """Return why the spool ended, which it has to by now."""
    return await asyncio.wait_for(spool.lost(), PATIENCE_S)


@pytest.fixture
def table(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("CREATE TABLE t (x UNIQUE)")
    return database


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
