"""What a spool's history holds, and events that end."""

import sqlite3
from typing import Any, cast

from forwarder.spool import Settlement, Spool, StoredEvent
from forwarder.spool.sqlite import history_rows
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.spools import NOW


async def rows(spool: Spool) -> list[list[StoredEvent]]:
    """Return the events of each row."""

    def question(database: sqlite3.Connection) -> list[list[StoredEvent]]:
        found = database.execute("SELECT first, body FROM history ORDER BY first").fetchall()
        return [history_rows.unpack(*row) for row in found]

    return await cast("SqliteSpool", spool).look(question)


async def kept(spool: Spool) -> list[StoredEvent]:
    """Return all that is in history, in order."""
    return [one for row in await rows(spool) for one in row]


async def ask(spool: Spool, question: str) -> list[Any]:
    return await cast("SqliteSpool", spool).look(lambda database: database.execute(question).fetchall())


async def deliver(spool: Spool, upto: int, now: int = NOW) -> None:
    await spool.settle("one", Settlement(upto), now)
