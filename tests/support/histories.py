"""What a spool's history holds, and events that end."""

import sqlite3
from functools import partial
from typing import Any, cast

from forwarder.spool import Settlement, Spool, StoredEvent
from forwarder.spool.sqlite import history_rows, stored_events
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.spools import NOW


async def rows(spool: Spool) -> list[list[StoredEvent]]:
    """Return the events of each row."""

    def question(database: sqlite3.Connection) -> list[list[StoredEvent]]:
        found = database.execute("SELECT first, body FROM history ORDER BY first").fetchall()
        return [history_rows.unpack(*row) for row in found]

    return await cast("SqliteSpool", spool).look(question)


async def kept(spool: Spool) -> list[StoredEvent]:
    """Return all events that are kept, whether they have ended or not, in order."""
    found = await cast("SqliteSpool", spool).look(partial(stored_events.some, after=0, limit=10**6))
    return [StoredEvent(*row[:5]) for row in found]


async def ask(spool: Spool, question: str) -> list[Any]:
    return await cast("SqliteSpool", spool).look(lambda database: database.execute(question).fetchall())


async def deliver(spool: Spool, upto: int, now: int = NOW) -> None:
    await spool.settle("one", Settlement(upto), now)
