"""The session id and the decision's reason, written into an event's body."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from browser_plugin.destinations import NAME
from forwarder.sessions.facts import Assigned, SessionFacts

REASON: Final = "sessionReason"
"""The field of a kept event that says why it is in its session, where the forwarder decided it."""
GIVEN: Final = "page: the event brought its session id"
"""What is shown of events that brought an id."""
_BEFORE: Final = b',"integrations":'
_OPENING: Final = b'{"%b":{"session_id":' % NAME.encode()
MOST_BYTES: Final = 400
"""Bytes that a stamp adds at most, beside the integrations that it is put into."""
_SHOWN: Final = 100
"""Characters of a device's id that a reason quotes."""
_JOINED: Final = "joined device "
_encode = msgspec.json.Encoder().encode
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


def opening(integrations: dict[str, object] | None) -> bytes:
    """Return the text of ``integrations`` up to the session id that is put there; ``}}`` ends it."""
    if not integrations:
        return _OPENING
    options = integrations.get(NAME)
    others = {name: value for name, value in integrations.items() if name != NAME}
    own = (
        {name: value for name, value in options.items() if name != "session_id"}
        if isinstance(options, dict)
        else {}
    )
    text = _encode(others)[:-1] + (b',"' if others else b'"') + NAME.encode() + b'":'
    return text + _encode(own)[:-1] + (b',"session_id":' if own else b'"session_id":')


def stamped(body: bytes, event: SessionFacts, done: Assigned) -> bytes:
    """Return the body of an event with its session. ``body``: as its facts say; see ``SessionFacts``."""
    reason = _REASONS.get(done.reason) or _reason_text(done.reason)
    # A third of the time of one formatting with %.
    return b"".join((body[: event.head], _BEFORE, event.opening, _encode(done.session_id), reason))


def _reason_text(reason: str) -> bytes:
    return b'}},"%b":%b}' % (REASON.encode(), _encode(reason))


def assigned_reason(kind: str) -> str:
    """Return the reason of an event that got a session by the policy. ``kind``: the policy's reason."""
    return _ASSIGNED.get(kind) or f"assigned: no plugin, {kind}"


_ASSIGNED: dict[str, str] = {
    kind: f"assigned: no plugin, {kind}"
    for kind in ("active", "first visit", "idle", "maximum", "another user")
}
_REASONS: Final = {reason: _reason_text(reason) for reason in _ASSIGNED.values()}


def joined_reason(device: str) -> str:
    """Return the reason of a server's event that joined the session on a device; ``device``: its id."""
    return f"{_JOINED}{shown_id(device)}"


def shown_id(name: str) -> str:
    """Return an id as a reason quotes it."""
    return _UNPRINTABLE.sub("?", name)[:_SHOWN]


def joined_id(reason: str) -> str:
    """Return the id that ``joined_reason`` quotes; empty for another reason."""
    return reason.removeprefix(_JOINED) if reason.startswith(_JOINED) else ""


def shown_reason(event: object) -> str:
    """Return why an event as it is kept is in its session; empty where it is in none."""
    if not isinstance(event, dict):
        return ""
    said = event.get(REASON)
    if isinstance(said, str):
        return said
    integrations = event.get("integrations")
    options = integrations.get(NAME) if isinstance(integrations, dict) else None
    session_id = options.get("session_id") if isinstance(options, dict) else None
    return GIVEN if session_id is not None else ""
