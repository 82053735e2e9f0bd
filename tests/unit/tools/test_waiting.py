"""Waiting for much work: as long as it gets on."""

from __future__ import annotations

import pytest

from tests.support.waiting import used_up


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have each look take 3 s."""
    now = [0.0]
    monkeypatch.setattr("tests.support.waiting.time.monotonic", lambda: now[0])
    monkeypatch.setattr("tests.support.waiting.time.sleep", lambda _: now.__setitem__(0, now[0] + 3))
    return now


def test_much_work_takes_its_time_as_long_as_it_gets_on(clock: list[float]) -> None:
    left = iter([9, 9, 9, 8, 8, 8, 3, 0])
    assert used_up(lambda: next(left), 10)
    assert clock[0] == 21
    assert used_up(lambda: 0, 10)


@pytest.mark.parametrize("after", [[5], [6, 5]])
def test_work_that_gets_on_no_more_is_not_waited_for(clock: list[float], after: list[int]) -> None:
    left = iter([8, 5, *after * 99])
    assert not used_up(lambda: next(left), 10)
    assert clock[0] == 15
