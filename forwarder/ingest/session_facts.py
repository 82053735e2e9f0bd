"""What the session rules are told of an event, read while it is given the form in which it is kept."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from browser_plugin.destinations import NAMES, is_denied, may_receive
from forwarder.ingest.event import Context, EventFields, Integrations, SessionOptions, read_event
from forwarder.ingest.fields import Fields, read_fields, read_value
from forwarder.ingest.libraries import APP_LIBRARIES, PAGE_LIBRARIES
from forwarder.ingest.times import read_time
from forwarder.sessions.device import CLIENT, ENDED, GIVEN, OWN
from forwarder.sessions.facts import (
    APP,
    LONGEST_ID,
    PAGE,
    SERVER,
    SessionFacts,
    SessionRules,
)
from forwarder.sessions.stamp import REASON, opening
from forwarder.spool import NewEvent

_KINDS: Final = {**dict.fromkeys(PAGE_LIBRARIES, PAGE), **dict.fromkeys(APP_LIBRARIES, APP)}
_OWN_EVENTS: Final = frozenset({"session_start", "session_end"})
"""What Segment's session plugins for apps send."""
_LONGEST_DIGITS: Final = 15
"""Of a session id in ms: until the year 33658, and a number in any language."""


_NOTHING: Final = (msgspec.Raw(b"{}"), msgspec.Raw(b"null"))
_encode = msgspec.json.Encoder().encode
_SESSIONLESS: Final = opening(None)


def kind_of(context: Context | None, from_page: bool) -> int:
    """Return who sends such events: ``PAGE``, ``APP`` or ``SERVER``."""
    library = None if context is None else context.library
    kind = None if library is None else _KINDS.get(library.name)
    if from_page and kind != APP:
        return PAGE
    return SERVER if kind is None else kind


def with_session(
    kept: dict[str, object],
    typed: EventFields,
    type_: str,
    sender: int,
    rules: SessionRules,
    message_id: str,
    happened: int,
) -> NewEvent:
    """Return the event with what the session rules look at; where it may get an id, integrations come last.

    ``sender``: see ``kind_of``; ``happened``: ms since the epoch.
    """
    kept.pop(REASON, None)  # it is ours to say
    part = _part_of(typed.integrations, kept.get("integrations"), type_, sender, rules)
    device, user = _id(typed.anonymous_id), _id(typed.user_id)
    if part is None or not (device or user):
        return NewEvent(rules.source, message_id, _encode(kept))
    given, start = part
    own = kept.pop("integrations", None) if start else None
    body = _encode(kept)
    head = len(body) - 1
    if own is not None and (sender != PAGE or rules.assign == "off"):  # else they come with the id, surely
        body = b'%b,"integrations":%b}' % (body[:-1], _encode(own))
    scope = rules.scope
    facts = SessionFacts(
        rules,
        sender,
        f"{scope}\0d{device}" if device else "",
        f"{scope}\0u{user}" if user else "",
        happened,
        given,
        start,
        head,
        (0 if sender == SERVER else CLIENT) if given is None else _flags(typed, type_, sender, rules),
    )
    return NewEvent(rules.source, message_id, body, facts)


def _part_of(
    read: Integrations | None, written: object, type_: str, sender: int, rules: SessionRules
) -> tuple[int | None, bytes] | None:
    """Return the id that an event brought, or the text before the one that it may be given.

    None where it is in no session, or brings what is no id. ``written``: its integrations, and ``read``
    what was read of them.
    """
    given = _usual_id(read)
    if given:
        return given, b""
    if written is None or written in _NOTHING:
        start = _SESSIONLESS
    else:
        unusual = _unusual_part(written if isinstance(written, (bytes, msgspec.Raw)) else _encode(written))
        if unusual is None or unusual[0] is not None:
            return unusual
        start = unusual[1]
    if sender == PAGE:
        if type_ not in rules.event_types:
            return None
        return None, start if rules.assign != "off" else b""
    if rules.assign == "all" or (sender == SERVER and rules.join):
        return (None, start) if start else None
    return None


def _usual_id(read: Integrations | None) -> int:
    """Return the id that a plugin has put there, as most do; 0 where ``_unusual_part`` has to look.

    The fast path beside it, for what every page with the plugin sends: a twentieth of its time.
    """
    if read is None or not isinstance(read.options, SessionOptions) or read.other is not None:
        return 0
    session_id = read.options.session_id
    return session_id if type(session_id) is int and 0 < session_id < 10**_LONGEST_DIGITS else 0


def _flags(typed: EventFields, type_: str, sender: int, rules: SessionRules) -> int:
    """Return the flags of a session whose id an event brought."""
    flags = GIVEN if sender == SERVER else GIVEN | CLIENT
    if type_ == "track":
        if typed.event == rules.ended_name:
            return flags | ENDED
        if typed.event in _OWN_EVENTS:
            return flags | OWN
    return flags


def read_again(event: NewEvent, from_page: bool, rules: SessionRules) -> NewEvent:
    """Return an event, which the owner's code may have changed, with what the session rules look at."""
    read = read_event(event.body)
    happened = None if read is None else read_time(read.typed.timestamp)
    if read is None or happened is None:
        return event
    typed = read.typed
    kept: dict[str, object] = read.fields  # type: ignore[assignment]
    sender = kind_of(typed.context, from_page)
    return with_session(kept, typed, str(typed.type), sender, rules, event.message_id, happened)


def _unusual_part(raw: msgspec.Raw | bytes) -> tuple[int | None, bytes] | None:
    """See ``_part_of``; the text is empty where the event is kept away from the destination."""
    integrations = read_value(raw)
    if not isinstance(integrations, dict) or is_denied(integrations):
        return None
    brought, given = _given(integrations)
    if brought:
        return None if given is None else (given, b"")
    if not may_receive(integrations):
        return None, b""
    own = read_fields(raw)
    return None, _SESSIONLESS if not own else opening(_opened(own))


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


def _id(value: object) -> str:
    """Return an id as text, a number's too; empty where it is none, or too long to be one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_ID else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""
