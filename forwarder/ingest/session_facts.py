"""What the session rules are told of an event, read while it is given the form in which it is kept."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from browser_plugin.destinations import NAMES, is_denied, may_receive
from forwarder.ingest.event import Context, EventFields, read_event
from forwarder.ingest.fields import Fields, read_fields, read_value
from forwarder.ingest.times import read_time
from forwarder.sessions.device import CLIENT, ENDED, GIVEN, OWN
from forwarder.sessions.facts import (
    APP,
    LONGEST_ID,
    PAGE,
    SERVER,
    SessionFacts,
    SessionRules,
    device_key,
    user_key,
)
from forwarder.sessions.stamp import opening
from forwarder.spool import NewEvent

_PAGES: Final = frozenset(
    {
        "analytics.js",
        "@ht-sdks/events-sdk-js",
        "RudderLabs JavaScript SDK",
        "@jitsu/js",
        "@jitsu/analytics",
        "jitsu-js",
    }
)
_APPS: Final = frozenset(
    {
        "analytics-ios",
        "analytics-android",
        "analytics-swift",
        "analytics-kotlin",
        "analytics-flutter",
        "analytics-react-native",
        "@segment/analytics-react-native",
        "analytics-csharp",
        "rudder-ios-library",
        "rudder-swift-library",
        "com.rudderstack.android.sdk.core",
        "rudder-react-native-library",
    }
)
_OWN_EVENTS: Final = frozenset({"session_start", "session_end"})
"""What Segment's session plugins for apps send."""
_LONGEST_DIGITS: Final = 15
_NONE: Final = (None, msgspec.Raw(b"null"), msgspec.Raw(b"{}"))
_encode = msgspec.json.Encoder().encode
_SESSIONLESS: Final = opening(None)


def kind_of(context: Context | None, from_page: bool) -> int:
    """Return who sends such events: ``PAGE``, ``APP`` or ``SERVER``."""
    name = context.library.name if context is not None and context.library is not None else ""
    if name in _APPS:
        return APP
    return PAGE if from_page or name in _PAGES else SERVER


class SessionPart:
    """What of an event concerns sessions, taken out of its fields before they are written."""

    __slots__ = ("given", "integrations", "opening", "stays")

    def __init__(self, given: int | None, start: bytes, integrations: object, stays: bool) -> None:
        """``stays``: whether the fields still hold the integrations."""
        self.given = given
        self.opening = start
        self.integrations = integrations
        self.stays = stays


def with_session(
    kept: dict[str, object],
    known: EventFields,
    type_: str,
    sender: int,
    rules: SessionRules,
    message_id: str,
    happened: int,
) -> NewEvent:
    """Return the event with what the session rules look at; where it may get an id, integrations come last.

    ``sender``: see ``kind_of``; ``happened``: ms since the epoch.
    """
    part = _session_part(kept, sender, rules)
    body = _encode(kept)
    if part is None:
        return NewEvent(rules.source, message_id, body)
    head = len(body) - 1
    if not part.stays and part.integrations is not None:
        body = b'%b,"integrations":%b}' % (body[:-1], _encode(part.integrations))
    facts = _session_facts(part, known, type_, sender, rules, happened, head)
    return NewEvent(rules.source, message_id, body, facts)


def read_again(event: NewEvent, from_page: bool, rules: SessionRules) -> NewEvent:
    """Return an event, which the owner's code may have changed, with what the session rules look at."""
    read = read_event(event.body)
    happened = None if read is None else read_time(read.known.timestamp)
    if read is None or happened is None:
        return event
    known = read.known
    kept: dict[str, object] = read.fields  # type: ignore[assignment]
    sender = kind_of(known.context, from_page)
    return with_session(kept, known, str(known.type), sender, rules, event.message_id, happened)


def _session_part(kept: dict[str, object], kind: int, rules: SessionRules) -> SessionPart | None:
    """Return what concerns sessions; None where the event is in none, or brings what is no id.

    Where a session id may be put into the event, ``integrations`` are taken out of ``kept``.
    """
    written = kept.get("integrations")
    own: Fields | None = None
    if written not in _NONE:
        raw = written if isinstance(written, (bytes, msgspec.Raw)) else _encode(written)
        integrations: Any = read_value(raw)
        own = read_fields(raw)
        if isinstance(integrations, dict):
            if is_denied(integrations):
                return None
            brought, given = _given(integrations)
            if brought:
                return None if given is None else SessionPart(given, b"", None, stays=True)
            if not may_receive(integrations):
                return SessionPart(None, b"", None, stays=True) if kind == PAGE else None
        elif integrations is not None:
            return None
    if not (rules.assigns(kind) or (rules.join and kind == SERVER)):
        return None
    start = _SESSIONLESS if not own else opening(_opened(own))
    return SessionPart(None, start, kept.pop("integrations", None), stays=False)


def _opened(own: Fields) -> dict[str, object]:
    """Return integrations with the destination's options as an object, if they are one."""
    return {name: read_fields(value) or value if name == NAMES[0] else value for name, value in own.items()}


def _given(integrations: dict[str, Any]) -> tuple[bool, int | None]:
    """Return whether the event brings a session id, and which; None for what is none or means no session."""
    brought: Any = None
    for name in NAMES:
        options = integrations.get(name)
        if isinstance(options, dict) and brought is None:
            brought = options.get("session_id")
    if (
        isinstance(brought, str)
        and brought.isascii()
        and brought.isdigit()
        and len(brought) <= _LONGEST_DIGITS
    ):
        brought = int(brought)
    if isinstance(brought, float) and brought.is_integer():
        brought = int(brought)
    if isinstance(brought, int) and not isinstance(brought, bool) and 0 < brought < 10**_LONGEST_DIGITS:
        return True, brought
    return brought is not None, None


def _session_facts(
    part: SessionPart, known: EventFields, type_: str, kind: int, rules: SessionRules, time: int, head: int
) -> SessionFacts | None:
    """Return the facts about an event; None where it concerns no session.

    ``time``: when it happened, ms since the epoch; ``head``: bytes of its body before ``integrations``.
    """
    device, user = _id(known.anonymous_id), _id(known.user_id)
    if kind == PAGE and part.given is None and type_ not in rules.event_types:
        return None
    if not (device or user):
        return None
    flags = 0 if kind == SERVER else CLIENT
    if part.given is not None:
        flags |= GIVEN
        if type_ == "track" and known.event == rules.ended_name:
            flags |= ENDED
        elif type_ == "track" and known.event in _OWN_EVENTS:
            flags |= OWN
    scope = rules.scope
    return SessionFacts(
        rules,
        kind,
        device_key(scope, device) if device else "",
        user_key(scope, user) if user else "",
        time,
        part.given,
        part.opening,
        head,
        flags,
    )


def _id(value: object) -> str:
    """Return an id as text, a number's too; empty where it is none, or too long to be one."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_ID else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""
