"""What history keeps beside the events themselves, as values: requests, ends, and what never got in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

HOUR_MS: Final = 3_600_000
KEEP_BYTES: Final = 2_000_000_000
KEEP_MS: Final = 72 * HOUR_MS
"""How much history is kept where nothing else is said: bytes as stored, ms since an event was received."""
MOST_ANSWER: Final = 2_000
"""Bytes of an answer that are kept: Amplitude names what is wrong in the first of them."""
MOST_REJECTED: Final = 4_096
"""Bytes of a rejected event that are kept: enough to see who sent it, and what is wrong."""

Span = tuple[int, int]
"""The first and the last of seqs without a gap."""


class Ended(NamedTuple):
    """The end of events at a destination: of those from seq ``first`` to ``last``."""

    outcome: str
    reason: str
    first: int
    last: int


class SentBatch(NamedTuple):
    """A request to a destination and its answer. Times are ms since the epoch.

    ``endpoint``: its path; ``status``: 0 where there was no answer, ``failure`` says why then; ``answer``:
    its first bytes, without keys; ``items``: how many went; ``events``: which, as spans of seqs.
    """

    endpoint: str
    sent_at: int
    answered_at: int
    status: int
    failure: str
    answer: bytes
    items: int
    events: Sequence[Span]


class TurnedAway(NamedTuple):
    """An event that ended at ingest, for all destinations: rejected, filtered or duplicate.

    ``at``: ms since the epoch; ``body``: its first bytes as they came, none of a duplicate.
    """

    at: int
    source: str
    message_id: str
    outcome: str
    reason: str
    body: bytes = b""


def spans_of(seqs: Iterable[int]) -> list[Span]:
    """Return seqs, in any order, as spans."""
    spans: list[Span] = []
    first = last = -2
    for seq in sorted(seqs):
        if seq == last + 1:
            last = seq
            continue
        if last >= 0:
            spans.append((first, last))
        first = last = seq
    return [*spans, (first, last)] if last >= 0 else spans
