"""The writer of history by itself, with small rows: what is in a row when, and what is kept in memory."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from itertools import chain

import pytest

from forwarder.spool.sqlite import cursors, history_erasure, stored_events
from forwarder.spool.sqlite.history import HistoryWriter
from tests.support.history_machine import BYTES, STEP, Machine


def test_events_come_into_a_row_together(machine: Machine) -> None:
    machine.add(1, 1, 1, 1)
    assert (machine.spans(), machine.table()) == ([], [1, 2, 3, 4])
    machine.add(1)
    assert (machine.spans(), machine.table()) == ([(1, 5)], [])
    machine.add(*[1] * 9)
    assert (machine.spans(), machine.table()) == ([(1, 5), (6, 13)], [14]), "the ninth waits for others"
    machine.settle(14)
    assert (machine.spans()[2:], machine.table()) == ([], [14]), "also when it has ended"
    machine.add(*[1] * 5)
    assert (machine.spans()[2:], machine.table()) == ([(14, 19)], [])
    assert machine.writer.bytes == machine.stored()


def test_a_row_has_its_bytes_or_one_event(machine: Machine) -> None:
    machine.add(BYTES // 2 - 1, BYTES // 2)
    assert machine.rows() == []
    machine.add(1)
    assert machine.spans() == [(1, 3)], "full by bytes"
    machine.add(*[BYTES // 2] * 4)
    assert machine.spans()[1:] == [(4, 7)], "twice the bytes are room enough"
    machine.add(*[BYTES // 2] * 3, BYTES // 2 + 1)
    assert machine.spans()[2:] == [(8, 9), (10, 11)], "a byte more is not"
    machine.add(9 * BYTES, 9 * BYTES)
    assert machine.spans()[4:] == [(12, 12), (13, 13)]


def test_a_row_says_how_many_bytes_were_accepted_before_it(machine: Machine) -> None:
    machine.add(*[7] * 4)
    machine.add(*[3] * 4)
    machine.add(*[2] * 5)
    assert machine.database.execute("SELECT first, bodies FROM history").fetchall() == [(1, 0), (9, 40)]


def test_events_that_are_not_in_memory_are_read(machine: Machine) -> None:
    machine.add(1, 1)
    machine.restart()
    machine.add(1, 1, 1)
    assert machine.spans() == [(1, 5)], "two are read of the table, as after a start"


def test_while_history_is_off_nothing_comes_into_rows(machine: Machine) -> None:
    machine.add(1, 1)
    machine.writer.max_bytes = 0
    machine.add(*[1] * 7)
    machine.settle(3)
    assert (machine.spans(), machine.table()) == ([], [4, 5, 6, 7, 8, 9])
    machine.writer.max_bytes = 10**9
    machine.add(1)
    assert (machine.spans(), machine.table()) == ([(4, 10)], []), "what still waits is kept all the same"
    machine.writer.max_age_ms = 0
    machine.add(*[1] * 5)
    machine.settle(12)
    machine.settle(15)
    assert (machine.spans(), machine.table()) == ([(4, 10)], [])
    machine.writer.max_age_ms = 10**9
    machine.add(*[1] * 5)
    assert machine.spans() == [(4, 10), (16, 20)]


def test_before_destinations_are_known_all_stay_in_the_table(machine: Machine) -> None:
    machine.database.execute("DELETE FROM cursor")
    machine.add(*[1] * 6)
    with machine.transaction() as writer:
        assert not writer.let_go(10**6)
        assert not writer.fill(), "nor is there any more to do"
    assert (machine.spans(), machine.table()) == ([], [1, 2, 3, 4, 5, 6])
    cursors.attach(machine.database, [], 0)
    machine.add(1)
    assert (machine.spans(), machine.table()) == ([(1, 7)], []), "there is none"


def test_many_that_wait_come_into_rows_in_steps(machine: Machine) -> None:
    machine.writer.max_bytes = 0
    machine.add(*[1] * 60)
    machine.writer.max_bytes = 10**9
    machine.add(1)
    assert (machine.spans(), machine.table()) == ([(1, 8), (9, 16)], [*range(17, 62)]), "as many as is quick"
    machine.settle(1)
    assert machine.spans()[2:] == [(17, 24), (25, 32)], "with each transaction"
    machine.add(1)
    machine.settle(2)
    assert (machine.spans()[4:], machine.table()) == (
        [(33, 40), (41, 48), (49, 56), (57, 62)],
        [],
    ), "those that came with it as well"
    machine.add(*[1] * 5)
    assert (machine.spans()[8:], machine.table()) == ([(63, 67)], [])


def test_a_row_ends_where_a_number_is_missing(machine: Machine) -> None:
    """As on a copy of a stream that somebody has purged."""
    machine.writer.max_bytes = 0
    machine.add(*[1] * 3)
    machine.last += 4
    machine.add(*[1] * 6)
    machine.writer.max_bytes = 10**9
    steps = 0
    with machine.transaction() as writer:
        while writer.fill():
            steps += 1
    assert (machine.spans(), machine.table(), steps) == ([(1, 3), (8, 13)], [], 2)
    machine.add(1)
    assert machine.table() == [14]


@pytest.mark.parametrize("most", [1, 2, 100])
def test_without_history_what_has_ended_goes_in_steps(machine: Machine, most: int) -> None:
    machine.writer.max_bytes = 0
    machine.add(*[1] * 6)
    cursors.advance(machine.database, "one", 4, {})
    left, more = [1, 2, 3, 4, 5, 6], True
    while more:
        with machine.transaction() as writer:
            more = writer.let_go(most)
        left = left[min(most, len(left) - 2) :]
        assert machine.table() == left
        assert more == (left[0] < 5)
    assert left == [5, 6]
    with machine.transaction() as writer:
        assert not writer.let_go(most)


@pytest.mark.parametrize(("most", "left"), [(STEP, [1, 2, 3, 4]), (STEP - 1, [4])])
def test_on_a_full_disk_what_has_ended_goes(machine: Machine, most: int, left: list[int]) -> None:
    machine.add(*[1] * 4)
    cursors.advance(machine.database, "one", 3, {})
    with machine.transaction() as writer:
        assert not writer.let_go(most)
    assert machine.table() == left
    machine.add(1)
    assert [*chain(*machine.rows()), *machine.table()] == [*left, 5], "and what is in memory is read anew"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_each_event_is_in_one_place(machine: Machine, seed: int) -> None:
    """Transactions that come to nothing, starts and history off among them; the bytes are always known."""
    chance, upto = random.Random(seed), 0
    for _ in range(80):
        fails = chance.random() < 0.25
        if chance.random() < 0.5:
            machine.add(
                *chance.choices([1, 30, 400, 3 * BYTES], [8, 8, 2, 1], k=chance.randint(1, 9)), fails=fails
            )
        else:
            to = min(machine.last, upto + chance.randint(1, 8))
            machine.settle(to, fails=fails)
            upto = upto if fails else to
        if chance.random() < 0.1:
            machine.restart()
        if seed % 2 and chance.random() < 0.2:
            machine.writer.max_age_ms = chance.choice([0, 10**9])
        seqs = [*(seq for row in machine.rows() for seq in row), *machine.table()]
        assert seqs == sorted(set(seqs)), "in order, and none twice"
        assert set(seqs) >= set(range(upto + 1, machine.last + 1)), "all that wait"
        assert seed % 2 or seqs == list(range(1, machine.last + 1))
        if not fails:
            assert machine.writer.bytes == machine.stored() == HistoryWriter(machine.database).bytes
    assert machine.last > 60


def test_what_another_process_removes_stays_away(machine: Machine) -> None:
    """What it has blotted out does not come back out of memory."""
    machine.add(1, 1, 1)
    for number in range(4, 8):
        with closing(sqlite3.connect(machine.path, isolation_level=None)) as other:
            history_erasure.erase(other, [number - 1])
        machine.add(1)
    found = stored_events.some(machine.database, 0, 99)
    assert [(row[3], row[4]) for row in found] == [
        ("m1", b"\1"),
        ("m2", b"\2"),
        *[("", b"")] * 4,
        ("m7", b"\7"),
    ]
    assert (machine.spans(), machine.table()) == ([(1, 5)], [6, 7])
    assert machine.writer.bytes == HistoryWriter(machine.database).bytes
