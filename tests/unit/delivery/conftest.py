"""Virtual time, and time that stands still, for tests of delivery."""

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from forwarder.delivery import clock
from tests.support.simulation.serving import Play
from tests.support.simulation.virtual import VirtualLoop, play


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return what runs a test in virtual time."""

    def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
        loop = VirtualLoop()
        play(main(loop), loop, monkeypatch)

    return run


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have slices of time end with their bytes alone."""
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic_ns=lambda: 0))
