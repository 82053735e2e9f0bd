"""Functions that fail for a while, and what was counted of it."""

from __future__ import annotations

from typing import Any

from forwarder import metrics
from tests.support.simulation.virtual import VirtualLoop


class Failing:
    """A function that fails as often as it is said to, and when it was called."""

    def __init__(self, loop: VirtualLoop, function: Any, times: int, error: Exception) -> None:
        self._loop, self._function, self.times, self._error = loop, function, times, error
        self.called: list[float] = []

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.called.append(self._loop.time())
        if self.times:
            self.times -= 1
            raise self._error
        return self._function(*given, **named)

    @property
    def gaps(self) -> list[float]:
        return [round(after - before, 3) for before, after in zip(self.called, self.called[1:], strict=False)]


def faults(name: str, where: str) -> int:
    return metrics.FAULTS.values().get((name, where), 0)
