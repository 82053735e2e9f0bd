"""A search for the dearest input of a kind, by hypothesis: bounded by inputs and time, seen as it goes."""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, TextIO

from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st

ROUND, ROUND_S = 1_000, 2.0
"""Inputs and seconds of a round, after which the search begins anew elsewhere: what hypothesis tries with an
input, to make it dearer, grows with it. Without rounds it came to five inputs in ten seconds."""
SHOWN_S, REWRITTEN_S = 10.0, 0.5
"""How often progress is shown: as a line for a log, and rewritten where somebody watches."""


@dataclass
class Dearest:
    """The dearest input found: its cost for a byte, how large it is, and itself.

    ``stopped``: somebody ended the search before its bounds did.
    """

    cost: float = 0.0
    size: int = 0
    made: Any = None
    stopped: bool = False

    def hear(self, cost: float, size: int, made: Any) -> None:
        """Keep an input if it is dearer."""
        if cost > self.cost:
            self.cost, self.size, self.made = cost, size, made


class Progress:
    """How far one search has come, on stderr: a rewritten line on a terminal, else a line now and then."""

    def __init__(
        self, name: str, tries: int, to: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``tries``: how many inputs there will be at most; ``clock``: in s."""
        self._name, self._tries, self._to, self._clock = name, tries, to, clock
        self._watched = to.isatty()
        self._began = self._shown_at = clock()
        self.done = 0

    @property
    def seconds(self) -> float:
        """How long the search has taken so far."""
        return self._clock() - self._began

    def step(self, found: Dearest) -> None:
        """Count an input, and show how far the search is where it is time for that."""
        self.done += 1
        now = self._clock()
        if now - self._shown_at >= (REWRITTEN_S if self._watched else SHOWN_S):
            self._shown_at = now
            self._show(found, "" if self._watched else "\n")

    def end(self, found: Dearest) -> None:
        """Show how far it has come."""
        self._show(found, "\n")

    def _show(self, found: Dearest, last: str) -> None:
        first = "\r\x1b[K" if self._watched else ""
        self._to.write(
            f"{first}{self._name}: {self.done:,} of {self._tries:,} inputs in {self.seconds:.0f} s; dearest "
            f"{found.cost:.1f} times the reference, {found.size:,} bytes{last}"
        )
        self._to.flush()


class _Over(KeyboardInterrupt):
    """Ends a round: from an interrupt alone hypothesis concludes nothing about the input it is making."""


@contextlib.contextmanager
def _bell(seconds: float) -> Iterator[set[int]]:
    """Raise _Over after so many seconds, for hypothesis may work for minutes without another input.

    Also where somebody interrupts. Yields the signals that have come. Who is interrupted anywhere may fail
    in any way; once a signal has come, that is no fault.
    """
    came = set[int]()

    def ring(number: int, frame: FrameType | None) -> None:
        came.add(number)
        if frame is None or frame.f_code.co_name != "gc_callback":  # which would only report it
            raise _Over

    before = {one: signal.signal(one, ring) for one in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)}
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 0.1)
    try:
        yield came
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for one, handler in before.items():
            signal.signal(one, handler)


def search(
    strategy: st.SearchStrategy[Any],
    measure: Callable[[Any], tuple[float, int]],
    progress: Progress,
    *,
    tries: int,
    seconds: float,
    alike: bool,
) -> Dearest:
    """Return the dearest of so many inputs, or of those that fit into the time.

    ``measure``: an input's cost and size; ``alike``: the same inputs each time, else new ones. An interrupt
    ends the search; what it has found counts.
    """
    found = Dearest()
    while progress.done < tries and progress.seconds < seconds and not found.stopped:
        most = tries if alike else min(ROUND, tries - progress.done)
        until = seconds if alike else min(seconds, progress.seconds + ROUND_S)
        _search_once(strategy, measure, progress, found, most, until, alike=alike)
    progress.end(found)
    return found


def _search_once(
    strategy: st.SearchStrategy[Any],
    measure: Callable[[Any], tuple[float, int]],
    progress: Progress,
    found: Dearest,
    most: int,
    until: float,
    *,
    alike: bool,
) -> None:
    """Look at ``most`` inputs, or until the search has taken ``until`` seconds; note what is in ``found``."""

    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=alike,
        phases=[Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def dearer(made: Any) -> None:
        value, size = measure(made)
        target(value)
        found.hear(value, size, made)
        progress.step(found)
        if came or progress.seconds >= until:
            raise _Over

    if not alike:  # with a seed of ours it names none where it is ended early
        dearer = seed(random.getrandbits(64))(dearer)
    came = set[int]()
    try:
        with _bell(until - progress.seconds) as came:
            dearer()
    except _Over:
        pass
    except KeyboardInterrupt:
        found.stopped = True
    except Exception:
        if not came:
            raise
    found.stopped = found.stopped or not came <= {signal.SIGALRM}
