"""A late event changes the sessions of events that wait, durably, and of none that a destination has read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.errors import SpoolUnavailable
from forwarder.history.filters import Filters
from forwarder.history.finding import find
from forwarder.history.reading import Choice, next_slice
from forwarder.http.responses import Refusal
from forwarder.sessions import renaming
from forwarder.sessions.facts import SessionRules
from forwarder.sessions.renaming import Renaming, SessionNames
from forwarder.sessions.stamp import shown_reason
from forwarder.spool import Settlement, Spool
from forwarder.spool.sqlite.operations import Operation
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.sessions import (
    MINUTE,
    NAME,
    SERVER,
    START,
    Front,
    event,
    kept,
    minutes_of,
    session_of,
    stamp,
)
from tests.support.spools import at, opened

CAME = [event("b", 20), event("server", 25, None, "ada", context=SERVER), event("d", 70, user="ada")]


async def waiting(spool: Spool, **session: object) -> Front:
    """Have a session of b, which a server's event joins, and one of d, wait."""
    front = Front(spool, session)
    for one in (event("b", 20, user="ada"), *CAME[1:]):
        await front.take(one)
    return front


def named(spool: SqliteSpool) -> list[tuple[int, ...]]:
    """Return the renamings that the file holds: old and new session in minutes, and the seqs."""
    with closing(sqlite3.connect(spool._path)) as database:
        rows = database.execute("SELECT old, new, after, upto FROM renamed ORDER BY rowid").fetchall()
    return [((old - START) // MINUTE, (new - START) // MINUTE, after, upto) for old, new, after, upto in rows]


async def test_events_that_wait_follow_and_say_why(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = await waiting(spool)
        await front.take(event("a", 0, user="ada"))
        await front.take(event("c", 45, user="ada"))
        found = await kept(spool)
    assert {name: session_of(one) for name, one in found.items()} == dict.fromkeys(found, START)
    assert {name: shown_reason(one) for name, one in found.items()} == {
        "a": "assigned: no plugin, first visit",
        "b": "assigned: no plugin, active",
        "server": "joined device anon-1",
        "c": "assigned: no plugin, active",
        "d": "assigned: no plugin, active",
    }


async def test_a_given_id_is_that_of_what_waits_and_happened_after_it(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        await front.take(event("first", 0), event("blocked", 10), event("next", 20))
        await front.take(event("page", 5, integrations=stamp(START + 5 * MINUTE)))
        assert await minutes_of(spool) == {"first": 0, "page": 5, "blocked": 5, "next": 5}


async def test_all_destinations_have_the_id_that_the_first_one_read(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = await waiting(spool)
        [first, *_] = spool.hand_on(await spool.read(0, 1))
        await front.take(event("c", 45, user="ada"))
        await front.take(event("a", 0, user="ada"))
        assert await minutes_of(spool) == dict.fromkeys(["a", "b", "server", "c", "d"], 20)
        assert session_of(json.loads(first.body)) == START + 20 * MINUTE
        await front.take(event("e", -20, user="ada"))
        assert await minutes_of(spool) == dict.fromkeys(["e", "a", "b", "server", "c", "d"], 20)


async def test_a_crash_changes_no_id(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        assert isinstance(spool, SqliteSpool)
        front = await waiting(spool)
        await front.take(event("c", 45, user="ada"))
        before = await minutes_of(spool)
        assert before == dict.fromkeys(["b", "server", "c", "d"], 20)
        assert named(spool) == [(70, 20, 0, 4)]
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        assert await minutes_of(spool) == before
        await front.take(event("a", 0, user="ada"))
        assert await minutes_of(spool) == {**before, "a": 20}, "what came before a start is final"


async def test_renamings_go_with_their_events(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        assert isinstance(spool, SqliteSpool)
        await spool.attach(["x"])
        spool.bound_history(0, 0)
        front = await waiting(spool)
        await front.take(event("c", 45, user="ada"))
        await spool.settle("x", Settlement(4), START)
        await front.take(event("other d", 70, "anon-2"))
        await front.take(event("other c", 45, "anon-2"))
        assert named(spool) == [(70, 45, 0, 6)]


async def test_other_users_and_sources_with_such_a_device_keep_their_sessions(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        rules = {"shop": SessionRules("shop", scope=""), "app": SessionRules("app", scope="other")}
        spool.bound_sessions(100, rules)
        await front.take(event("b", 20), event("another device's", 20, "anon-2"))
        [row] = [one for one in await spool.read(0, 9) if one.message_id == "b"]
        await front.take(event("a", 0))
        for source, minute in (("shop", 0), ("app", 20), ("unknown", 0)):
            names = spool._transaction.sessions.names  # type: ignore[attr-defined]
            body = names.named(row.seq, source, row.body)
            assert session_of(json.loads(body)) == START + minute * MINUTE, source
        assert await minutes_of(spool) == {"b": 0, "a": 0, "another device's": 20}


async def test_a_body_that_says_it_was_stamped_is_left_alone(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        forged = {"integrations": stamp(START + 20 * MINUTE), "sessionReason": "assigned: no plugin, idle"}
        await front.take(event("own", 21, "anon-1"))
        await front.take({**event("forged", 20), "receivedAt": "x", "originalTimestamp": "x", **forged})
        assert "sessionReason" not in (await kept(spool))["forged"]
        await front.take(event("a", 0))
        assert (await minutes_of(spool))["forged"] == 20


def test_of_renamings_those_stay_in_memory_that_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming, "SPARE_RENAMINGS", 3)
    names, looked, forget = SessionNames(), list[int](), SessionNames._forget

    def counted(self: SessionNames, first: int) -> None:
        looked.append(first)
        forget(self, first)

    monkeypatch.setattr(SessionNames, "_forget", counted)
    for seq in range(1, 40):
        names.hold()
        names.release([Renaming(seq % 5, "", seq, seq + 1, -1, 0, seq)], first=seq - 5)
    known = [one.upto for some in names._by_who.values() for one in some]
    assert set(range(34, 40)) <= set(known)
    assert len(known) <= 2 * 6 + 3
    assert 2 <= len(looked) <= 39 // 3, "they are not looked through for each"


class Asking:
    """A stream that a destination reads beside, while a transaction is on its way into it."""

    def __init__(self) -> None:
        self.ask: Callable[[], object] = lambda: None
        self.answers: list[object] = []
        self.refuses = False

    def begin(self, database: sqlite3.Connection) -> None:
        """See ``Replicator``."""

    def keep(self, changes: Sequence[Operation[object]]) -> None:
        """See ``Replicator``."""
        self.answers.append(self.ask())
        if self.refuses:
            raise SpoolUnavailable("stream_silent", "away", 1)

    def committed(self) -> None:
        """See ``Replicator``."""


async def test_nothing_is_handed_on_while_sessions_change(tmp_path: Path) -> None:
    stream = Asking()
    spool = SqliteSpool(tmp_path / "spool.db", max_events=100, max_bytes=10**6, replicator=stream)
    front = await waiting(spool)
    read = await spool.read(0, 9)
    assert len(spool.hand_on(read[:1])) == 1
    stream.answers.clear()
    stream.ask = lambda: [one.message_id for one in spool.hand_on(read)]
    stream.refuses = True
    with pytest.raises(Refusal):
        await front.take(event("c", 45, user="ada"))
    assert stream.answers == [["b"]], "the first had been read before"
    stream.refuses = False
    stream.ask = lambda: None
    assert len(spool.hand_on(read)) == 3, "the late event came to nothing"
    await front.take(event("c", 45, user="ada"))
    assert await minutes_of(spool) == {"b": 20, "server": 20, "c": 20, "d": 70}
    await spool.close()


async def test_an_event_without_integrations_of_ours_is_no_stamp(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        await front.take(event("b", 20, integrations={"Other": {"session_id": 1}, NAME: {"x": [1]}}))
        await front.take(event("a", 0))
        found = (await kept(spool))["b"]["integrations"]
    assert found == {"Other": {"session_id": 1}, NAME: {"x": [1], "session_id": START}}


@pytest.mark.parametrize("ended", [False, True])
async def test_history_shows_and_finds_the_session_that_an_event_is_in(tmp_path: Path, ended: bool) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["x"])
        front = await waiting(spool)
        await front.take(event("c", 45, user="ada"))
        await front.take(event("a", 0, user="ada"))
        if ended:
            await spool.settle("x", Settlement(5), START)
        for minute, names in ((0, ["a", "c", "d", "server", "b"]), (20, []), (70, [])):
            asked = Filters(session=str(START + minute * MINUTE))
            found = await spool.look(lambda database, asked=asked: find(database, asked, 9))  # type: ignore[misc]
            assert [one.event.message_id for one in found] == names
            assert {session_of(json.loads(one.event.body)) for one in found} <= {START}
            again = await spool.look(lambda database, asked=asked: next_slice(database, Choice(asked, 9), 0))  # type: ignore[misc]
            assert [one.body for one in reversed(again.events)] == [one.event.body for one in found]
