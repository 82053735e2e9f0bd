"""Deleted users in a spool: their marks, and what is removed, on this machine and on the next."""

import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest

from forwarder.spool import NewDead, Parked, Settlement, Spool
from forwarder.spool.event_keys import hashes
from forwarder.spool.history import SentBatch, TurnedAway
from forwarder.spool.jetstream import replication
from forwarder.spool.sqlite import history_packing, history_rows, stored_events
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import FOR_EVER, KEPT_MS, Erasure, Suppression, UserMark, marks_for
from tests.support.nats import Nats
from tests.support.spools import NOW, Where, event, opened, somewhere


@pytest.fixture(params=["sqlite", "jetstream"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    server: Nats | None = request.getfixturevalue("nats") if request.param == "jetstream" else None
    return somewhere(server, tmp_path)


async def filled(spool: Spool) -> None:
    """Have one event dead, two parked, two waiting."""
    await spool.attach(["one"])
    await spool.append([event(f"m{number}", b"secret") for number in range(1, 6)], NOW)
    a, b, c, _, _ = await spool.read(0, 5)
    park = [Parked(one, "lane", ("uu1",), b"state") for one in (b, c)]
    await spool.settle("one", Settlement(3, park, dead=[NewDead(a, "why", b"{}", b"")]), NOW)


async def everything(spool: Spool) -> object:
    groups = await spool.parked("one", "lane", 0, 9)
    return await spool.read(0, 9), groups, await spool.dead(), await spool.marks(), await spool.counts()


@pytest.mark.parametrize("snapshot_bytes", [1, 10**6])
async def test_what_is_removed_stays_so_on_every_machine(
    where: Where, snapshot_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", snapshot_bytes)
    async with opened(where) as spool:
        await filled(spool)
        assert await spool.erasure() == 0
        assert await spool.mark_users(marks_for(["u1"], [""], FOR_EVER), NOW) == 1
        await cast("SqliteSpool", spool).erase(Erasure([4], [("one", 2)], [1]))
        for number in range(10):  # with a small bound everything is told again in between
            await spool.append([event(f"more{number}", b"x" * 300)], NOW)
        known = await everything(spool)
        assert [one.body for one in await spool.read(0, 2)] == [b"", b"secret"]
        assert [(one.event.body, one.state) for one in await spool.parked("one", "lane", 0, 9)] == [
            (b"", b""),
            (b"secret", b"state"),
        ]
        assert await spool.dead() == []
        assert [(mark.upto, mark.until) for mark in await spool.marks()] == [(5, FOR_EVER)]
    elsewhere = Where(where.place, where.copy.with_name("other.db"))
    async with opened(elsewhere) as spool:
        assert await everything(spool) == known


async def test_marks_grow_and_end(where: Where) -> None:
    async with opened(where) as spool:
        await filled(spool)
        await spool.mark_users(marks_for(["u1", "u2"], [""], NOW + 5), NOW)
        first = await spool.marks()
        again = marks_for(["u1"], [""], 0, first)
        await spool.append([event("m6")], NOW)
        assert await spool.mark_users(again, NOW + KEPT_MS + 6) == 2
        [mark] = await spool.marks()
        assert mark in [UserMark(one.mark, one.key, "", 6, 0) for one in first], "the other one has ended"
    async with opened(where) as spool:
        assert await spool.marks() == [mark]


async def test_a_lifted_suppression_lets_later_events_through(where: Where) -> None:
    async with opened(where) as spool:
        await filled(spool)
        marks = marks_for(["u1", "u2"], ["", "one"], FOR_EVER)
        await spool.mark_users(marks, NOW)
        await spool.append([event("m6")], NOW)
        lifted = [mark.mark for mark in marks if mark.mark == marks[0].mark][:1]
        assert (
            await cast("SqliteSpool", spool).lift_suppression(lifted, NOW + 1) == 2 == await spool.erasure()
        )
        await spool.append([event("m7")], NOW + 2)
        suppression = Suppression(await spool.marks(), "one")
        six, seven = await spool.read(5, 9)
        assert [suppression.covers(one, ["uu1"]) for one in (six, seven)] == [True, False]
        assert suppression.covers(seven, ["uu2"]), "the other one stays"
        marks = await spool.marks()
    async with opened(where) as spool:
        assert await spool.marks() == marks


async def test_users_are_kept_as_keyed_hashes_alone(where: Where) -> None:
    one, other = (marks_for(["u1"], [""], 0)[0] for _ in range(2))
    assert one.mark != other.mark, "nobody can try names on them without the key"
    async with opened(where) as spool:
        await spool.mark_users(marks_for(["secret-user"], [""], 0), NOW)
    assert (
        b"secret-user"
        not in where.copy.parent.joinpath("copy.db" if "://" in where.place else "spool.db").read_bytes()
    )


async def test_a_tool_waits_for_deliveries_that_do_not_know_the_users(tmp_path: Path) -> None:
    where = somewhere(None, tmp_path)
    async with opened(where) as spool:
        tool = cast("SqliteSpool", await where.open(tool=True))
        number = await tool.mark_users(marks_for(["u1"], [""], 0), NOW)
        assert (await spool.erasure(), await tool.awaits(number)) == (number, True)
        await spool.erasure_done(number)
        assert not await tool.awaits(number)
        number = await tool.mark_users(marks_for(["u1"], [""], 0), NOW)
        assert await tool.awaits(number)
    assert not await tool.awaits(number), "nobody serves"
    await tool.close()


@pytest.mark.parametrize("in_rows", [True, False])
async def test_an_event_is_removed_with_what_was_said_about_it(
    where: Where, in_rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_packing, "FULL", 5 if in_rows else 100)
    sent = SentBatch("/2/httpapi", NOW, NOW, 400, "", b"m2 is wrong", 3, [(1, 3)])
    other = SentBatch("/2/httpapi", NOW, NOW, 400, "", b"m5 is wrong", 1, [(5, 5)])

    async def found(spool: Spool) -> object:
        def question(database: sqlite3.Connection) -> object:
            [(settled,)] = database.execute("SELECT body FROM settled").fetchall()
            index = database.execute("SELECT hashes FROM history_hash").fetchone() or (b"",)
            away = database.execute("SELECT count(*) FROM turned_away").fetchone()
            return (
                [(row[0], row[3], row[4]) for row in stored_events.some(database, 0, 5)],
                [one.answer for one in history_rows.unpack_settled(settled)[1]],
                [hashes([name]) in index[0] for name in ("uu2", "m2", "m3")],
                away,
            )

        return await cast("SqliteSpool", spool).look(question)

    async with opened(where) as spool:
        await spool.attach(["one"])
        bodies = [b'{"userId":"u%d"}' % number for number in range(1, 6)]
        await spool.append([event(f"m{number}", body) for number, body in enumerate(bodies, 1)], NOW)
        spool.turn_away([TurnedAway(NOW, "demo", "x", "rejected", "why", b"u2")])
        await spool.settle("one", Settlement(4, sent=[sent, other]), NOW)
        await spool.append([event("m6")], NOW)
        await cast("SqliteSpool", spool).erase(Erasure([5], history=[2, 9], turned_away=True))
        kept = [(n, "", b"") if n in (2, 5) else (n, f"m{n}", body) for n, body in enumerate(bodies, 1)]
        known = (kept, [b"", b""], [False, False, in_rows], (0,))
        assert await found(spool) == known
        assert [one.body for one in await spool.read(0, 9)] == [b"", b"{}"], "one that waits as well"
        await spool.settle("one", Settlement(6), NOW)
        assert await found(spool) == known
    async with opened(where) as spool:
        events, answers, _, away = cast(
            "tuple[list[tuple[int, str, bytes]], Any, Any, Any]", await found(spool)
        )
        assert (answers, away) == (known[1], known[3])
        assert all(b"u2" not in body and b"u5" not in body for _, _, body in events), "from the stream, too"
