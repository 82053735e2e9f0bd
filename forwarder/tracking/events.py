"""Checking one event by Segment's rules and giving it the form in which it is kept.

Values stay the bytes that the client sent, so that no number changes on the way; only what has to be read
is decoded.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias
from uuid import uuid4

import msgspec

from forwarder.spool import NewEvent
from forwarder.tracking.times import correct, format_time, parse_time

Fields: TypeAlias = dict[str, msgspec.Raw]

TYPES = frozenset({"track", "page", "screen", "identify", "group", "alias"})
CLIENT_LIBRARIES = frozenset(
    {
        "analytics.js",
        "analytics-ios",
        "analytics-android",
        "analytics-swift",
        "analytics-kotlin",
        "analytics-flutter",
        "analytics-react-native",
        "@segment/analytics-react-native",
    }
)
"""Names in ``context.library.name`` whose senders' address is the user's; servers' addresses say nothing."""
LONGEST_MESSAGE_ID = 100

_fields = msgspec.json.Decoder(Fields)
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode
_OBJECTS = ("context", "integrations", "properties", "traits")


class _Library(msgspec.Struct):
    name: str = ""


class _Context(msgspec.Struct):
    library: _Library | None = None
    ip: msgspec.Raw = msgspec.Raw()


_context = msgspec.json.Decoder(_Context)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event is not taken. ``code`` is the counted reason."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the events of one request have in common."""

    source: str
    received_at: int
    """Milliseconds since the epoch."""
    address: str | None
    """The sender's address, for events of client-side libraries; None: not to be recorded."""
    sent_at: msgspec.Raw | None = None
    context: Fields | None = None
    integrations: Fields | None = None


def read_fields(raw: msgspec.Raw | bytes) -> Fields | None:
    """Return the fields of a JSON object, undecoded; None where it is not an object."""
    try:
        return _fields.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_text(raw: msgspec.Raw | None) -> str | None:
    """Return the text a value holds; None where it holds none."""
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    return _text.decode(raw)


def normalise(event: Fields | None, arrival: Arrival, kind: str | None = None) -> NewEvent | Rejection:
    """Return the event as it is kept, or why it cannot be. ``kind``: the type that the route names."""
    if event is None:
        return Rejection("not_an_object", "an event must be a JSON object")
    kind = kind or read_text(event.get("type"))
    rejection = _wrong(event, kind)
    if rejection:
        return rejection
    event.pop("writeKey", None)
    event["type"] = _raw(kind)
    message_id = _message_id(event)
    event["messageId"] = _raw(message_id)
    if arrival.context:
        event["context"] = _merged(arrival.context, event.get("context"))
    if arrival.integrations:
        event["integrations"] = _merged(arrival.integrations, event.get("integrations"))
    if arrival.address:
        _add_address(event, arrival.address)
    _set_times(event, arrival)
    return NewEvent(arrival.source, message_id, _encode(event))


def _wrong(event: Fields, kind: str | None) -> Rejection | None:
    if kind not in TYPES:
        return Rejection("unknown_type", "type must be track, page, screen, identify, group or alias")
    if kind == "track" and not read_text(event.get("event")):
        return Rejection("no_event_name", "a track event needs its name in event, a text")
    if not (_is_id(event.get("userId")) or _is_id(event.get("anonymousId"))):
        return Rejection("no_user_anon_id", "userId or anonymousId must be there, a text or a number")
    if kind == "group" and not _is_id(event.get("groupId")):
        return Rejection("no_group_id", "a group event needs groupId, a text or a number")
    if kind == "alias" and not _is_id(event.get("previousId")):
        return Rejection("no_previous_id", "an alias event needs previousId, a text or a number")
    for name in _OBJECTS:
        value = event.get(name)
        if value is not None and bytes(value)[:1] not in (b"{", b"n"):
            return Rejection(f"invalid_{name}", f"{name} must be a JSON object")
    return None


def _is_id(raw: msgspec.Raw | None) -> bool:
    """Tell whether a value names somebody: a text that is not empty, or a number."""
    if raw is None:
        return False
    value = bytes(raw)
    return value[:1] in b"-0123456789" or (value[:1] == b'"' and value != b'""')


def _raw(text: str | None) -> msgspec.Raw:
    return msgspec.Raw(_encode(text))


def _message_id(event: Fields) -> str:
    """Return the message id: the client's, made where it is missing, its digest where it is too long.

    A digest is the same at every try, so an odd id still is counted once.
    """
    raw = event.get("messageId")
    text = read_text(raw)
    if text and len(text) <= LONGEST_MESSAGE_ID:
        return text
    if raw is None or bytes(raw) in (b"null", b'""'):
        return str(uuid4())
    return sha256(bytes(raw)).hexdigest()


def _merged(defaults: Fields, own: msgspec.Raw | None) -> msgspec.Raw:
    """Return the batch's object with the event's own over it."""
    fields = read_fields(own) if own is not None else None
    return msgspec.Raw(_encode({**defaults, **(fields or {})}))


def _add_address(event: Fields, address: str) -> None:
    """Put the sender's address into ``context.ip`` where a client-side library sent none itself."""
    raw = event.get("context")
    if raw is None:
        return
    try:
        context = _context.decode(raw)
    except msgspec.DecodeError:
        return  # a library field of another kind: certainly none of the client-side libraries
    if context.library is None or context.library.name not in CLIENT_LIBRARIES:
        return
    if bytes(context.ip) in (b"", b"null", b'""'):
        fields = read_fields(raw) or {}
        fields["ip"] = _raw(address)
        event["context"] = msgspec.Raw(_encode(fields))


def _set_times(event: Fields, arrival: Arrival) -> None:
    """Set the four times, and ``clockOffset``: milliseconds the server's clock is ahead of the client's.

    Segment's rule counts the way through the network as clock error; with the offset and the original time
    kept, anyone can see and undo it.
    """
    sent_raw = event.get("sentAt") or arrival.sent_at
    sent_text = read_text(sent_raw)
    sent = parse_time(sent_text) if sent_text else None
    given = event.get("timestamp")
    text = read_text(given)
    original = parse_time(text) if text else None
    received = format_time(arrival.received_at)
    try:
        timestamp = format_time(correct(original, sent, arrival.received_at))
    except OverflowError:
        timestamp = received
    event["receivedAt"] = _raw(received)
    event["timestamp"] = _raw(timestamp)
    if given is not None:
        event["originalTimestamp"] = given
    elif "originalTimestamp" not in event:
        event["originalTimestamp"] = event["timestamp"]
    if sent_raw is not None:
        event["sentAt"] = sent_raw
    if sent is not None:
        event["clockOffset"] = msgspec.Raw(b"%d" % (arrival.received_at - sent))
