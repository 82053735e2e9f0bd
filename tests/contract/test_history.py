"""History with the spool that writes it, and of a stream on the next machine as far as it reaches."""

import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest

from forwarder.spool import Settlement, Spool
from forwarder.spool.history import Ended, SentBatch
from forwarder.spool.jetstream import replication
from forwarder.spool.sqlite import history_packing, history_rows, stored_events
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.nats import Nats
from tests.support.spools import NOW, Where, event, opened, somewhere


@pytest.fixture(params=["sqlite", "jetstream"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    server: Nats | None = request.getfixturevalue("nats") if request.param == "jetstream" else None
    return somewhere(server, tmp_path)


async def kept(spool: Spool) -> tuple[list[str], Any]:
    """Return the message ids of events that are kept, and what became of them."""

    def question(database: sqlite3.Connection) -> tuple[list[str], Any]:
        settled = database.execute("SELECT destination, at, body FROM settled ORDER BY number").fetchall()
        return (
            [row[3] for row in stored_events.some(database, 0, 9)],
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


@pytest.mark.parametrize("told_again", [False, True])
async def test_without_destinations_what_waits_is_kept_for_the_next_one(
    where: Where, told_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In rows as well, over a start, and where a stream's records are told again meanwhile."""
    monkeypatch.setattr(history_packing, "FULL", 3)
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 100 if told_again else 10**6)
    monkeypatch.setattr(replication, "_TRIM_EVERY", 1)
    async with opened(where) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{seq}") for seq in range(1, 8)], NOW)
        await spool.settle("one", Settlement(2), NOW)
        await spool.attach([])
        await spool.append([event(f"m{seq}") for seq in range(8, 11)], NOW)
        spool.bound_history(1, 1)
        await spool.expire(NOW + 10**9)
        assert (await spool.counts()).events == 8
    async with opened(where) as spool:
        assert await spool.attach([]) == {}
        await spool.append([event(f"m{seq}") for seq in range(11, 14)], NOW)
    async with opened(where) as spool:
        assert await spool.attach(["two", "three"]) == {"two": 2, "three": 2}
        assert [one.message_id for one in await spool.read(0, 99)] == [f"m{seq}" for seq in range(3, 14)]
        await spool.settle("two", Settlement(9), NOW)
        assert await spool.attach(["two"]) == {"two": 9}
    async with opened(where) as spool:
        assert (await spool.counts()).events == 4
