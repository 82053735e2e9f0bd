"""Events whose sessions are looked at: recorded ones of a file, or those that history keeps."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from forwarder.history.filters import Filters
from forwarder.history.reading import Choice, next_slice
from forwarder.ingest.event import read_event
from forwarder.ingest.fields import Fields, read_fields, read_value
from forwarder.ingest.normalization import RequestContext, normalize
from forwarder.ingest.session_facts import kind_of, with_session
from forwarder.ingest.times import read_time
from forwarder.sessions.facts import SessionFacts, SessionRules, device_key, user_key
from forwarder.sessions.stamp import REASON, joined_id
from forwarder.spool import NewEvent, StoredEvent
from forwarder.spool.sqlite import renamed_rows, stored_events
from forwarder.trial.reading import Given, read_events

_OWN_NAMES = ("session_start", "session_end")
_encode = msgspec.json.Encoder().encode


class Recorded(NamedTuple):
    """A recorded event. ``facts``: None where it may be in no session, whatever the rules.

    ``device``, ``user``: keys; ``time``: ms since the epoch; ``given``: the session that it is in, on the
    device ``session_device``; ``is_ours``: the forwarder has decided that.
    """

    facts: SessionFacts | None
    device: str
    user: str
    time: int
    given: int | None = None
    session_device: str = ""
    is_ours: bool = False


def probing(rules: SessionRules) -> SessionRules:
    """Return rules by which all is looked at that some rules may ask for."""
    return msgspec.structs.replace(rules, assign="all", join=True)


def of_file(content: bytes, rules: SessionRules) -> tuple[list[Recorded], int]:
    """Return the events of a file but for session events, and how many are no events, or of nobody."""
    probe, now = probing(rules), time.time_ns() // 1_000_000
    found, skipped = [], 0
    for given in read_events(content):
        event = given.event
        if isinstance(event, dict) and _is_session_event(event.get("type"), event.get("event"), rules):
            continue
        one = None if given.problem else _read(given, probe, now)
        if one is None:
            skipped += 1
        else:
            found.append(one)
    return found, skipped


def _is_session_event(type_: object, name: object, rules: SessionRules) -> bool:
    return type_ == "track" and name in (rules.started_name, rules.ended_name, *_OWN_NAMES)


def _read(given: Given, probe: SessionRules, now: int) -> Recorded | None:
    """Return an event as ingest reads it, as of when it was received; None where it is none."""
    event = read_event(_encode(given.event))
    if event is None:
        return None
    typed, beside = event.typed, given.beside or {}
    said = (read_value(event.fields.get("receivedAt")), typed.sent_at, beside.get("sentAt"), typed.timestamp)
    received = next((moment for each in said if (moment := read_time(each)) is not None), now)
    arrival = RequestContext(
        probe.source,
        received,
        context=_fields(beside.get("context")),
        integrations=_fields(beside.get("integrations")),
        session=probe,
    )
    kept = normalize(event, arrival)
    if not isinstance(kept, NewEvent):
        return None
    return _recorded(kept.session, typed.anonymous_id, typed.user_id, received, probe)


def _fields(beside: object) -> Fields | None:
    return read_fields(_encode(beside)) if isinstance(beside, dict) else None


def _recorded(
    facts: SessionFacts | None, device: object, user: object, received: int, probe: SessionRules
) -> Recorded | None:
    """Return an event with its facts; without facts, as of when it was received."""
    if facts is not None:
        key = facts.device or facts.user
        return Recorded(facts, facts.device, facts.user, facts.time, facts.given, key)
    device, user = (value if isinstance(value, str) else "" for value in (device, user))
    if not (device or user):
        return None
    device_of = device_key(probe.scope, device) if device else ""
    return Recorded(None, device_of, user_key(probe.scope, user) if user else "", received)


def of_history(
    database: sqlite3.Connection, rules: Mapping[str, SessionRules], source: str, since: int
) -> tuple[list[Recorded], int]:
    """Return the events of history but for session events, and how many are of nobody.

    ``rules``: by source, where there is none those of the first; ``source``: only its, "" for all;
    ``since``: received, ms since the epoch.
    """
    probes = {name: probing(one) for name, one in rules.items()}
    first = next(iter(probes.values()))
    found, skipped = [], 0
    for event in _events(database, Filters(source=source, since=since)):
        probe = probes.get(event.source, first)
        read = read_event(event.body)
        if read is None or _is_session_event(read.typed.type, read.typed.event, probe):
            skipped += read is None
            continue
        reason = read_value(read.fields.get(REASON))
        happened = read_time(read.typed.timestamp) or event.received_at
        sender = kind_of(read.typed.context, from_page=False)
        ids, type_ = (read.typed.anonymous_id, read.typed.user_id), str(read.typed.type)
        kept: dict[str, object] = {**read.fields}
        facts = with_session(kept, read.typed, type_, sender, probe, event.message_id, happened).session
        one = _recorded(facts, *ids, happened, probe)
        if one is None:
            skipped += 1
        else:
            found.append(_decided(one, reason, probe.scope) if isinstance(reason, str) else one)
    return found, skipped


def _decided(one: Recorded, reason: str, scope: str) -> Recorded:
    """Return an event whose session the forwarder has decided. ``reason``: why."""
    joined = joined_id(reason)
    return one._replace(
        is_ours=True, session_device=device_key(scope, joined) if joined else one.session_device
    )


def _events(database: sqlite3.Connection, filters: Filters) -> Iterator[StoredEvent]:
    """Yield the events, oldest first."""
    choice, names, after = Choice(filters, stored_events.last_seq(database)), renamed_rows.names(database), 0
    while after < choice.upto:
        events, after = next_slice(database, choice, after, names)
        yield from events
