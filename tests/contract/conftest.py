"""Spools of either kind, a stream for each test, and what a forwarder says of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing
from structlog.typing import EventDict

from forwarder.spool.jetstream import health
from forwarder.spool.jetstream import spool as stream_spool
from tests.support.nats import Nats
from tests.support.spools import Where, somewhere


@pytest.fixture
def here(tmp_path: Path, nats: Nats) -> Where:
    return somewhere(nats, tmp_path)


@pytest.fixture
def said() -> Iterator[list[EventDict]]:
    """Return the log's lines as they come."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have whoever serves look often, and believe soon what it sees."""
    monkeypatch.setattr(stream_spool, "_LOOK_S", 0.3)
    monkeypatch.setattr(stream_spool, "_CHECK_S", 0.3)
    monkeypatch.setattr(health, "_BEHIND_S", 0.2)


@pytest.fixture(params=["sqlite", "jetstream"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    server: Nats | None = request.getfixturevalue("nats") if request.param == "jetstream" else None
    return somewhere(server, tmp_path)
