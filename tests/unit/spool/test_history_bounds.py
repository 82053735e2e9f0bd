"""The writer of history by itself: which rows go when it has reached its bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from forwarder.spool import Settlement
from forwarder.spool.history import Ended, TurnedAway
from forwarder.spool.sqlite import history_bounds, history_rows
from tests.support.history_machine import FULL, NOW, Machine


def filled(machine: Machine, rows: int) -> list[int]:
    """Write so many full rows; return the bytes of each."""
    before, sizes = machine.stored(), []
    for _ in range(rows):
        machine.add(*[1] * FULL)
        machine.settle(machine.last)
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
    monkeypatch.setattr(history_bounds, "RANGE", 50)
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
        assert writer.expire(NOW + 15 + 100 + 1, believed=True)
    assert machine.spans() == [(16, 20), (21, 25)]
    with machine.transaction() as writer:
        assert not writer.expire(NOW + 15 + 100 + 1, believed=True)
    assert machine.writer.bytes == machine.stored()


def test_events_that_wait_never_go(machine: Machine) -> None:
    """Neither for bytes nor for age, nor for room on the disk, nor where history is off."""
    filled(machine, 2)
    machine.add(*[1] * (3 * FULL))
    waiting = [(11, 18), (19, 25)]
    assert machine.spans() == [(1, 5), (6, 10), *waiting]
    machine.writer.max_bytes, machine.writer.max_age_ms = 1, 1
    machine.add(*[1] * FULL)
    assert machine.spans() == [*waiting, (26, 30)]
    machine.settle(17)
    for max_bytes in (1, 0):
        machine.writer.max_bytes = max_bytes
        with machine.transaction() as writer:
            writer.give_way()
            assert not writer.expire(NOW + 10**6, believed=True)
        assert machine.spans() == [*waiting, (26, 30)], "a row goes with the last of its events"
    machine.settle(18)
    with machine.transaction() as writer:
        writer.give_way()
    assert machine.spans() == [(19, 25), (26, 30)]
    assert machine.writer.bytes == machine.stored()


def test_the_latest_go_out_of_their_table_by_age(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_bounds, "_EVENTS", 2)
    filled(machine, 1)
    machine.add(1, 1, 1, 1)
    machine.settle(8)  # more than go in one transaction
    for seq in (5, 6, 8):
        settlement = Settlement(seq, ends=[Ended("delivered", "", seq, seq)])
        history_rows.settle(machine.database, "one", settlement, NOW)

    def left_after(now: int) -> tuple[list[tuple[int, int]], list[int], list[int]]:
        more = True
        while more:
            with machine.transaction() as writer:
                more = writer.expire(now, believed=True)
        settled = machine.database.execute("SELECT last FROM settled ORDER BY last").fetchall()
        return machine.spans(), machine.table(), [last for (last,) in settled]

    machine.writer.max_age_ms = 100
    assert left_after(NOW + 105) == ([(1, 5)], [6, 7, 8, 9], [5, 6, 8])
    assert left_after(NOW + 106) == ([], [6, 7, 8, 9], [6, 8])
    assert left_after(NOW + 106) == ([], [6, 7, 8, 9], [6, 8]), "as old as they may be"
    assert left_after(NOW + 10**6) == ([], [9], []), "what waits stays"
    machine.add(*[1] * 4)
    assert machine.spans() == [(9, 13)]


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
