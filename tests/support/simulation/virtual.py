"""An event loop whose time passes at once: sleeps and time-outs cost nothing, and a seed plays alike."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest


class _Selector(selectors.SelectSelector):
    """Waits for nothing: what would be waited for has passed."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass."""
        found = super().select(0)
        if not found:
            assert timeout is not None, "everything waits for ever"
            self.passed += max(0.0, timeout)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self._virtual.passed


def play(main: Coroutine[Any, Any, None], loop: VirtualLoop, patch: pytest.MonkeyPatch) -> None:
    """Run a program in the loop's time, delivery's clock included."""
    steady = SimpleNamespace(monotonic_ns=lambda: round(loop.time() * 1e9))
    patch.setattr("forwarder.delivery.clock.time", steady)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main)


def play_alone(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
    """Run a program in the loop's time, which nothing else goes by."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main(loop))
