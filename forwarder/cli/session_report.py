"""What recorded events make of sessions: as they came, and by other rules; see ``forwarder sessions``."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from forwarder.cdn.session_rules import session_rules
from forwarder.cli.output import Failed
from forwarder.config.settings import Settings
from forwarder.ingest.event import read_event
from forwarder.ingest.fields import Fields, read_fields, read_value
from forwarder.ingest.normalization import RequestContext, normalize
from forwarder.ingest.times import read_time
from forwarder.sessions.book import SessionBook
from forwarder.sessions.device import GIVEN
from forwarder.sessions.facts import PAGE, Assign, SessionFacts, SessionRules, device_key, user_key
from forwarder.sessions.report import Figures, Visit, figures, said_length
from forwarder.spool import NewEvent
from forwarder.trial.reading import Given, read_events

_encode = msgspec.json.Encoder().encode


class Compared(NamedTuple):
    """Sessions before and after; ``rules``: what made the latter, in words; ``skipped``: events left out."""

    before: Figures
    after: Figures
    rules: str
    skipped: int


class _Recorded(NamedTuple):
    """A recorded event. ``facts``: None where it may be in no session, whatever the rules."""

    facts: SessionFacts | None
    device: str
    user: str
    time: int
    given: int | None = None


def compare(
    content: bytes, settings: Settings, length: int | None, maximum: int | None, assign: Assign | None
) -> Compared:
    """Return what the events of a file make; lengths in ms, None for the configuration's. Raises Failed."""
    rules = _rules(settings, length, maximum, assign)
    again = length is not None or maximum is not None
    recorded, skipped = _recorded(content, rules)
    if not recorded:
        raise Failed("there is no event; give Segment's JSON, one event a line")
    people = _people(recorded)
    before = figures(Visit(people(one), one.device or one.user, one.given, one.time) for one in recorded)
    after = figures(_after(recorded, rules, people, again=again))
    return Compared(before, after, _words(rules, again), skipped)


def _rules(
    settings: Settings, length: int | None, maximum: int | None, assign: Assign | None
) -> SessionRules:
    """Return the rules of the first source, with the options over them."""
    if not settings.sources:
        raise Failed("no source is configured; add [[sources]] to the file")
    source = settings.sources[0]
    rules = session_rules(settings).get(source.name) or SessionRules(source=source.name, assign="off")
    whose = assign or rules.assign
    again = length is not None or maximum is not None
    return msgspec.structs.replace(
        rules,
        length=rules.length if length is None else length,
        maximum=rules.maximum if maximum is None else maximum,
        assign="web" if again and whose == "off" else whose,
        join=rules.join and whose != "off",
    )


def _recorded(content: bytes, rules: SessionRules) -> tuple[list[_Recorded], int]:
    """Return the events but for session events, and how many are no events, or of nobody."""
    probe = msgspec.structs.replace(rules, assign="all", join=True)
    names = (rules.started_name, rules.ended_name, "session_start", "session_end")
    now = time.time_ns() // 1_000_000
    found, skipped = [], 0
    for given in read_events(content):
        event = given.event
        if isinstance(event, dict) and event.get("type") == "track" and event.get("event") in names:
            continue
        one = None if given.problem else _read(given, probe, now)
        if one is None:
            skipped += 1
        else:
            found.append(one)
    return found, skipped


def _read(given: Given, probe: SessionRules, now: int) -> _Recorded | None:
    """Return an event as ingest reads it, as of when it was received; None where it is none."""
    event = read_event(_encode(given.event))
    if event is None:
        return None
    known, beside = event.known, given.beside or {}
    said = (read_value(event.fields.get("receivedAt")), known.sent_at, beside.get("sentAt"), known.timestamp)
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
    facts = kept.session
    if facts is not None:
        return _Recorded(facts, facts.device, facts.user, facts.time, facts.given)
    device, user = (value if isinstance(value, str) else "" for value in (known.anonymous_id, known.user_id))
    if not (device or user):
        return None
    device_of = device_key(probe.scope, device) if device else ""
    return _Recorded(None, device_of, user_key(probe.scope, user) if user else "", received)


def _fields(beside: object) -> Fields | None:
    return read_fields(_encode(beside)) if isinstance(beside, dict) else None


def _people(recorded: Sequence[_Recorded]) -> Callable[[_Recorded], str]:
    """Return what tells who an event is of: its user, else the one that its device is of."""
    owners = {one.device: one.user for one in recorded if one.device and one.user}
    return lambda one: one.user or owners.get(one.device, one.device)


def _after(
    recorded: Sequence[_Recorded], rules: SessionRules, people: Callable[[_Recorded], str], *, again: bool
) -> Iterator[Visit]:
    """Yield the events with their sessions by the rules. ``again``: pages' own ids are decided anew."""
    facts = [_by(one, rules, again=again) for one in recorded]
    done = SessionBook(max_devices=len(facts) + 1).assign(facts, 0)
    for one, fact, assigned in zip(recorded, facts, done, strict=True):
        session_id = fact.given if fact is not None else None
        device = one.device or one.user
        if assigned is not None:
            session_id, device = assigned.session_id, assigned.device or device
        yield Visit(people(one), device, session_id, one.time)


def _by(one: _Recorded, rules: SessionRules, *, again: bool) -> SessionFacts | None:
    """Return what these rules look at in an event."""
    facts = one.facts
    if facts is None:
        return None
    given, flags = facts.given, facts.flags
    if again and facts.kind == PAGE:
        given, flags = None, flags & ~GIVEN
    opening = facts.opening or (b"-" if given is None and facts.given is not None else b"")
    return SessionFacts(*(rules, facts.kind, facts.device, facts.user, facts.time, given, opening, 0, flags))


def _words(rules: SessionRules, again: bool) -> str:
    """Return the rules in words."""
    whose = {"off": "nobody's", "web": "pages'", "all": "all"}[rules.assign]
    maximum = f", {said_length(rules.maximum)} at most" if rules.maximum > 0 else ""
    decided = "pages' own ids decided anew" if again else "given ids as they are"
    return (
        f"a session ends after {said_length(rules.length)} without an event{maximum}; {decided};"
        f" {whose} events without an id get one"
    )
