"""Virtual time for tests of delivery."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.support.simulation.serving import Play
from tests.support.simulation.virtual import VirtualLoop, play


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return what runs a test in virtual time."""

    def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
        loop = VirtualLoop()
        play(main(loop), loop, monkeypatch)

    return run
