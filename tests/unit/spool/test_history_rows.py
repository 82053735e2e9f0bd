"""The tables of history by themselves: what is written, found, cut off at borders and erased."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from forwarder.sessions.facts import LONGEST_ID, PAGE, SessionFacts, SessionRules, device_key, user_key
from forwarder.spool import Settlement
from forwarder.spool.event_keys import EventKeys, hashes, is_indexed, keys_in, keys_of
from forwarder.spool.history import Ended, SentBatch, TurnedAway
from forwarder.spool.sqlite import history_erasure, history_rows, stored_events
from forwarder.spool.sqlite.history_rows import WIDEST, Row
from forwarder.spool.sqlite.schema import open_database
from tests.support.spools import NOW


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "spool.db", durable=False)) as database:
        yield database


def row(seq: int, user: str = "") -> Row:
    body = orjson.dumps({"userId": user or f"u{seq}"})
    return seq, NOW + seq, "demo", f"m{seq}", body, seq


def insert(database: sqlite3.Connection, *rows: Sequence[int]) -> list[int]:
    """Write rows of such events; return their bytes."""
    total, sizes = 1000, []
    for seqs in rows:
        sizes.append(history_rows.insert(database, [(row(seq), None, None) for seq in seqs], total))
        total += sizes[-1]
    return sizes


def sent(*spans: tuple[int, int], answer: bytes = b"m1 is wrong") -> SentBatch:
    return SentBatch("/2/httpapi", NOW, NOW + 5, 400, "", answer, 9, list(spans))


def settled(database: sqlite3.Connection) -> list[tuple[int, int, list[Ended], list[SentBatch]]]:
    found = database.execute("SELECT first, last, body FROM settled ORDER BY first").fetchall()
    return [(first, last, *history_rows.unpack_settled(body)) for first, last, body in found]


# -- rows


def test_a_row_has_its_edges_and_all_bytes_so_far(database: sqlite3.Connection) -> None:
    one, two = insert(database, [3, 4, 5], [6])
    columns = "first, events, began, at, total"
    found = database.execute(f"SELECT {columns} FROM history ORDER BY first").fetchall()
    assert found == [(3, 3, NOW + 3, NOW + 5, 1000 + one), (6, 1, NOW + 6, NOW + 6, 1000 + one + two)]
    assert history_rows.last_seq(database) == (6, 1000 + one + two)
    history_rows.remove_upto(database, 3, 5)
    assert database.execute("SELECT first FROM history_hash").fetchall() == [(6,)]
    history_rows.remove_upto(database, 6, 6)
    assert history_rows.last_seq(database) == (0, 0)
    assert database.execute("SELECT count(*) FROM history_hash").fetchone() == (0,)


def test_what_became_of_events_goes_with_the_last_of_their_rows(database: sqlite3.Connection) -> None:
    insert(database, [3, 4, 5], [6, 7])
    for seq in (1, 3, 5, 6, 7, 9):
        history_rows.settle(database, "one", Settlement(seq, ends=[Ended("delivered", "", seq, seq)]), NOW)
    history_rows.remove_upto(database, 3, 5)
    assert [one[0] for one in settled(database)] == [6, 7, 9]
    history_rows.remove_upto(database, 6, 7)
    assert [one[0] for one in settled(database)] == [9], "it is in no row yet"


# -- what became of events


def test_nothing_said_is_nothing_written(database: sqlite3.Connection) -> None:
    history_rows.settle(database, "one", Settlement(5), NOW)
    assert settled(database) == []


def test_what_is_far_apart_is_cut_at_fixed_borders(database: sqlite3.Connection) -> None:
    """Each event is in one row alone, whichever side of a border it is on."""
    border = 2 * WIDEST
    ends = [
        Ended("delivered", "", 7, 9),
        Ended("filtered", "x", border - 1, border - 1),
        Ended("dead", "y", border, border),
        Ended("delivered", "", border + 1, border + WIDEST),
    ]
    batch = sent((8, 8), (border - 2, border + 1), (border + WIDEST, border + WIDEST))
    history_rows.settle(database, "one", Settlement(1, ends=ends, sent=[batch, sent((9, 9))]), NOW)
    assert settled(database) == [
        (7, 9, [ends[0]], [sent((8, 8)), sent((9, 9))]),
        (border - 2, border - 1, [ends[1]], [sent((border - 2, border - 1))]),
        (
            border,
            border + WIDEST - 1,
            [ends[2], Ended("delivered", "", border + 1, border + WIDEST - 1)],
            [sent((border, border + 1))],
        ),
        (
            border + WIDEST,
            border + WIDEST,
            [Ended("delivered", "", border + WIDEST, border + WIDEST)],
            [sent((border + WIDEST, border + WIDEST))],
        ),
    ]


@pytest.mark.parametrize(("first", "rows"), [(5, 1), (4, 2)])
def test_a_row_is_as_wide_as_it_may_be(database: sqlite3.Connection, first: int, rows: int) -> None:
    last = WIDEST + 4
    ends = [Ended("delivered", "", first, first), Ended("filtered", "", last, last)]
    history_rows.settle(database, "one", Settlement(1, ends=ends), NOW)
    assert len(settled(database)) == rows


def test_bytes_of_a_settlement_are_known_about() -> None:
    def size(*batches: SentBatch, ends: int = 0) -> int:
        return history_rows.size_of(Settlement(1, ends=[Ended("dead", "", 1, 1)] * ends, sent=batches))

    assert size(ends=3) - size(ends=1) == 2 * (size(sent((1, 2), (4, 4))) - size(sent((1, 4))))
    assert size(sent((1, 1), answer=b"x" * 500)) - size(sent((1, 1), answer=b"")) == 500
    for batches in ([], [sent((1, 1))], [sent((1, 1), (3, 9), answer=b"x" * 900)] * 20):
        body = history_rows.pack_settled([Ended("delivered", "", 1, 1)] * 30, batches)
        assert len(body) / 2 < size(*batches, ends=30) < 2 * len(body) + 200


def test_the_oldest_that_ended_at_ingest_go(database: sqlite3.Connection) -> None:
    def away(seq: int) -> TurnedAway:
        return TurnedAway(NOW + seq, "demo", f"x{seq}", "rejected", "why", b"{")

    def found() -> list[list[TurnedAway]]:
        rows = database.execute("SELECT body FROM turned_away ORDER BY number").fetchall()
        return [history_rows.unpack_turned_away(body) for (body,) in rows]

    history_rows.turn_away(database, [away(1), away(2)], 10**6)
    history_rows.turn_away(database, [away(3)], 10**6)
    assert found() == [[away(1), away(2)], [away(3)]]
    edges = database.execute("SELECT at, events, total FROM turned_away ORDER BY number").fetchall()
    sizes = [length for (length,) in database.execute("SELECT length(body) FROM turned_away ORDER BY number")]
    assert edges == [(NOW + 1, 2, sizes[0]), (NOW + 3, 1, sum(sizes))]
    history_rows.turn_away(database, [away(4)], sizes[1])
    assert found() == [[away(4)]], "others are beyond the bytes as a whole"
    history_rows.turn_away(database, [away(5)], sizes[1] + 1)
    assert found() == [[away(4)], [away(5)]]


# -- erasing


def test_erased_events_leave_their_places(database: sqlite3.Connection) -> None:
    insert(database, [1, 2, 3], [4], [7, 8, 9])
    values = [(seq, NOW, "demo", f"m{seq}", 1, b"secret") for seq in (10, 11)]
    database.executemany("INSERT INTO event VALUES (?,?,?,?,?,?)", values)
    history_rows.settle(database, "one", Settlement(1, sent=[sent((1, 2), (9, 9)), sent((3, 4))]), NOW)
    history_rows.settle(database, "two", Settlement(1, sent=[sent((8, 8)), sent((10, 12))]), NOW)
    before = database.execute("SELECT body FROM history WHERE first = 4").fetchone()
    history_erasure.erase(database, [9, 2, 0, 7, 6, 9, 11])
    left = {one[0]: one for one in stored_events.some(database, 0, 7)}
    assert {seq: one[3:5] for seq, one in left.items()} == {
        seq: ("", b"") if seq in (2, 7, 9) else (f"m{seq}", row(seq)[4]) for seq in (1, 2, 3, 4, 7, 8, 9)
    }
    assert all(one[1:3] == (NOW + seq, "demo") for seq, one in left.items())
    assert database.execute("SELECT body FROM history WHERE first = 4").fetchone() == before
    index = [one for (one,) in database.execute("SELECT hashes FROM history_hash ORDER BY first")]
    texts = [{f"{kind}{seq}" for seq in seqs for kind in ("m", "uu")} for seqs in ((1, 3), (4,), (8,))]
    assert [_split(one) for one in index] == [_split(hashes(some)) for some in texts]
    latest = database.execute("SELECT seq, message_id, body FROM event ORDER BY seq").fetchall()
    assert latest == [(10, "m10", b"secret"), (11, "", b"")]
    blank = [sent((1, 2), (9, 9), answer=b""), sent((3, 4)), sent((8, 8)), sent((10, 12), answer=b"")]
    assert [one for _, _, _, batches in settled(database) for one in batches] == blank


def test_nothing_to_erase_is_nothing_done(database: sqlite3.Connection) -> None:
    insert(database, [1, 2])
    changes = database.total_changes
    history_erasure.erase(database, [])
    assert database.total_changes == changes


def test_answers_at_the_edges_of_what_is_erased_go(database: sqlite3.Connection) -> None:
    for seq in range(2, 8):
        history_rows.settle(database, "one", Settlement(1, sent=[sent((seq, seq))]), NOW)
    history_erasure.erase(database, [3, 6])
    assert [one[3][0].answer for one in settled(database)] == [
        b"" if seq in (3, 6) else b"m1 is wrong" for seq in range(2, 8)
    ]


# -- what events are found by


def _split(packed: bytes) -> set[bytes]:
    return {packed[start : start + 4] for start in range(0, len(packed), 4)}


@pytest.mark.parametrize("scopes", [("a", "shop"), ("a", "a"), ("", "")])
def test_sources_of_several_scopes_in_one_row(scopes: tuple[str, str]) -> None:
    entries = []
    for seq, scope in enumerate(scopes, 1):
        rules = SessionRules(scope=scope)
        facts = SessionFacts(
            rules, PAGE, device_key(scope, f"dev{seq}"), user_key(scope, f"a\0da{seq}"), NOW, 10**12 + seq
        )
        entries.append((row(seq), facts, 5 if seq == 2 else None))
    texts = {"m1", "m2", "ddev1", "ddev2", "ua\0da1", "ua\0da2", "1000000000001", "1000000000002", "5"}
    assert _split(history_rows.index_of(entries)) == _split(hashes(texts))


@pytest.mark.parametrize(
    ("value", "session"),
    [
        (123456789012345, "123456789012345"),
        (1234567890123456, ""),
        ("123456789012345", "123456789012345"),
        ("1234567890123456", ""),
        (12.5, ""),
        (True, ""),
        (-1, ""),
        ("-1", ""),
        ("٣", ""),
        ("²", ""),
        ("", ""),
        (None, ""),
        ([], ""),
    ],
)
def test_a_session_id_is_digits_alone(value: object, session: str) -> None:
    event = {"integrations": {"Actions Amplitude": {"session_id": value}}}
    assert keys_of(orjson.dumps(event)) == keys_in(event) == EventKeys(session=session)


def test_the_first_name_that_has_a_session_counts() -> None:
    def keys(one: object, other: object) -> EventKeys:
        return keys_in({"integrations": {"Actions Amplitude": one, "Amplitude (Actions)": other}})

    assert keys({"session_id": 1}, {"session_id": 2}) == EventKeys(session="1")
    for nothing in ({}, True, {"session_id": "x"}, None):
        assert keys(nothing, {"session_id": 2}) == EventKeys(session="2")
    assert keys_in({"integrations": [1]}) == keys_in({}) == EventKeys()


def test_ids_that_are_read_tolerantly_are_the_same() -> None:
    event = b'{"userId":"a","anonymousId":"b","integrations":{"Actions Amplitude":{"session_id":7}},"n":%b}'
    for number in (b"1", b"NaN", b"1e999"):
        assert keys_of(event % number) == EventKeys("a", "b", "7")
    assert keys_of(b"[" * 100_000) == keys_of(b"[NaN]") == EventKeys()


def test_what_is_hashed() -> None:
    assert EventKeys("a", "b", "7").texts() == ("ua", "db", "7")
    assert hashes(EventKeys().texts()) == b""
    assert len(hashes(["a", "b", "a"])) == 8
    assert _split(hashes(["\ud800", "a"])) > _split(hashes(["a"]))
    assert len(_split(hashes(["\ud800", "\ud801"]))) == 2
    assert [is_indexed("x" * length) for length in (LONGEST_ID, LONGEST_ID + 1)] == [True, False]
