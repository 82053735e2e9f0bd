"""The writer of history by itself, with small rows: what is in a row when, and what is kept in memory."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from forwarder.spool import Settlement
from forwarder.spool.history import Ended, TurnedAway
from forwarder.spool.sqlite import history, history_erasure, history_rows
from forwarder.spool.sqlite.history import HistoryWriter
from forwarder.spool.sqlite.history_rows import Row
from forwarder.spool.sqlite.schema import open_database

FULL, EVENTS, BYTES, RANGE = 5, 8, 1_000, 2
NOW = 1_790_000_000_000


class Machine:
    """A spool's file, as far as history is concerned."""

    def __init__(self, path: Path) -> None:
        self.path, self.last, self.total = path, 0, 0
        self.database = open_database(path, durable=False)
        self.writer = HistoryWriter(self.database)

    def restart(self) -> None:
        """As after a crash: what was in memory alone is gone."""
        self.writer = HistoryWriter(self.database)

    @contextmanager
    def transaction(self, *, fails: bool = False) -> Iterator[HistoryWriter]:
        self.writer.begin()
        self.database.execute("BEGIN IMMEDIATE")
        last, total = self.last, self.total
        yield self.writer
        self.writer.finish()
        self.database.execute("ROLLBACK" if fails else "COMMIT")
        if fails:
            self.last, self.total = last, total
        else:
            self.writer.committed()

    def add(self, *sizes: int, fails: bool = False) -> None:
        """Accept events of so many bytes."""
        with self.transaction(fails=fails):
            rows = [self._row(size) for size in sizes]
            values = [(seq, at, source, name, total, body) for seq, at, source, name, body, total in rows]
            self.database.executemany("INSERT INTO event VALUES (?,?,?,?,?,?)", values)
            self.writer.add([(row, None, None) for row in rows])

    def _row(self, size: int) -> Row:
        self.last, self.total = self.last + 1, self.total + size
        return (
            self.last,
            NOW + self.last,
            "demo",
            f"m{self.last}",
            bytes([self.last % 256]) * size,
            self.total,
        )

    def complete(self, upto: int, *, fails: bool = False) -> None:
        """Let events go, as a cursor does that passes them."""
        with self.transaction(fails=fails) as writer:
            writer.complete(upto)
            self.database.execute("DELETE FROM event WHERE seq <= ?", (upto,))

    def rows(self) -> list[list[int]]:
        """Return the seqs of each row; each event is what it was."""
        found = []
        for first, events, began, at, body in self.database.execute(
            "SELECT first, events, began, at, body FROM history ORDER BY first"
        ).fetchall():
            row = history_rows.unpack(first, body)
            assert (events, began, at) == (len(row), row[0].received_at, row[-1].received_at)
            assert all(set(one.body) <= {one.seq % 256} for one in row)
            found.append([one.seq for one in row])
        return found

    def spans(self) -> list[tuple[int, int]]:
        """Return the first and the last seq of each row."""
        return [(row[0], row[-1]) for row in self.rows()]

    def stored(self) -> int:
        """Return the bytes of all rows."""
        return int(
            self.database.execute(
                "SELECT coalesce(sum(length(h.body) + length(x.hashes)), 0)"
                " FROM history h JOIN history_hash x USING (first)"
            ).fetchone()[0]
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    for name, value in (("_FULL", FULL), ("ROW_EVENTS", EVENTS), ("ROW_BYTES", BYTES), ("_RANGE", RANGE)):
        monkeypatch.setattr(history, name, value)
    machine = Machine(tmp_path / "spool.db")
    with closing(machine.database):
        yield machine


def test_events_wait_for_a_full_row_and_small_ones_are_written_again(machine: Machine) -> None:
    machine.add(1, 1, 1, 1)
    assert machine.rows() == []
    machine.add(1)
    assert machine.spans() == [(1, 5)]
    machine.add(*[1] * 9)
    assert machine.spans() == [(1, 5), (6, 13)], "the ninth waits for others"
    machine.complete(14)
    assert machine.spans() == [(1, 5), (6, 13), (14, 14)], "it is about to leave the table of events"
    machine.add(1, 1, 1)
    machine.complete(16)
    assert machine.spans() == [(1, 5), (6, 13), (14, 17)], "a small row is written again, with the next"
    machine.add(1)
    machine.complete(17)
    assert machine.spans()[2:] == [(14, 17)], "what nobody has passed waits"
    machine.complete(18)
    machine.add(1)
    machine.complete(19)
    assert machine.spans() == [(1, 5), (6, 13), (14, 18), (19, 19)], "a full one is not"
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
    assert machine.rows() == [[1, 2, 3, 4, 5], [7, 8, 9, 10, 11]], "what still waits is kept all the same"


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


# -- bounds


def filled(machine: Machine, rows: int) -> list[int]:
    """Write so many full rows; return the bytes of each."""
    before, sizes = machine.stored(), []
    for _ in range(rows):
        machine.add(*[1] * FULL)
        sizes.append(machine.stored() - before)
        before += sizes[-1]
    return sizes


def test_the_oldest_rows_go_as_far_as_they_have_to(machine: Machine) -> None:
    sizes = filled(machine, 4)
    machine.writer.max_bytes = sum(sizes[1:])
    with machine.transaction() as writer:
        assert not writer.expire(NOW, believed=False)
    assert machine.spans() == [(6, 10), (11, 15), (16, 20)]
    with machine.transaction() as writer:
        assert not writer.expire(NOW, believed=False), "as many as there may be"
    assert len(machine.rows()) == 3
    machine.writer.max_bytes -= 1
    machine.add(*[1] * FULL)
    assert machine.writer.bytes == machine.stored() <= machine.writer.max_bytes
    gone = 5 - len(machine.rows())
    assert machine.stored() + sizes[gone - 1] > machine.writer.max_bytes, "and no further"
    machine.writer.max_bytes = 10**9
    sizes = filled(machine, 5)
    machine.writer.max_bytes = sizes[-1]
    steps = 0
    more = True
    while more:
        with machine.transaction() as writer:
            more = writer.expire(NOW, believed=False)
        steps += 1
        assert more == (machine.stored() > sizes[-1])
    assert machine.spans() == [(46, 50)]
    assert steps > 2, "a range in each transaction"


def test_rows_that_may_stay_do(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_RANGE", 50)
    sizes = filled(machine, 5)
    twin = Machine(tmp_path / "twin.db")
    twin.writer.max_bytes = sum(sizes)
    filled(twin, 5)
    assert twin.spans() == machine.spans(), "exactly as many bytes as there may be"
    twin.database.close()
    for left in (3, 1):
        machine.writer.max_bytes = sum(sizes[-left:])
        with machine.transaction() as writer:
            assert not writer.expire(NOW, believed=False)
        assert len(machine.rows()) == left


def test_rows_of_before_the_limit_go_by_ranges(machine: Machine) -> None:
    filled(machine, 5)
    machine.writer.max_age_ms = 100
    moment = NOW + 16  # when the fourth row's last event but four came: its row goes by its last
    with machine.transaction() as writer:
        assert not writer.expire(moment + 1000, believed=False)
    assert len(machine.rows()) == 5
    with machine.transaction() as writer:
        assert writer.expire(NOW + 15 + 100 + 1, believed=True), "there may be more"
    assert machine.spans() == [(11, 15), (16, 20), (21, 25)]
    with machine.transaction() as writer:
        assert not writer.expire(NOW + 15 + 100, believed=True), "as old as it may be"
    assert len(machine.rows()) == 3
    with machine.transaction() as writer:
        assert not writer.expire(NOW + 15 + 100 + 1, believed=True)
    assert machine.spans() == [(16, 20), (21, 25)]
    assert machine.writer.bytes == machine.stored()


def test_a_small_row_that_has_gone_is_not_written_again(machine: Machine) -> None:
    filled(machine, 1)
    machine.add(1)
    machine.complete(6)
    assert machine.spans() == [(1, 5), (6, 6)]
    with machine.transaction() as writer:
        writer.give_way()
    assert machine.rows() == []
    assert machine.writer.bytes == 0
    machine.add(1)
    machine.complete(7)
    assert machine.rows() == [[7]]
    assert machine.writer.bytes == machine.stored()
    filled(machine, 2)
    machine.add(1)
    machine.complete(machine.last)
    small = machine.spans()[-1]
    with machine.transaction() as writer:
        writer.give_way()
    assert machine.spans()[-1] == small, "only a range goes"
    machine.add(1)
    machine.complete(machine.last)
    assert machine.spans() == [(small[0], machine.last)], "so it is written again"


def test_where_there_is_nothing_nothing_goes(machine: Machine) -> None:
    with machine.transaction() as writer:
        writer.give_way()
        assert not writer.expire(NOW, believed=True)
    assert (machine.writer.bytes, machine.rows()) == (0, [])


def test_what_became_of_events_counts_and_goes_with_them(machine: Machine) -> None:
    filled(machine, 3)
    stored = machine.stored()
    for first, last in ((1, 5), (4, 6), (11, 15)):
        settlement = Settlement(last, ends=[Ended("delivered", "", first, last)])
        history_rows.settle(machine.database, "one", settlement, NOW)
    with machine.transaction() as writer:
        writer.note_settled(70)
    assert machine.writer.bytes == stored + 70
    machine.writer.max_age_ms = 10
    with machine.transaction() as writer:
        writer.expire(NOW + 5 + 10 + 1, believed=True)
    found = machine.database.execute("SELECT first, last FROM settled ORDER BY first").fetchall()
    assert found == [(4, 6), (11, 15)], "one of its events is still there"
    machine.writer.max_age_ms = 0
    with machine.transaction() as writer:
        writer.turn_away([TurnedAway(NOW, "demo", "x", "rejected", "why")])
        writer.duplicate("demo", "m1", NOW)
        assert not writer.has_turned_away
        writer.expire(NOW, believed=False)
    for table in ("history", "history_hash", "settled", "turned_away"):
        assert machine.database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_what_was_turned_away_ages_as_well(machine: Machine) -> None:
    machine.writer.max_age_ms = 10
    machine.writer.turn_away([TurnedAway(NOW, "demo", "x", "rejected", "why")])
    waits = [machine.writer.has_turned_away]
    with machine.transaction() as writer:
        writer.duplicate("demo", "m1", NOW)
    assert [*waits, machine.writer.has_turned_away] == [True, False]
    for now, believed, left in ((NOW + 10, True, 1), (NOW + 11, False, 1), (NOW + 11, True, 0)):
        with machine.transaction() as writer:
            writer.expire(now, believed=believed)
        assert machine.database.execute("SELECT count(*) FROM turned_away").fetchone() == (left,)
