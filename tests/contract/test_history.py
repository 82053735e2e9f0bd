"""History with the spool that writes it, and of a stream on the next machine as far as it reaches."""

import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest

from forwarder.spool import Settlement, Spool
from forwarder.spool.history import Ended, SentBatch
from forwarder.spool.sqlite import history_rows
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.nats import Nats
from tests.support.spools import NOW, Where, event, opened, somewhere


@pytest.fixture(params=["sqlite", "jetstream"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    server: Nats | None = request.getfixturevalue("nats") if request.param == "jetstream" else None
    return somewhere(server, tmp_path)


async def kept(spool: Spool) -> tuple[list[str], Any]:
    """Return the message ids in history and what became of their events."""

    def question(database: sqlite3.Connection) -> tuple[list[str], Any]:
        rows = database.execute("SELECT first, body FROM history ORDER BY first").fetchall()
        settled = database.execute("SELECT destination, at, body FROM settled ORDER BY number").fetchall()
        return (
            [one.message_id for row in rows for one in history_rows.unpack(*row)],
            [(name, when, history_rows.unpack_settled(body)) for name, when, body in settled],
        )

    return await cast("SqliteSpool", spool).look(question)


async def test_what_ended_stays_with_its_requests_and_ends(where: Where) -> None:
    sent = SentBatch("/2/httpapi", NOW, NOW + 80, 0, "broken", b"ReadTimeout", 2, [(1, 2)])
    ends = [Ended("delivered", "", 1, 2)]
    known = (["m1", "m2"], [("one", NOW + 90, (ends, [sent]))])
    async with opened(where) as spool:
        await spool.attach(["one"])
        await spool.append([event("m1"), event("m2")], NOW)
        await spool.settle(
            "one", Settlement(2, (), (), (), {}, {("delivered", ""): 2}, ends, [sent]), NOW + 90
        )
        assert await kept(spool) == known
        await spool.append([event("m3")], NOW)
    async with opened(where) as spool:
        ids, settled = await kept(spool)
        assert (ids[:2], settled) == known, "over a stream: it still holds them"
        await spool.attach(["one"])
        await spool.settle("one", Settlement(3), NOW)
        assert (await kept(spool))[0] == ["m1", "m2", "m3"]
