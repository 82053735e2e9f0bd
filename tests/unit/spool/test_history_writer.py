"""The writer of history by itself, with small rows: what is in a row when, and what is kept in memory."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from forwarder.spool.sqlite import history_erasure, history_rows
from forwarder.spool.sqlite.history import HistoryWriter
from tests.support.history_machine import BYTES, EVENTS, Machine


def test_events_wait_for_a_full_row_and_small_ones_become_one(machine: Machine) -> None:
    machine.add(1, 1, 1, 1)
    assert machine.rows() == []
    machine.add(1)
    assert machine.spans() == [(1, 5)]
    machine.add(*[1] * 9)
    assert machine.spans() == [(1, 5), (6, 13)], "the ninth waits for others"
    machine.complete(14)
    assert machine.spans()[2:] == [(14, 14)], "it is about to leave the table of events"
    machine.add(1)
    machine.complete(14)
    assert machine.spans()[2:] == [(14, 14)], "what nobody has passed waits"
    for seq in (15, 16):
        machine.complete(seq)
        machine.add(1)
    assert machine.spans()[2:] == [(14, 14), (15, 15), (16, 16)]
    machine.complete(17)
    assert machine.spans()[2:] == [(14, 17)], "four of a size become one"
    machine.add(*[1] * 4)
    machine.complete(21)
    assert machine.spans()[2:] == [(14, 17), (18, 21)]
    machine.add(*[1] * 5)
    assert machine.spans()[2:] == [(14, 21), (22, 26)], "a full row takes in what lies before it"
    machine.add(1)
    machine.complete(27)
    assert machine.spans()[2:] == [(14, 21), (22, 26), (27, 27)], "a full one stays as it is"
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


def test_events_that_are_not_in_memory_are_read(machine: Machine) -> None:
    machine.add(1, 1)
    machine.restart()
    machine.add(1, 1, 1)
    assert machine.spans() == [(1, 5)], "two are read of the table, as after a start"
    machine.writer.max_bytes = 0
    machine.add(1)
    machine.complete(6)
    machine.writer.max_bytes = 10**9
    machine.add(1)
    machine.complete(7)
    assert machine.spans() == [(1, 5), (7, 7)], "while history is off nothing is kept"
    machine.add(1, 1)
    machine.writer.max_age_ms = 0
    machine.add(1)
    machine.writer.max_age_ms = 10**9
    machine.add(1)
    machine.complete(11)
    kept = [seq for row in machine.rows() for seq in row]
    assert kept == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11], "what still waits is kept all the same"


def test_many_that_wait_are_read_in_steps(machine: Machine) -> None:
    machine.writer.max_bytes = 0
    for _ in range(5):
        machine.add(*[1] * 10)
    machine.writer.max_bytes = 10**9
    machine.complete(45)
    assert [seq for row in machine.rows() for seq in row] == list(range(1, 49)), "the others wait"
    assert max(map(len, machine.rows())) == EVENTS


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_each_event_is_in_one_row(machine: Machine, seed: int) -> None:
    """Transactions that come to nothing and starts among them; the bytes are known all the time."""
    chance, upto = random.Random(seed), 0
    for _ in range(60):
        fails = chance.random() < 0.25
        if chance.random() < 0.5:
            machine.add(
                *chance.choices([1, 30, 400, 3 * BYTES], [8, 8, 2, 1], k=chance.randint(1, 9)), fails=fails
            )
        else:
            to = min(machine.last, upto + chance.randint(1, 8))
            machine.complete(to, fails=fails)
            upto = upto if fails else to
        if chance.random() < 0.1:
            machine.restart()
        seqs = [seq for row in machine.rows() for seq in row]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= upto
        if not fails:
            assert machine.writer.bytes == machine.stored() == HistoryWriter(machine.database).bytes
    assert machine.last > 60


def test_what_another_process_removes_stays_away(machine: Machine) -> None:
    """A row that it wrote anew is not overwritten with what is in memory."""
    machine.add(1, 1, 1)
    machine.complete(3)
    for number in range(4, 7):
        with closing(sqlite3.connect(machine.path, isolation_level=None)) as other:
            history_erasure.erase(other, [number - 1])
        machine.add(1)
        machine.complete(number)
        bodies = [
            one.body
            for first, body in machine.database.execute("SELECT first, body FROM history ORDER BY first")
            for one in history_rows.unpack(first, body)
        ]
        assert bodies == [b"\1", b"\2", *[b""] * (number - 3), bytes([number])]
        assert machine.writer.bytes == HistoryWriter(machine.database).bytes
