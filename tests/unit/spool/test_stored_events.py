"""Accepted events wherever they lie: rows of history, and the table of the latest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from forwarder.spool.sqlite import cursors, history_rows, stored_events
from forwarder.spool.sqlite.history_rows import Row
from forwarder.spool.sqlite.operations import insert
from forwarder.spool.sqlite.schema import open_database
from tests.support.spools import NOW


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "spool.db", durable=False)) as database:
        yield database


def row(seq: int) -> Row:
    """Return an event of as many bytes as its seq."""
    return seq, NOW + seq, "demo", f"m{seq}", b"x" * seq, seq * (seq + 1) // 2


def fill(database: sqlite3.Connection, *rows: range, table: range = range(0)) -> None:
    for seqs in rows:
        history_rows.insert(database, [(row(seq), None, None) for seq in seqs], 0)
    insert(database, [row(seq) for seq in table])


ROWS, TABLE = (range(3, 6), range(6, 7), range(9, 12)), range(12, 15)
SEQS = [*chain(*ROWS, TABLE)]


@pytest.mark.parametrize("after", range(16))
def test_events_are_read_in_order_across_rows_gaps_and_the_table(
    database: sqlite3.Connection, after: int
) -> None:
    fill(database, *ROWS, table=TABLE)
    expected = [row(seq) for seq in SEQS if seq > after]
    assert list(stored_events.events(database, after)) == expected
    for limit in (1, 2, 4, 99):
        assert stored_events.some(database, after, limit) == expected[:limit]
    assert not database.in_transaction


def test_an_event_in_both_is_read_once(database: sqlite3.Connection) -> None:
    fill(database, range(1, 6), table=range(4, 8))
    for after in range(8):
        assert [one[0] for one in stored_events.events(database, after)] == [*range(after + 1, 8)]


def test_a_read_that_fails_leaves_no_transaction(database: sqlite3.Connection) -> None:
    fill(database, range(1, 3))
    database.execute("UPDATE history SET body = x'00'")
    with pytest.raises(Exception, match="frame header"):
        stored_events.some(database, 0, 9)
    assert not database.in_transaction


def test_numbers_that_are_in_rows_alone_do_not_come_again(database: sqlite3.Connection) -> None:
    assert stored_events.last_seq(database) == 0
    for noted, last in ((5, 5), (4, 5), (5, 5), (6, 6)):
        stored_events.note_last(database, noted)
        assert stored_events.last_seq(database) == last
    insert(database, [row(7)])
    assert stored_events.last_seq(database) == 7


def test_what_waits_begins_behind_the_lowest_cursor(database: sqlite3.Connection) -> None:
    assert (stored_events.lowest_cursor(database), stored_events.first_waiting(database)) == (-1, 1)
    fill(database, *ROWS, table=TABLE)
    assert stored_events.first_waiting(database) == 12, "without a destination, none of a row waits"
    database.execute("DELETE FROM event")
    assert stored_events.first_waiting(database) == 15
    cursors.attach(database, ["one", "two"], 4)
    cursors.advance(database, "one", 9, {})
    assert (stored_events.lowest_cursor(database), stored_events.first_waiting(database)) == (4, 5)
    cursors.attach(database, [], 4)
    assert (stored_events.lowest_cursor(database), stored_events.first_waiting(database)) == (4, 5)
    cursors.attach(database, ["three"], 9)
    assert stored_events.lowest_cursor(database) == 9


@pytest.mark.parametrize(
    ("seq", "before"),
    [
        (2, None),
        (3, 3),
        (5, 3),
        (6, 15),
        (7, None),
        (8, None),
        (9, 36),
        (11, 36),
        (12, 66),
        (14, 91),
        (15, None),
    ],
)
def test_bytes_before_an_event_or_its_row(database: sqlite3.Connection, seq: int, before: int | None) -> None:
    fill(database, *ROWS, table=TABLE)
    assert stored_events.bytes_before(database, seq) == before


def test_all_bytes_end_with_the_last_event(database: sqlite3.Connection) -> None:
    assert stored_events.total_bytes(database) == 0
    fill(database, *ROWS)
    assert stored_events.total_bytes(database) == row(11)[5]
    insert(database, [row(12), row(13)])
    assert stored_events.total_bytes(database) == row(13)[5]
