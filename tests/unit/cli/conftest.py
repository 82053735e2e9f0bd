"""What tests of commands share: a receiver of what they send, and that none makes the tests nicer."""

import os
from collections.abc import Iterator

import pytest

from forwarder.replay import run
from tests.support.receiver import Receiver, receiver


@pytest.fixture(autouse=True)
def _as_nice_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "nice", lambda by: by)


@pytest.fixture(autouse=True)
def _turns_without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay looks a hundred times a second, not four times, whether all has ended."""
    monkeypatch.setattr(run, "_TICK_S", 0.01)


@pytest.fixture
def amplitude() -> Iterator[Receiver]:
    """Run a receiver in the place of Amplitude."""
    with receiver() as received:
        yield received
