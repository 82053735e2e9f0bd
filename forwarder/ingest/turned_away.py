"""What history keeps of events that ended at ingest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import msgspec

from forwarder.ingest.event import RawEvent, read_event
from forwarder.ingest.normalization import LONGEST_MESSAGE_ID
from forwarder.ingest.validation import Rejection
from forwarder.outcomes import Outcome
from forwarder.spool import NewEvent
from forwarder.spool.history import MOST_REJECTED, TurnedAway
from forwarder.text import whole_characters

_encode = msgspec.json.Encoder().encode
_MOST: Final = 20
"""Events of one request that are kept: one that is wrong throughout repeats itself, and costs no more."""


def rejected(
    source: str, now: int, bad: Sequence[tuple[int, Rejection]], events: Sequence[msgspec.Raw | RawEvent]
) -> list[TurnedAway]:
    """Return events that were rejected, by their place among the request's. ``now``: ms since the epoch."""
    found = []
    for index, reason in bad[:_MOST]:
        event = events[index]
        read = event if isinstance(event, RawEvent) else read_event(event)
        body = _encode(event.fields) if isinstance(event, RawEvent) else bytes(event)
        message_id = _message_id(read)
        found.append(TurnedAway(now, source, message_id, Outcome.REJECTED, reason.code, body[:MOST_REJECTED]))
    return found


def dropped(now: int, good: Sequence[NewEvent], kept: Sequence[NewEvent]) -> list[TurnedAway]:
    """Return events that the owner's own code did not keep. ``now``: ms since the epoch."""
    ids = {event.message_id for event in kept}
    gone = (event for event in good if event.message_id not in ids)
    return [
        TurnedAway(now, one.source, one.message_id, Outcome.FILTERED, "enrich", one.body[:MOST_REJECTED])
        for one in islice(gone, _MOST)
    ]


def _message_id(read: RawEvent | None) -> str:
    said = None if read is None else read.typed.message_id
    return whole_characters(said[:LONGEST_MESSAGE_ID]) if isinstance(said, str) else ""
