"""Segment's rules of what an event must have."""

from dataclasses import dataclass

from forwarder.ingest.event import RawEvent

TYPES = ("track", "page", "screen", "identify", "group", "alias")
_TYPES = frozenset(TYPES)


@dataclass(frozen=True, slots=True)
class Rejection:
    """The rejection of one event. ``code`` is the counted reason."""

    code: str
    message: str


def validate(event: RawEvent, kind: object) -> Rejection | None:
    """Return why an event of type ``kind`` is rejected, None where it is accepted."""
    typed = event.typed
    if not isinstance(kind, str) or kind not in _TYPES:
        return Rejection("unknown_type", "type must be track, page, screen, identify, group or alias")
    if kind == "track" and not (typed.event and isinstance(typed.event, str)):
        return Rejection("no_event_name", "a track event needs its name in event, a text")
    if not (_is_id(typed.user_id) or _is_id(typed.anonymous_id)):
        return Rejection("no_user_anon_id", "userId or anonymousId must be there, a text or a number")
    if kind == "group" and not _is_id(typed.group_id):
        return Rejection("no_group_id", "a group event needs groupId, a text or a number")
    if kind == "alias" and not _is_id(typed.previous_id):
        return Rejection("no_previous_id", "an alias event needs previousId, a text or a number")
    if event.odd:
        return Rejection(f"invalid_{event.odd}", f"{event.odd} must be a JSON object")
    return None


def _is_id(value: object) -> bool:
    """Return whether a value names somebody: a text that is not empty, or a number."""
    if isinstance(value, str):
        return value != ""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
