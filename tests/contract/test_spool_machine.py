"""The spool against a model of it: whatever is done in whatever order, and however often it is reopened."""

from collections import Counter
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from forwarder.spool.jetstream import replication
from forwarder.spool.sqlite import history_packing
from tests.support import histories
from tests.support.nats import Nats
from tests.support.spool_machine import KINDS, NOW, SpoolMachine
from tests.support.spools import Where, somewhere

MODERATE = 3
"""How often each kind of step has to be reached in a run, at least."""
RUNS = 4
"""Runs at most: a kind that none of them reaches is out of reach, and no bad luck."""


class RowsMachine(SpoolMachine):
    """Where few events fill a row of history, so that most wait in one; of a row all bytes count."""

    max_bytes = 10**6
    kinds = KINDS - {"full of bytes"} | {"in rows", "bounded"}

    @rule(max_bytes=st.sampled_from([0, 1, 300, 10**9]))
    def bound_history(self, max_bytes: int) -> None:
        """History is bounded, or switched off or on, and what is beyond the bound goes."""
        self.spool.bound_history(max_bytes, 10**9)
        self.runner.run(self.spool.expire(NOW))
        self.reached["bounded"] += 1
        waiting = {one.seq for one in self.waiting()}
        rows = self.runner.run(histories.rows(self.spool))
        self.reached["in rows"] += any(one.seq in waiting for row in rows for one in row)


class StreamMachine(RowsMachine):
    """In a stream, whose records are told again every now and then."""

    server: ClassVar[Nats]

    def where(self) -> Where:
        return somewhere(self.server, self.folder)


def run(machine: type[SpoolMachine], examples: int) -> None:
    """Run it until each kind of step was reached, which one run as good as always does."""
    machine.reached = Counter()
    rare = machine.kinds
    for _ in range(RUNS):
        run_state_machine_as_test(
            machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
        )
        rare = frozenset(kind for kind in machine.kinds if machine.reached[kind] < MODERATE)
        if not rare:
            break
    print(f"{machine.__name__}: {dict(sorted(machine.reached.items()))}")
    assert not rare


def test_a_file_holds_what_the_model_holds() -> None:
    run(SpoolMachine, 40)


@pytest.fixture
def few_fill_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_packing, "FULL", 3)
    monkeypatch.setattr(history_packing, "ROW_EVENTS", 5)


@pytest.mark.usefixtures("few_fill_a_row")
def test_rows_hold_what_the_model_holds() -> None:
    run(RowsMachine, 40)


@pytest.mark.usefixtures("few_fill_a_row")
def test_a_stream_holds_what_the_model_holds(nats: Nats, monkeypatch: pytest.MonkeyPatch) -> None:
    StreamMachine.server = nats
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 1_000)
    run(StreamMachine, 25)
