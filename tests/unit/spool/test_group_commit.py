"""Whoever waits is committed together: who comes with the end, who has gone, who is refused."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forwarder.errors import SpoolLost
from forwarder.spool.sqlite import group_commit
from forwarder.spool.sqlite.group_commit import GroupCommit
from tests.support.write_jobs import Connection, Steps, run_jobs, sqlite_error, written

PATIENCE_S = 60


class Held:
    """A group commit whose thread is busy with one job until it is let go."""

    def __init__(self, given: Any, steps: Any = None) -> None:
        self.lost: list[object] = []
        self.told: list[object] = []
        self.free, self.busy = threading.Event(), threading.Event()
        self.commit: GroupCommit[Any] = GroupCommit(
            given, steps or Steps(), self.told.append, asyncio.get_running_loop(), self.lost.append
        )
        self.first = self.commit.submit(self._wait, lambda: None)
        assert self.busy.wait(PATIENCE_S)

    def _wait(self) -> object:
        self.busy.set()
        assert self.free.wait(PATIENCE_S)
        return "first"

    def submit(self, result: object, after: Callable[[], None] = lambda: None) -> asyncio.Future[object]:
        return self.commit.submit(lambda: result, after)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(tmp_path / "t.db", isolation_level=None, check_same_thread=False)
    database.execute("CREATE TABLE t (x UNIQUE)")
    yield database
    database.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(group_commit, "time", SimpleNamespace(sleep=slept.append))
    return slept


async def test_who_comes_with_the_end_is_committed_and_the_thread_ends(table: sqlite3.Connection) -> None:
    held = Held(table)
    futures = [held.submit(number) for number in range(3)]
    closing = asyncio.ensure_future(held.commit.close())
    await asyncio.sleep(0)
    held.free.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(held.first, *futures) == ["first", 0, 1, 2]
        await closing
    assert not held.commit._thread.is_alive()
    assert held.lost == []


async def test_who_has_gone_keeps_nobody_from_the_answer(table: sqlite3.Connection) -> None:
    held = Held(table)
    futures = [held.submit(number) for number in range(3)]
    futures[0].cancel()
    held.free.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*futures[1:]) == [1, 2]
        await held.commit.close()


async def test_no_more_than_so_many_are_committed_at_once(
    table: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "_MAX_JOBS", 3)
    begun = []

    class Counted(Steps):
        def begin(self) -> None:
            begun.append(1)

    held = Held(table, Counted())
    futures = [held.submit(number) for number in range(7)]
    held.free.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*futures) == list(range(7))
        await held.commit.close()
    assert len(begun) == 1 + 3


async def test_company_is_waited_for_where_there_was_some(
    table: sqlite3.Connection, quick: list[float]
) -> None:
    await run_jobs(table, Steps(), [[1]])
    assert quick == []
    held = Held(table)
    futures = [held.submit(number) for number in range(2)]
    held.free.set()
    await asyncio.gather(*futures)
    assert quick == [], "the one before was alone"
    assert await held.submit("next") == "next"
    assert await held.submit("alone again") == "alone again"
    await held.commit.close()
    assert quick == [0.002]


async def test_a_full_disk_is_relieved_once_for_a_group_and_each_of_it(table: sqlite3.Connection) -> None:
    calls: list[int] = []
    faulty = Connection(table)
    errors: list[Exception] = [sqlite_error(sqlite3.SQLITE_FULL) for _ in range(3)]

    def full_from_now_on() -> object:
        faulty.errors.setdefault("COMMIT", errors)
        return faulty.execute("INSERT INTO t VALUES (1)").rowcount

    held = Held(faulty, Steps(lambda: calls.append(1)))
    one = held.commit.submit(full_from_now_on, lambda: None)
    two = held.commit.submit(lambda: faulty.execute("INSERT INTO t VALUES (2)").rowcount, lambda: None)
    held.free.set()
    refused, done = await asyncio.gather(one, two, return_exceptions=True)
    assert isinstance(refused, sqlite3.OperationalError)
    assert (done, calls, written(table)) == (1, [1], [2])
    await held.commit.close()


async def test_what_is_done_after_a_commit_is_done_in_turn_and_told(table: sqlite3.Connection) -> None:
    after: list[object] = []

    def note(number: int) -> Callable[[], None]:
        return lambda: after.append(number)

    class Telling(Steps):
        def committed(self) -> list[None]:
            after.append("committed")
            return [None]

    held = Held(table, Telling())
    futures = [held.submit(number, note(number)) for number in range(2)]
    held.free.set()
    await asyncio.gather(held.first, *futures)
    assert after == ["committed", "committed", 0, 1]
    assert held.told == [[None], [None]]
    await held.commit.close()


async def test_who_comes_after_a_failure_is_told_so(table: sqlite3.Connection) -> None:
    class Broken(Steps):
        def committed(self) -> list[None]:
            raise ZeroDivisionError("ours")

    held = Held(table, Broken())
    waiting = held.submit("waits")
    held.free.set()
    async with asyncio.timeout(PATIENCE_S):
        for future in (held.first, waiting):
            with pytest.raises(SpoolLost, match="ZeroDivisionError: ours"):
                await future
        with pytest.raises(SpoolLost):
            await held.submit("later")
        await held.commit.close()
    assert len(held.lost) == 1
