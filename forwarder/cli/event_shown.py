"""Events of history as lines for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from forwarder.cli.explanations import explained
from forwarder.cli.output import counted
from forwarder.config.settings import Settings
from forwarder.delivery.scheduler.planning import read_body
from forwarder.errors import ConfigError
from forwarder.history.filters import name_of
from forwarder.history.finding import WAITING, Found, Settled
from forwarder.history.ways import ways
from forwarder.sessions.stamp import shown_reason
from forwarder.spool import StoredEvent
from forwarder.spool.event_keys import keys_in
from forwarder.spool.history import TurnedAway
from forwarder.text import cell, whole_value
from forwarder.trial.explanation import skips_of
from forwarder.wiring import destinations_of

NO_SESSION = "no session"
"""What stands for the reason why an event is in its session, where it is in none."""
_TIMES = ("originalTimestamp", "timestamp", "sentAt", "receivedAt", "clockOffset")


def found_line(found: Found, *, as_json: bool) -> str:
    """Return an event on one line, with tabs between its columns or as JSON."""
    event, ended = found
    body = _read(event.body)
    session = shown_reason(body)
    if as_json:
        ends = {name: {"outcome": one.outcome, "reason": one.reason} for name, one in ended.items()}
        return _json_line(event, body, {"seq": event.seq, "ended": ends, "session": session})
    said = ", ".join(f"{name}: {_outcome(one.outcome, one.reason)}" for name, one in ended.items())
    columns = (event.source, event.message_id, name_of(event.body), said or WAITING, session or NO_SESSION)
    return "\t".join((event_time(event.received_at), *map(cell, columns)))


def turned_away_line(one: TurnedAway, *, as_json: bool) -> str:
    """Return an event that ended at ingest on one line, as ``found_line`` does."""
    if as_json:
        event = StoredEvent(0, one.at, one.source, one.message_id, one.body)
        return _json_line(event, _read(one.body), {"outcome": one.outcome, "reason": one.reason})
    columns = (one.source, one.message_id, name_of(one.body), _outcome(one.outcome, one.reason))
    return "\t".join((event_time(one.at), *map(cell, columns)))


def _json_line(event: StoredEvent, body: Any, more: dict[str, object]) -> str:
    line = {
        "receivedAt": event_time(event.received_at),
        "source": event.source,
        "messageId": event.message_id,
        **more,
        "event": body,
    }
    return orjson.dumps(whole_value(line)).decode()


def shown(event: StoredEvent, settled: Sequence[Settled], settings: Settings) -> Iterator[str]:
    """Yield the lines about one event: as it came, its times, mappings as they are now, and its way."""
    body = _read(event.body)
    yield f"{cell(event.message_id)} of source {cell(event.source)}, received {event_time(event.received_at)}"
    if not isinstance(body, dict):
        yield f"  not readable: {cell(str(body))}"
        return
    keys = keys_in(body)
    user, device, session = (cell(key) or "-" for key in keys)
    yield f"  user {user}   device {device}   session {session}"
    yield from (f"  {name:18} {cell(str(body[name]))}" for name in _TIMES if name in body)
    yield ""
    yield orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    yield ""
    try:
        skips = skips_of(settings, event.source, body.get("integrations"))
        yield from explained(body, destinations_of(settings), skips)
    except (ConfigError, KeyError) as error:
        yield f"  what mappings make of it cannot be said: {error}"
    yield from _way(event, settled, [one.name for one in settings.destinations])


def _way(event: StoredEvent, settled: Sequence[Settled], destinations: Sequence[str]) -> Iterator[str]:
    """Yield what was sent and answered, and how it ended, with the time since it was received."""
    for name, steps in ways(event, settled, destinations).items():
        yield f"  {name}: {'' if steps else WAITING}"
        for step in steps:
            if step.sent is not None:
                yield (
                    f"    +{step.after_ms} ms  POST {step.sent.endpoint}, {counted(step.sent.items, 'item')};"
                    f" answered after {step.took_ms} ms: {cell(step.answer)}"
                )
            if step.ended is not None:
                yield f"    +{step.after_ms} ms  {_outcome(step.ended.outcome, step.ended.reason)}"


def _outcome(outcome: str, reason: str) -> str:
    return f"{outcome} ({cell(reason)})" if reason else outcome


def _read(body: bytes) -> Mapping[str, Any] | str:
    try:
        read = read_body(body)
    except (ValueError, RecursionError):
        read = None
    return read if isinstance(read, dict) else body.decode("utf-8", "replace")


def event_time(ms: int) -> str:
    """Return a time, ms since the epoch, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
