"""The search for dear inputs: it ends by inputs, by time and by an interrupt, and shows how far it is."""

from __future__ import annotations

import io
import signal
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.bench import searching
from tests.bench.searching import REWRITTEN_S, SHOWN_S, Dearest, Progress, search


class Watched(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that goes on by so much whenever an input is measured."""

    def __init__(self, step_s: float) -> None:
        self.now, self.step_s = 100.0, step_s

    def measure(self, made: int) -> tuple[float, int]:
        self.now += self.step_s
        return float(made), made


def searched(clock: Clock, to: io.StringIO, measure: Any = None, **bounds: Any) -> tuple[Dearest, int]:
    progress = Progress("numbers", bounds["tries"], to, lambda: clock.now)
    numbers = st.integers(0, 10**6)
    found = search(numbers, measure or clock.measure, progress, **{"alike": True, **bounds})
    return found, progress.done


@pytest.mark.parametrize(("tries", "seconds", "done"), [(40, 1000, 40), (1000, 25, 25)])
def test_a_search_ends_by_inputs_or_by_time(tries: int, seconds: float, done: int) -> None:
    found, looked_at = searched(Clock(1), io.StringIO(), tries=tries, seconds=seconds)
    assert looked_at == done
    assert found.cost == found.size == found.made > 0
    assert not found.stopped


@pytest.mark.parametrize(("inputs", "round_s"), [(4, 100.0), (100, 2.0)])
@pytest.mark.parametrize(("tries", "seconds", "done"), [(9, 100, 9), (100, 7, 7)])
def test_a_search_begins_anew_round_by_round(
    monkeypatch: pytest.MonkeyPatch, inputs: int, round_s: float, tries: int, seconds: float, done: int
) -> None:
    monkeypatch.setattr(searching, "ROUND", inputs)
    monkeypatch.setattr(searching, "ROUND_S", round_s)
    found, looked_at = searched(Clock(1), io.StringIO(), tries=tries, seconds=seconds, alike=False)
    assert looked_at == done
    assert not found.stopped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_a_search_stops_all_of_it(number: int) -> None:
    clock, before = Clock(1), signal.getsignal(number)

    def measure(made: int) -> tuple[float, int]:
        if clock.now == 103:
            signal.raise_signal(number)
        return clock.measure(made)

    found, looked_at = searched(clock, io.StringIO(), measure, tries=50, seconds=100, alike=False)
    assert (looked_at, found.stopped) == (3, True)
    assert signal.getsignal(number) == before


def test_a_fault_of_what_is_measured_is_one() -> None:
    def measure(made: int) -> tuple[float, int]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        searched(Clock(1), io.StringIO(), measure, tries=5, seconds=100)


def test_a_search_ends_also_while_no_input_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "ROUND_S", 0.05)
    clock, waited = Clock(1), list[int]()

    def measure(made: int) -> tuple[float, int]:
        if not waited:
            waited.append(made)
            signal.pause()
        return clock.measure(made)

    found, looked_at = searched(clock, io.StringIO(), measure, tries=5, seconds=100, alike=False)
    assert (looked_at, found.stopped) == (5, False)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_an_interrupted_search_has_found_counts(capsys: pytest.CaptureFixture[str]) -> None:
    costs = iter((3.0, 7.0, 5.0))

    def measure(made: int) -> tuple[float, int]:
        for cost in costs:
            return cost, made
        raise KeyboardInterrupt

    found, looked_at = searched(Clock(1), to := io.StringIO(), measure, tries=100, seconds=100)
    assert (found.cost, found.stopped, looked_at) == (7, True, 3)
    assert "numbers: 3 of 100 inputs in 0 s; dearest 7.0 times the reference" in to.getvalue()
    assert capsys.readouterr().out == "", "hypothesis has nothing to add"


@pytest.mark.parametrize(("to", "every_s"), [(io.StringIO(), SHOWN_S), (Watched(), REWRITTEN_S)])
def test_progress_is_shown_now_and_then(to: io.StringIO, every_s: float) -> None:
    now = [0.0]
    progress, found = Progress("bodies", 9_000, to, lambda: now[0]), Dearest(1.25, 1_234)
    for at in (0.0, 0.9, 1.0, 1.1, 1.9, 2.1):
        now[0] = at * every_s
        progress.step(found)
    shown = [one for one in to.getvalue().replace("\r\x1b[K", "\n").splitlines() if one]
    assert [one.split(" of ")[0] for one in shown] == ["bodies: 3", "bodies: 6"]
    assert ("\r" in to.getvalue()) is (not to.getvalue().endswith("\n")) is to.isatty()
    progress.end(found)
    assert to.getvalue().endswith(
        f"bodies: 6 of 9,000 inputs in {now[0]:.0f} s; dearest 1.2 times the reference, 1,234 bytes\n"
    )
