"""What tests of commands share: a receiver of what they send, and that none makes the tests nicer."""

import os
from collections.abc import Iterator

import pytest

from tests.support.receiver import Receiver, receiver


@pytest.fixture(autouse=True)
def _as_nice_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "nice", lambda by: by)


@pytest.fixture
def amplitude() -> Iterator[Receiver]:
    """Run a receiver in the place of Amplitude."""
    with receiver() as received:
        yield received
