"""What became of events: kept in history beside them, and found by few rows."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.history import finding
from forwarder.spool import Settlement
from forwarder.spool.history import Ended, SentBatch, TurnedAway, spans_of
from forwarder.spool.sqlite import history_rows, turning_away
from forwarder.spool.sqlite.schema import MIGRATIONS, open_database
from tests.support.histories import ask, deliver, kept
from tests.support.spools import NOW, at, event, opened

FORMAT_5 = Path(__file__).parent / "data/spool_format_5.db.gz"
"""What the version before history left: six events, of which three wait."""
FORMAT_7 = FORMAT_5.with_name("spool_format_7.db.gz")
"""What was left when waiting events lay in their table as well: 680, of which the last 560 wait, and rows of
the first 300 and of 360 more."""


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
        waiting = await spool.read(0, 9)
        assert [one.message_id for one in waiting] == ["m4", "m5", "m6"]
        assert await spool.append([event("m7"), event("m4")], NOW) == [True, False]
        await deliver(spool, 7)
        assert [one.message_id for one in await kept(spool)] == ["m4", "m5", "m6", "m7"]


async def test_a_file_with_events_in_both_tables_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(gzip.decompress(FORMAT_7.read_bytes()))
    with closing(open_database(path)) as database:
        rows = database.execute("SELECT first, events, bodies FROM history").fetchall()
        assert rows == [(1, 300, 0)], "what waits lies in the table"
        assert database.execute("SELECT min(seq), max(seq) FROM event").fetchone() == (121, 680)
    async with opened(at(path), max_events=10**4) as spool:
        spool.bound_history(1, 1)
        await spool.expire(NOW)
        spool.bound_history(10**9, 10**9)
        assert await spool.attach(["one"]) == {"one": 120}
        assert [one.message_id for one in await kept(spool)] == [f"m{seq}" for seq in range(1, 681)]
        assert [one.seq for one in await spool.read(0, 999)] == list(range(121, 681))
        before = await spool.counts()
        assert before.bytes == sum(len(one.body) for one in await spool.read(0, 999))
        await spool.append([event("m681"), event("m4")], NOW)
        assert len(await ask(spool, "SELECT first FROM history")) > 1
        for upto in (299, 300, 301, 681):
            await deliver(spool, upto)
            waiting = await spool.read(0, 999)
            assert [one.seq for one in waiting] == list(range(upto + 1, 682))
            counts = await spool.counts()
            assert (counts.events, counts.bytes) == (len(waiting), sum(len(one.body) for one in waiting))
    async with opened(at(path), max_events=10**4) as spool:
        assert [one.message_id for one in await kept(spool)] == [f"m{seq}" for seq in range(1, 682)]
