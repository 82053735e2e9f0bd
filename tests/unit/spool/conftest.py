"""What tests of spools share: a stream without pauses, a client in their hands, a transaction, a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.spool.jetstream import connection as module
from forwarder.spool.jetstream import log
from forwarder.spool.sqlite import history, history_bounds, history_packing
from tests.support.fake_nats import Client
from tests.support.history_machine import BYTES, EVENTS, FULL, RANGE, STEP, Machine
from tests.support.transactions import Setup


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


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    for name, value in (("FULL", FULL), ("ROW_EVENTS", EVENTS), ("ROW_BYTES", BYTES)):
        monkeypatch.setattr(history_packing, name, value)
    monkeypatch.setattr(history_bounds, "RANGE", RANGE)
    monkeypatch.setattr(history, "_STEP", STEP)
    machine = Machine(tmp_path / "spool.db")
    with closing(machine.database):
        yield machine


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    made = Setup(tmp_path / "spool.db")
    yield made
    made.close()
