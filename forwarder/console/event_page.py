"""What the page of one event says, as values: as it came, its times, its session, its way, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from forwarder.amplitude import AmplitudeDestination
from forwarder.config.settings import Settings
from forwarder.console.pages import duration
from forwarder.console.rows import Row, row_of
from forwarder.delivery.scheduler.planning import read_body
from forwarder.history.finding import Settled
from forwarder.history.listing import Listed
from forwarder.history.states import State
from forwarder.history.ways import Step, ways
from forwarder.sessions.stamp import shown_reason
from forwarder.spool import StoredEvent
from forwarder.trial.explanation import DestinationExplained, explain, skips_of

_TIMES = (
    ("originalTimestamp", "as the sender's clock said it"),
    ("timestamp", "corrected: what Amplitude gets"),
    ("sentAt", "when the sender sent it, by its clock"),
    ("receivedAt", "by the forwarder's clock"),
)


class EventShown(NamedTuple):
    """An event as its page shows it.

    ``times``: name, value and meaning; ``clock``: how its sender's clock went; ``session``: why it is in its
    session; ``ways``: its steps by destination; ``explained``: what subscriptions say today; ``body``: as
    readable JSON.
    """

    row: Row
    times: Sequence[tuple[str, str, str]] = ()
    clock: str = ""
    session: str = ""
    ways: Mapping[str, Sequence[Step]] = {}
    explained: Sequence[DestinationExplained] = ()
    body: str = ""
    library: str = ""


def event_shown(
    event: StoredEvent,
    settled: Sequence[Settled],
    settings: Settings,
    destinations: Mapping[str, AmplitudeDestination],
) -> EventShown:
    """Return what is shown of an accepted event. ``destinations``: compiled; their mappings are today's."""
    names = [one.name for one in settings.destinations]
    states = {
        one.destination: State(one.ended.outcome, one.ended.reason, max(0, one.at - event.received_at))
        for one in settled
        if one.ended is not None
    }
    body = _read(event.body)
    if not isinstance(body, dict):
        return EventShown(
            row_of(Listed(event, states), names), ways=ways(event, settled, names), body=readable(event.body)
        )
    skips = skips_of(settings, event.source, body.get("integrations"))
    return EventShown(
        row_of(Listed(event, states), names),
        [(name, str(body[name]), meaning) for name, meaning in _TIMES if name in body],
        _clock(body.get("clockOffset")),
        shown_reason(body),
        ways(event, settled, names),
        explain(body, destinations, skips),
        readable(event.body),
        _library(body),
    )


def turned_away_shown(listed: Listed) -> EventShown:
    """Return what is shown of an event that ended at ingest."""
    body = _read(listed.event.body)
    known = body if isinstance(body, dict) else {}
    times = [(name, str(known[name]), meaning) for name, meaning in _TIMES if name in known]
    return EventShown(row_of(listed, []), times, body=readable(listed.event.body), library=_library(known))


def readable(body: bytes) -> str:
    """Return an event's bytes as readable JSON, or as they are where they are none."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except ValueError:  # cut, or none
        return body.decode("utf-8", "replace")


def _read(body: bytes) -> Any:
    try:
        return read_body(body)
    except (ValueError, RecursionError):
        return None


def _clock(offset: object) -> str:
    """Return how a sender's clock went, in words. ``offset``: ms that ours was ahead of it."""
    if not isinstance(offset, int):
        return "not known: the sender does not say when it sent this"
    if abs(offset) < 1_000:
        return f"right within a second ({offset:+d} ms, the way through the network with it)"
    way = "behind" if offset > 0 else "ahead"
    return f"{duration(abs(offset))} {way}; times are corrected by {offset:+,d} ms"


def _library(body: Mapping[str, Any]) -> str:
    """Return who sent an event: its library with its version."""
    context = body.get("context")
    library = context.get("library") if isinstance(context, dict) else None
    if not isinstance(library, dict):
        return ""
    return " ".join(str(library[name]) for name in ("name", "version") if library.get(name))
