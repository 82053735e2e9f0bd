"""The rows of sessions in a spool: how many states they hold, and of which row none counts any more."""

from __future__ import annotations

import pickle

import pytest

from forwarder.sessions import rows as module
from forwarder.sessions.device import Device, Session
from forwarder.sessions.rows import RowLog, SessionRow
from tests.support.sessions import START


def states(log: RowLog) -> int:
    """Return how many states the rows hold: the most that may be spare while they are crowded, plus one."""
    with pytest.MonkeyPatch.context() as patch:

        def is_crowded(spare: int) -> bool:
            patch.setattr(module, "SPARE_STATES", spare)
            return log.is_crowded(0)

        return next(spare for spare in range(-1, 100) if not is_crowded(spare))


def made(*keys: str, row: int) -> list[tuple[str, Device]]:
    """Return states of devices, written in a row."""
    return [(key, Device(Session(1, 1, 1, 0), (), "", "shop", START, row)) for key in keys]


def written(log: RowLog, *keys: str, replaced: tuple[int, ...] = ()) -> SessionRow:
    """Write a row and commit it; return it."""
    row = log.write(made(*keys, row=log.next), START)
    log.commit(replaced)
    return row


def dead(log: RowLog, *numbers: int) -> list[int]:
    """Return those of the rows of which nothing counts any more."""
    return [number for number in numbers if log.is_dead(number)]


def test_a_spool_without_rows_begins_with_the_first() -> None:
    log = RowLog()
    assert (log.next, states(log)) == (1, 0)
    assert written(log, "a", "b").number == 1
    assert (log.next, states(log), dead(log, 1)) == (2, 2, [])
    log = RowLog()
    log.undo()
    assert (log.next, states(log)) == (1, 0)


def test_what_the_spool_holds_is_counted_row_by_row() -> None:
    old = [(4, "abc"), (5, "cd"), (6, "e"), (7, "e")]
    log = RowLog()
    bodies = [RowLog().write(made(*keys, row=number), START).body for number, keys in old]
    devices = log.load(
        SessionRow(number, START, len(keys), body) for (number, keys), body in zip(old, bodies, strict=True)
    )
    assert {key: one.row for key, one in devices.items()} == {"a": 4, "b": 4, "c": 5, "d": 5, "e": 7}
    assert (log.next, states(log), dead(log, 4, 5, 6, 7)) == (8, 7, [6])
    log.undo()
    assert (log.next, states(log)) == (8, 7)
    written(log, "a", "d", replaced=(4, 5))
    assert dead(log, 4, 5, 6, 7, 8) == [6], "of each of the first two one state is left"
    written(log, "b", replaced=(4,))
    assert dead(log, 4, 5, 6, 7, 8, 9) == [4, 6]


def test_rows_that_go_take_their_states_along_once_that_is_committed() -> None:
    log = RowLog()
    first, second = written(log, "a", "b"), written(log, "a", replaced=(1,))
    written(log, "a", "b", "c", replaced=(1, 2))
    log.remove(first)
    assert states(log) == 4
    log.undo()
    assert (states(log), dead(log, 1, 2, 3)) == (6, [1, 2])
    log.remove(first)
    log.remove(second)
    written(log, "a", "d", replaced=(3,))
    assert (states(log), dead(log, 3, 4)) == (5, [])
    written(log, "b", "c", replaced=(3, 3))
    assert (states(log), dead(log, 3, 4, 5)) == (7, [3])
    written(log, "a", "d", "b", "c", replaced=(4, 4, 5, 5))
    assert dead(log, 3, 4, 5, 6) == [3, 4, 5], "a row that went is not let go of once more"


def test_a_row_without_some_devices_has_fewer_states() -> None:
    log = RowLog()
    row = written(log, "a", "b", "c")
    written(log, "d")
    assert log.without(row, {"d", "e"}) is None
    assert states(log) == 4
    left = log.without(row, {"b", "e"})
    assert left is not None
    assert (left.number, left.at, left.states, left.keys()) == (1, START, 2, ["a", "c"])
    assert left.devices() == made("a", "c", row=1)
    assert states(log) == 3


def test_rows_are_crowded_beyond_twice_what_counts_and_what_may_be_spare(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SPARE_STATES", 3)
    log = RowLog()
    written(log, *"abcdefg")
    assert [log.is_crowded(live) for live in (1, 2)] == [True, False]
    written(log, "h")
    assert [log.is_crowded(live) for live in (2, 3)] == [True, False]


def test_what_is_known_of_rows_that_went_takes_no_memory() -> None:
    log = RowLog()
    row = written(log, "a")
    small = len(pickle.dumps(log))
    for _ in range(100):
        log.remove(row)
        row = written(log, "a", replaced=(row.number,))
    assert len(pickle.dumps(log)) < small + 100
