"""Jobs for a group commit over a table of numbers, on a connection that can fail."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from forwarder.errors import SpoolError
from forwarder.spool.sqlite.group_commit import GroupCommit
from tests.support.waiting import PATIENCE_S


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
