"""The way of one event through each destination: requests with their answers, and its end, in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from forwarder.history import finding
from forwarder.history.filters import Filters
from forwarder.history.finding import Settled
from forwarder.spool.api import StoredEvent
from forwarder.spool.history import Ended, SentBatch


class Step(NamedTuple):
    """A step of an event's way: a request that it was in, or its end.

    ``after_ms``: since the event was received; ``took_ms``: until the request was answered.
    """

    after_ms: int
    sent: SentBatch | None = None
    ended: Ended | None = None

    @property
    def took_ms(self) -> int:
        """How long the answer took; 0 of an end."""
        return self.sent.answered_at - self.sent.sent_at if self.sent else 0

    @property
    def answer(self) -> str:
        """What was answered, in words: why there was none, or the status and the first of its bytes."""
        if self.sent is None:
            return ""
        return f"{self.sent.failure or self.sent.status} {self.sent.answer.decode('utf-8', 'replace')}"


def ways(
    event: StoredEvent, settled: Sequence[Settled], destinations: Sequence[str]
) -> dict[str, list[Step]]:
    """Return an event's steps by destination; it waits where there are none. ``destinations``: configured."""
    found: dict[str, list[Step]] = {name: [] for name in destinations}
    for one in settled:
        steps = found.setdefault(one.destination, [])
        steps += [Step(sent.sent_at - event.received_at, sent) for sent in one.sent]
        if one.ended is not None:
            steps.append(Step(one.at - event.received_at, ended=one.ended))
    return found


def event_at(database: sqlite3.Connection, seq: int) -> tuple[StoredEvent, list[Settled]] | None:
    """Return an accepted event and what is known of it; None where history has it no more."""
    database.execute("BEGIN")
    try:
        event = next(finding.events(database, Filters(), seq + 1), None)
        if event is None or event.seq != seq:
            return None
        return event, finding.settled(database, seq)
    finally:
        database.execute("COMMIT")
