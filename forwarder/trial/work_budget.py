"""The time that work beside the event loop may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

SLICE_S: Final = 0.004
"""Seconds of work before a rest. The event loop waits for Python's lock that long at most: its own switch
interval is 5 ms."""
REST_S: Final = 0.002
"""Seconds of a rest: so a third of the time is the event loop's, whatever an operator looks at."""

T = TypeVar("T")


class WorkBudget:
    """The budget of one piece of work in a thread: it takes rests, and ends when the time is over."""

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``seconds``: with the rests; ``clock``: seconds, monotonic."""
        self._clock, self._sleep = clock, sleep
        self._end = clock() + seconds
        self._slice_end = clock() + SLICE_S
        self.is_spent = False
        """Whether something was left undone for want of time."""

    def within(self, things: Iterable[T]) -> Iterator[T]:
        """Yield the things as long as there is time, the first of them in any case."""
        for place, thing in enumerate(things):
            if place and not self._goes_on():
                self.is_spent = True
                return
            yield thing

    def _goes_on(self) -> bool:
        now = self._clock()
        if now >= self._end:
            return False
        if now >= self._slice_end:
            self._sleep(REST_S)
            self._slice_end = self._clock() + SLICE_S
        return True
