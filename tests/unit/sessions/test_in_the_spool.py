"""Sessions are part of the spool: decided with events, undone with them, read back, bounded, closed once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from browser_plugin import SessionPlugin, SessionSettings
from browser_plugin.session_events import session_event
from forwarder.http.responses import Refusal
from forwarder.sessions.book import DAY_MS
from forwarder.sessions.closer import CLOSED
from forwarder.spool import Settlement
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import marks_for
from tests.support.sessions import (
    MINUTE,
    SERVER,
    START,
    Front,
    event,
    iso,
    kept,
    minutes_of,
    session_of,
    stamp,
)
from tests.support.spools import at, opened

CLOSING = {"close": True}


def rows(folder: Path) -> list[tuple[int, int, int]]:
    """Return the number, time and states of each row of sessions."""
    with closing(sqlite3.connect(folder / "spool.db")) as database:
        return database.execute("SELECT number, at, states FROM session ORDER BY number").fetchall()


async def test_a_spool_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    for minute in (0, 20, 45, 90):
        async with opened(at(tmp_path / "spool.db")) as spool:
            front = Front(spool)
            front.now = START + minute * MINUTE
            await front.take(event(str(minute), minute, user="ada"))
            await front.take(event(f"server {minute}", minute + 1, None, "ada", context=SERVER))
    async with opened(at(tmp_path / "spool.db")) as spool:
        sessions = await minutes_of(spool)
    assert sessions == {
        **dict.fromkeys(["0", "20", "45", "server 0", "server 20", "server 45"], 0),
        **dict.fromkeys(["90", "server 90"], 90),
    }


async def test_what_is_refused_leaves_no_trace(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db"), max_events=2) as spool:
        front = Front(spool)
        await front.take(event("a", 0))
        with pytest.raises(Refusal):
            await front.take(event("b", 20), event("c", 21))
        await front.take(event("d", 40))
        assert await minutes_of(spool) == {"a": 0, "d": 40}


async def test_the_bound_on_bytes_counts_what_a_stamp_adds(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db"), max_bytes=1_000) as spool:
        front = Front(spool)
        with pytest.raises(Refusal):
            await front.take(event("a", 0, properties={"x": "y" * 600}))
        await front.take(event("b", 1))
        counts = await spool.counts()
        assert counts.bytes == sum(len(one.body) for one in await spool.read(0, 10))


async def test_duplicates_change_nothing(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        await front.take(event("a", 0))
        await front.take({**event("a", 20)})
        await front.take(event("b", 40))
        assert await minutes_of(spool) == {"a": 0, "b": 40}


async def test_rows_that_are_outdated_go_and_devices_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forwarder.sessions.rows.SPARE_STATES", 2_000)
    async with opened(at(tmp_path / "spool.db"), max_events=10_000, max_bytes=10**8) as spool:
        assert isinstance(spool, SqliteSpool)
        front = Front(spool)
        await front.take(event("once", 0, "rare"))
        for number in range(30):
            front.now = START + number * MINUTE
            await front.take(*(event(f"{number} {one}", number, f"d{one}") for one in range(200)))
        found = rows(tmp_path)
        assert len(found) < 30
        assert sum(states for _, _, states in found) <= 2 * 201 + 2_000 + 400
        await front.take(event("again", 29, "rare"))
        assert (await minutes_of(spool, ["again"])) == {"again": 0}, "what still counts was written again"
        front.now = START + DAY_MS + 31 * MINUTE
        for number in range(5):
            front.now += 2 * MINUTE
            await front.take(event(f"late {number}", 29.5, "d7"))
        assert sum(states for _, _, states in rows(tmp_path)) < 20
        assert (await minutes_of(spool, ["late 0", "late 1"])) == {"late 0": 0, "late 1": 0}
        await front.take(event("forgotten", 29.5, "d8"))
        assert await minutes_of(spool, ["forgotten"]) == {"forgotten": 29.5}


async def test_the_number_of_devices_is_bounded(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db"), max_events=10_000, max_bytes=10**8) as spool:
        assert isinstance(spool, SqliteSpool)
        spool.bound_sessions(100)
        front = Front(spool)
        for number in range(0, 500, 10):
            await front.take(*(event(f"e{one}", 0, f"d{one}") for one in range(number, number + 10)))
        await front.take(event("newest", 1, "d499"), event("oldest", 1, "d0"))
        assert await minutes_of(spool, ["newest", "oldest"]) == {"newest": 0, "oldest": 1}
        assert sum(states for _, _, states in rows(tmp_path)) <= 120


async def test_a_session_that_nobody_continued_is_closed_once(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool, CLOSING)
        assert await front.end() == 0
        await front.take(event("a", 0, user="ada"))
        front.now = START + 10 * MINUTE
        await front.take(event("b", 10))
        front.now = START + 40 * MINUTE - 1
        assert await front.end() == 0
        front.now = START + 41 * MINUTE
        assert await front.end() == 1
        assert await front.end() == 0
        [end] = [one for one in (await kept(spool)).values() if one["event"] == "Session Ended"]
        await front.take(event("late", 12))
        front.now = START + 200 * MINUTE
        assert await front.end() == 0, "it was closed before"
        assert await minutes_of(spool, ["late"]) == {"late": 0}
    assert end["properties"] == {"duration": 10 * MINUTE}
    assert end["timestamp"] == iso(START + 10 * MINUTE)
    assert session_of(end) == START
    assert (end["anonymousId"], end["userId"]) == ("anon-1", "ada")
    assert end["sessionReason"] == CLOSED


async def test_the_pages_own_end_and_ours_are_one(tmp_path: Path) -> None:
    """Whichever comes first: the page makes the same message id of the same visit."""
    page = SessionPlugin(SessionSettings(session_events=True), {})
    for number in (0, 10):
        page.enrich({"type": "track", "event": "a", "anonymousId": "anon-1"}, START + number * MINUTE)
    [own, _] = page.enrich(
        {"type": "track", "event": "b", "anonymousId": "anon-1"}, START + 100 * MINUTE
    ).emitted
    ids = {"anonymousId": "anon-1", "userId": None}
    message = session_event("ended", own.name, own.session_id, own.timestamp, ids, None, {})["messageId"]
    theirs = {
        **event("Session Ended", 10, properties=own.properties, integrations=own.integrations),
        "messageId": message,
    }
    for first in ("page", "forwarder"):
        async with opened(at(tmp_path / f"{first}.db")) as spool:
            front = Front(spool, CLOSING)
            await front.end()
            for number in (0, 10):
                front.now = START + number * MINUTE
                await front.take(event(f"a{number}", number, integrations=stamp(START)))
            front.now = START + 100 * MINUTE
            if first == "page":
                await front.take(theirs)
                assert await front.end() == 0
            else:
                assert await front.end() == 1
                await front.take(theirs)
            found = await kept(spool)
            [end] = [one for name, one in found.items() if one["event"] == "Session Ended"]
            assert end["messageId"] == message
            assert end["properties"] == own.properties == {"duration": 10 * MINUTE}
            assert session_of(end) == own.session_id == START


async def test_what_could_not_come_while_we_were_down_is_waited_for(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool, CLOSING)
        await front.end()
        await front.take(event("a", 0))
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool, CLOSING)
        front.now = START + 300 * MINUTE
        assert await front.end() == 0
        front.now += 29 * MINUTE
        assert await front.end() == 0
        front.now += 2 * MINUTE
        assert await front.end() == 1


@pytest.mark.parametrize(
    "last",
    [
        event("session_end", 5, integrations=stamp(START)),
        event("Session Ended", 5, integrations=stamp(START)),
    ],
    ids=["an app's", "a page's"],
)
async def test_sessions_whose_sender_ends_them_are_left_to_him(
    tmp_path: Path, last: dict[str, object]
) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool, CLOSING)
        await front.end()
        await front.take(event("a", 0, integrations=stamp(START)))
        await front.take(last)
        front.now = START + 100 * MINUTE
        assert await front.end() == 0


async def test_ends_wait_where_the_spool_is_full(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db"), max_events=2) as spool:
        front = Front(spool, CLOSING)
        await front.end()
        await front.take(event("a", 0), event("b", 0, "anon-2"))
        front.now = START + 100 * MINUTE
        assert await front.end() == 0
        await spool.attach(["x"])
        await spool.settle("x", Settlement(2), front.now)
        assert await front.end() == 2


async def test_a_user_without_a_device_is_closed_by_his_own_id(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool, {"close": True, "assign": "all"})
        await front.end()
        await front.take(event("a", 0, None, "ada", context=SERVER))
        front.now = START + 31 * MINUTE
        assert await front.end() == 1
        [end] = [one for one in (await kept(spool)).values() if one["event"] == "Session Ended"]
        assert end["messageId"] == f"session-ended-{START}-ada"
        assert end["userId"] == "ada"
        assert "anonymousId" not in end


async def test_the_sessions_of_a_deleted_user_and_of_his_devices_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"

    def states() -> bytes:
        with closing(sqlite3.connect(path)) as database:
            return b"".join(body for (body,) in database.execute("SELECT body FROM session"))

    async with opened(at(path)) as spool:
        front = Front(spool, {"assign": "all"})
        await front.take(
            event("a", 0, "phone", "ada"), event("b", 0, "tablet", "bob"), event("c", 0, None, "ada")
        )
        await front.take(event("d", 1, "desk", "ada"))
        await spool.forget_sessions()
        assert b"phone" in states(), "nobody was deleted"
        await spool.mark_users(marks_for(["ada"], [""], 0), START)
        await spool.mark_users(marks_for(["bob"], ["one"], 0, await spool.marks()), START)
        await spool.forget_sessions()
        assert not any(name in states() for name in (b"ada", b"phone", b"desk"))
        assert b"bob" in states(), "he was deleted at one destination alone"
        front.now = START + 10 * MINUTE
        await front.take(event("e", 10, "phone", "ada"), event("f", 10, "tablet", "bob"))
        await spool.forget_sessions()
        assert b"phone" in states(), "once for each deletion"
        known = await minutes_of(spool)
        assert (known["e"], known["f"]) == (10, 0)
    async with opened(at(path)) as spool:
        front = Front(spool, {"assign": "all"})
        front.now = START + 20 * MINUTE
        await front.take(event("g", 20, "phone", "ada"))
        assert (await minutes_of(spool))["g"] == 10
