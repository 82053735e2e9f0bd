"""History: every accepted event in it once it has ended, found by its ids, within its bounds."""

import gzip
import sqlite3
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forwarder.history import finding
from forwarder.sessions.facts import PAGE, SessionFacts, SessionRules, device_key, user_key
from forwarder.spool import NewEvent, Settlement, Spool, StoredEvent
from forwarder.spool.event_keys import hashes, keys_of
from forwarder.spool.history import Ended, SentBatch, TurnedAway, spans_of
from forwarder.spool.sqlite import disk, history, history_rows, turning_away
from forwarder.spool.sqlite.schema import MIGRATIONS, open_database
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.spools import HOUR, NOW, at, event, opened

FORMAT_5 = Path(__file__).parent / "data/spool_format_5.db.gz"
"""What the version before history left: six events, of which three wait."""


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


async def test_an_event_that_ends_is_in_history_as_it_came(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["one"])
        await spool.append([NewEvent("shop", "a", b"\xff no json"), NewEvent("blog", "b", b"{}")], NOW)
        await spool.append([event("c")], NOW + 5)
        waiting = await spool.read(0, 9)
        await deliver(spool, 2)
        assert await spool.read(0, 9) == waiting[2:]
        assert (await kept(spool))[:2] == waiting[:2]
        await deliver(spool, 3)
        assert await kept(spool) == waiting


async def test_single_events_share_rows(tmp_path: Path) -> None:
    """Of each row on its way none is lost or doubled, and small ones become one."""
    async with opened(at(tmp_path / "spool.db"), max_events=10**4) as spool:
        await spool.attach(["one"])
        for number in range(1, 331):
            await spool.append([event(f"m{number}")], NOW + number)
            if number % 30 == 0:
                await deliver(spool, number)
        await deliver(spool, 330)
        assert [(one.seq, one.received_at) for one in await kept(spool)] == [
            (number, NOW + number) for number in range(1, 331)
        ]
        assert len(await rows(spool)) < 4
        assert [row[0].seq for row in await rows(spool)] == [
            first for (first,) in await ask(spool, "SELECT first FROM history_hash ORDER BY first")
        ]


@pytest.mark.parametrize("sizes", [[1], [300, 300], [2500], [100] * 9, [1, 500, 1]])
async def test_what_was_in_memory_is_read_again_after_a_start(tmp_path: Path, sizes: list[int]) -> None:
    where = at(tmp_path / "spool.db")
    done = 0
    for number, size in enumerate(sizes):
        async with opened(where, max_events=10**5) as spool:
            await spool.attach(["one"])
            await spool.append([event(f"{number}.{one}") for one in range(size)], NOW)
            done += size
            if number % 2:
                await deliver(spool, done - 1)
    async with opened(where, max_events=10**5) as spool:
        await deliver(spool, done)
        assert [one.seq for one in await kept(spool)] == list(range(1, done + 1))
        assert max(map(len, await rows(spool))) <= history.ROW_EVENTS


async def test_large_events_have_rows_of_their_own(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db"), max_bytes=10**8) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{number}", b"x" * 900_000) for number in range(5)], NOW)
        await deliver(spool, 5)
        assert [one.message_id for one in await kept(spool)] == [f"m{number}" for number in range(5)]
        assert all(sum(len(one.body) for one in row) <= 2 * history.ROW_BYTES for row in await rows(spool))


async def test_a_refused_request_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a transaction wrote that came to nothing is written by the next one, once."""
    real = history_rows.insert
    failures = iter([True, False])

    def insert(*values: Any) -> int:
        size = real(*values)
        if next(failures, False):
            raise ZeroDivisionError
        return size

    async with opened(at(tmp_path / "spool.db"), max_events=10**4) as spool:
        await spool.attach(["one"])
        await spool.append([event("a")], NOW)
        monkeypatch.setattr(history_rows, "insert", insert)
        with pytest.raises(ZeroDivisionError):
            await deliver(spool, 1)
        await deliver(spool, 1)
        assert [one.message_id for one in await kept(spool)] == ["a"]


# -- keys


@pytest.mark.parametrize("user", ["u1", "ünï", "", "x" * 200])
@pytest.mark.parametrize("device", ["d1", ""])
@pytest.mark.parametrize("session", [1_790_000_000_000, None])
@pytest.mark.parametrize("scope", ["", "shop"])
def test_the_fast_path_has_the_same_hashes(user: str, device: str, session: int | None, scope: str) -> None:
    body: dict[str, object] = {"userId": user, "anonymousId": device}
    if session is not None:
        body["integrations"] = {"Actions Amplitude": {"session_id": session}}
    rules = SessionRules(scope=scope)
    row = (1, NOW, "shop", "m1", orjson.dumps(body), 1)
    facts = SessionFacts(
        rules,
        PAGE,
        device_key(scope, device) if device else "",
        user_key(scope, user) if user else "",
        NOW,
        session,
    )
    fast = history_rows.index_of([(row, facts, None)])
    given = history_rows.index_of([(row, facts, session)])
    slow = history_rows.index_of([(row, None, None)])
    assert _split(fast) == _split(slow) == _split(given)
    others = SessionFacts(SessionRules(scope="other"), PAGE, "other\0dx", "", NOW)
    assert _split(fast) < _split(history_rows.index_of([(row, facts, None), (row, others, None)]))


def _split(packed: bytes) -> set[bytes]:
    return {packed[start : start + 4] for start in range(0, len(packed), 4)}


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (b'{"userId":7,"anonymousId":true}', ("7", "", "")),
        (b'{"userId":"a","properties":{"userId":"b"}}', ("a", "", "")),
        (b'{"integrations":{"Amplitude (Actions)":{"session_id":"12"}}}', ("", "", "12")),
        (b'{"integrations":{"Actions Amplitude":{"session_id":12.0}}}', ("", "", "12")),
        (b'{"integrations":{"Actions Amplitude":{"session_id":"x"}}}', ("", "", "")),
        (b'{"integrations":{"All":false}}', ("", "", "")),
        (b'{"userId":"a","properties":{"n":1e999}}', ("a", "", "")),
        (b"[]", ("", "", "")),
        (b"", ("", "", "")),
        (b"no json", ("", "", "")),
    ],
)
def test_keys_are_read_of_any_event(body: bytes, keys: tuple[str, str, str]) -> None:
    assert keys_of(body) == keys


def test_half_a_character_has_a_hash() -> None:
    assert len(hashes(["\ud800", "", "u", "d", "ux"])) == 8


# -- bounds


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 700), st.integers(0, 3000)), min_size=1, max_size=5),
    st.integers(200, 60_000),
    st.integers(1, 30),
)
async def test_within_its_bounds_the_latest_are_kept(
    tmp_path_factory: pytest.TempPathFactory, appends: list[tuple[int, int]], most: int, hours: int
) -> None:
    """After any appends: the last of all that was accepted are kept, without a gap, within the bounds."""
    path = tmp_path_factory.mktemp("spool") / "spool.db"
    async with opened(at(path), max_events=10**5, max_bytes=10**9) as spool:
        spool.bound_history(most, hours * HOUR)
        await spool.attach(["one"])
        done, now = 0, NOW
        for number, (count, size) in enumerate(appends):
            now = NOW + number * HOUR
            await spool.append([event(f"{number}.{one}", b"x" * size) for one in range(count)], now)
            done += count
            await deliver(spool, done, now)
        found = [one.seq for one in await kept(spool)]
        assert found == list(range(done + 1 - len(found), done + 1)), "the oldest go"
        bodies = await ask(spool, "SELECT sum(length(body)) FROM history")
        index = await ask(spool, "SELECT sum(length(hashes)) FROM history_hash")
        assert (bodies[0][0] or 0) + (index[0][0] or 0) <= most
        if sum(count * size for count, size in appends) < most // 4 and len(appends) < hours:
            assert len(found) == done or most < 20 * done


async def test_what_is_too_old_goes_once_the_clock_is_believed(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        spool.bound_history(10**9, HOUR)
        writer = cast("SqliteSpool", spool)._transaction.history
        await spool.attach(["one"])
        for number in range(1, 4):
            await spool.append([event(f"m{number}", b"x" * 10)] * 1, NOW + number * HOUR)
            writer.restart()  # a row each
            await deliver(spool, number)
            writer._state = writer._saved = writer._state._replace(small=())
        write = cast("SqliteSpool", spool)._note
        assert len(await rows(spool)) == 3
        await write(lambda: writer.expire(NOW + 3 * HOUR + 5, believed=False))
        assert len(await kept(spool)) == 3
        await write(lambda: writer.expire(NOW + 3 * HOUR + 5, believed=True))
        assert [one.seq for one in await kept(spool)] == [3]
        spool.bound_history(0, HOUR)
        await spool.expire(NOW + 3 * HOUR)
        assert await kept(spool) == []


async def test_it_gives_way_where_the_disk_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["one"])
        await spool.append([event("a"), event("b")], NOW)
        await deliver(spool, 1)
        assert len(await kept(spool)) == 2
        monkeypatch.setattr(disk, "SHORT", 2**62)
        await deliver(spool, 2)
        assert await kept(spool) == []
        await spool.append([event("c")], NOW)
        monkeypatch.setattr(disk, "SHORT", 0)
        await deliver(spool, 3)
        assert [one.seq for one in await kept(spool)] == [3]


async def test_off_it_keeps_nothing(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        spool.bound_history(0, 72 * HOUR)
        await spool.attach(["one"])
        await spool.append([event("a")], NOW)
        spool.turn_away([TurnedAway(NOW, "shop", "x", "rejected", "why")])
        assert await spool.append([event("a")], NOW) == [False]
        ended = Settlement(1, ended={("delivered", ""): 1}, ends=[Ended("delivered", "", 1, 1)])
        await spool.settle("one", ended, NOW)
        for table in ("history", "history_hash", "settled", "turned_away"):
            assert await ask(spool, f"SELECT count(*) FROM {table}") == [(0,)]


# -- what became of events


async def test_ends_and_requests_are_kept_with_the_settlement(tmp_path: Path) -> None:
    sent = SentBatch("/2/httpapi", NOW, NOW + 80, 200, "", b"{}", 2, [(1, 2)])
    ends = [Ended("delivered", "", 1, 2), Ended("filtered", "no trigger matched", 3, 3)]
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["one"])
        await spool.append([event("a"), event("b"), event("c")], NOW)
        await spool.settle("one", Settlement(3, ends=ends, sent=[sent]), NOW + 90)
        [(destination, when, first, last, body)] = await ask(
            spool, "SELECT destination, at, first, last, body FROM settled"
        )
        assert (destination, when, first, last) == ("one", NOW + 90, 1, 3)
        assert history_rows.unpack_settled(body) == (ends, [sent])


async def test_what_ended_at_ingest_is_kept_with_the_next_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:

        async def found() -> list[TurnedAway]:
            rows = await ask(spool, "SELECT body FROM turned_away ORDER BY number")
            return [one for (body,) in rows for one in history_rows.unpack_turned_away(body)]

        await spool.append([event("a")], NOW)
        bad = [TurnedAway(NOW, "shop", f"x{number}", "rejected", "why", b"{") for number in range(3)]
        spool.turn_away(bad)
        await spool.append([event("a"), event("b")], NOW + 1)
        assert await found() == [*bad, TurnedAway(NOW + 1, "demo", "a", "duplicate", "")]
        spool.turn_away(bad[:1])
        await spool.write_turned_away()
        assert len(await found()) == 5
        await spool.write_turned_away()
        assert len(await found()) == 5
        monkeypatch.setattr(turning_away, "AWAY_BYTES", 200)
        for _ in range(9):
            spool.turn_away(bad)
            await spool.write_turned_away()
        assert 3 <= len(await found()) <= 12, "the oldest go"
        spool.turn_away(bad * 1000)
        await spool.write_turned_away()
        assert len(await found()) <= 1000


def test_who_waited_long_is_found_by_few_rows(tmp_path: Path) -> None:
    """An event that ended with others a million later is in a row of its own, with the request of both."""
    database = open_database(tmp_path / "spool.db")
    late = 1_000_000
    sent = SentBatch("/2/httpapi", 1, 2, 200, "", b"", 9, [(3, 4), (late - 5, late + 70_000)])
    ends = [Ended("delivered", "", 3, 4), Ended("filtered", "x", late - 5, late + 70_000)]
    history_rows.settle(database, "one", Settlement(late, ends=ends, sent=[sent]), NOW)
    spans = database.execute("SELECT first, last FROM settled ORDER BY first").fetchall()
    assert all(last - first < history_rows.WIDEST for first, last in spans)
    assert len(spans) == 3
    for seq, outcome in (
        (3, "delivered"),
        (4, "delivered"),
        (late - 5, "filtered"),
        (late + 70_000, "filtered"),
    ):
        [one] = finding.settled(database, seq)
        assert (one.ended is not None and one.ended.outcome, len(one.sent)) == (outcome, 1)
    for seq in (2, 5, late - 6, late + 70_001):
        assert finding.settled(database, seq) == []
    database.close()


def test_spans() -> None:
    assert spans_of([]) == []
    assert spans_of([0]) == [(0, 0)]
    assert spans_of([2, 0]) == [(0, 0), (2, 2)]
    assert spans_of([1, 3]) == [(1, 1), (3, 3)]
    assert spans_of([1]) == [(1, 1)]
    assert spans_of([3, 1, 2, 7, 9, 8, 20]) == [(1, 3), (7, 9), (20, 20)]


async def test_a_file_from_before_history_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(gzip.decompress(FORMAT_5.read_bytes()))
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (5,)
    database.close()
    assert len(MIGRATIONS) >= 6
    async with opened(at(path)) as spool:
        assert await spool.attach(["one"]) == {"one": 3}
        assert await kept(spool) == []
        waiting = await spool.read(0, 9)
        assert [one.message_id for one in waiting] == ["m4", "m5", "m6"]
        assert await spool.append([event("m7"), event("m4")], NOW) == [True, False]
        await deliver(spool, 7)
        assert [one.message_id for one in await kept(spool)] == ["m4", "m5", "m6", "m7"]
