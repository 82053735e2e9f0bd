"""Segment's rules of what an event must have."""

from dataclasses import dataclass

import msgspec

from forwarder.tracking.fields import Fields, read_text

TYPES = ("track", "page", "screen", "identify", "group", "alias")
_WRITTEN_TYPES = {f'"{name}"'.encode(): name for name in TYPES}
_OBJECTS = ("context", "integrations", "properties", "traits")
_LIST, _OBJECT_OR_NULL, _EMPTY = ord("["), b"{n", msgspec.Raw(b"{}")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event is not taken. ``code`` is the counted reason."""

    code: str
    message: str


def wrong(event: Fields, kind: str | None) -> Rejection | None:
    """Return why an event of type ``kind`` cannot be taken.

    An empty list where an object belongs becomes one: it is how PHP writes an empty object.
    """
    if kind not in TYPES:
        return Rejection("unknown_type", "type must be track, page, screen, identify, group or alias")
    if kind == "track" and not _is_text(event.get("event")):
        return Rejection("no_event_name", "a track event needs its name in event, a text")
    if not (_is_id(event.get("userId")) or _is_id(event.get("anonymousId"))):
        return Rejection("no_user_anon_id", "userId or anonymousId must be there, a text or a number")
    if kind == "group" and not _is_id(event.get("groupId")):
        return Rejection("no_group_id", "a group event needs groupId, a text or a number")
    if kind == "alias" and not _is_id(event.get("previousId")):
        return Rejection("no_previous_id", "an alias event needs previousId, a text or a number")
    for name in _OBJECTS:
        value = event.get(name)
        if value is None:
            continue
        written = bytes(value)
        if written[0] == _LIST and not written[1:-1].strip():
            event[name] = _EMPTY
        elif written[0] not in _OBJECT_OR_NULL:
            return Rejection(f"invalid_{name}", f"{name} must be a JSON object")
    return None


def type_of(event: Fields) -> str | None:
    """Return the type that the event itself names."""
    raw = event.get("type")
    return _WRITTEN_TYPES.get(bytes(raw)) or read_text(raw) if raw is not None else None


def _is_text(raw: msgspec.Raw | None) -> bool:
    """Tell whether a value is a text that is not empty."""
    if raw is None:
        return False
    value = bytes(raw)
    return value[:1] == b'"' and len(value) > 2


def _is_id(raw: msgspec.Raw | None) -> bool:
    """Tell whether a value names somebody: a text that is not empty, or a number."""
    if raw is None:
        return False
    value = bytes(raw)
    return value[0] in b"-0123456789" or (value[:1] == b'"' and len(value) > 2)
