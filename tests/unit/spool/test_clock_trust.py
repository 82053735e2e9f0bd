"""A clock that is wrong for a while makes no dead letter old."""

import pytest

from forwarder.spool.sqlite.clock_trust import AWAY_MS, HOUR_MS, LEAP_MS, PROBATION_MS, ClockTrust

NOW = 1_790_000_000_000
YEAR = 365 * 24 * HOUR_MS


def test_a_clock_that_goes_evenly_is_believed() -> None:
    clock = ClockTrust(NOW)
    assert all(clock.believes(NOW + step * 60_000, step * 60_000) for step in range(3 * 1440))


@pytest.mark.parametrize("leap", [LEAP_MS + 1, YEAR, 12 * YEAR, -LEAP_MS - 1, -YEAR])
def test_one_that_leaps_has_to_prove_itself(leap: int) -> None:
    clock = ClockTrust(NOW)
    assert clock.believes(NOW, 0)
    assert not clock.believes(NOW + leap, 0)
    assert not clock.believes(NOW + leap + PROBATION_MS - 1, PROBATION_MS - 1)
    assert clock.believes(NOW + leap + PROBATION_MS, PROBATION_MS)


def test_one_that_comes_back_made_nothing_old() -> None:
    clock = ClockTrust(NOW)
    assert clock.believes(NOW, 0)
    told = [
        clock.believes(NOW + step * 60_000 + (YEAR if step < 60 else 0), step * 60_000)
        for step in range(1440)
    ]
    back = 60 + PROBATION_MS // 60_000
    assert told == [False] * back + [True] * (1440 - back)


@pytest.mark.parametrize(
    ("last", "believed"),
    [(NOW, True), (NOW - AWAY_MS, True), (NOW - AWAY_MS - 1, False), (NOW + YEAR, False), (None, False)],
)
def test_at_a_start_it_is_believed_where_it_was_a_day_ago(last: int | None, believed: bool) -> None:
    assert ClockTrust(last).believes(NOW, 5) is believed
    assert ClockTrust(last).believes(NOW, PROBATION_MS + 5) is believed, "uptime before proves nothing"
