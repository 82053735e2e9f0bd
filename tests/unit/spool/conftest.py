"""A stream's log that makes no pauses, and NATS' client in a test's hands."""

from __future__ import annotations

import pytest

from forwarder.spool.jetstream import connection as module
from forwarder.spool.jetstream import log
from tests.support.fake_nats import Client


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that does not answer is asked again without a pause."""
    monkeypatch.setattr(log, "_AGAIN_S", 0)
    monkeypatch.setattr(log, "_LAST_S", 0.01)


@pytest.fixture
def fake_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are made of a client that answers as a test says."""

    async def connected(_: Client) -> None:
        return

    monkeypatch.setattr(module, "Client", Client)
    monkeypatch.setattr(Client, "made", [])
    monkeypatch.setattr(Client, "connecting", connected, raising=False)
    monkeypatch.setattr(Client, "answers_pings", True)
