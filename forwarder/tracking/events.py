"""Checking one event by Segment's rules and giving it the form in which it is kept.

Values stay the bytes that the client sent, so that no number changes on the way; only what has to be read
is decoded.
"""

from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias
from uuid import uuid4

import msgspec

from forwarder.spool import NewEvent
from forwarder.tracking.times import correct, format_time, parse_time

Fields: TypeAlias = dict[str, msgspec.Raw]
"""A JSON object whose values are the bytes that were sent."""

TYPES = frozenset({"track", "page", "screen", "identify", "group", "alias"})
_WRITTEN_TYPES = {f'"{name}"'.encode(): name for name in TYPES}
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


class Arrival:
    """What the events of one request have in common.

    ``source``: its name; ``received_at``: ms since the epoch; ``address``: the sender's, for events of
    client-side libraries, None where it is not to be recorded; the rest stands beside a batch's events.
    """

    __slots__ = ("address", "context", "integrations", "received", "received_at", "sent", "sent_at", "source")

    def __init__(
        self,
        source: str,
        received_at: int,
        address: str | None = None,
        sent_at: msgspec.Raw | None = None,
        context: Fields | None = None,
        integrations: Fields | None = None,
    ) -> None:
        self.source = source
        self.received_at = received_at
        self.received = format_time(received_at)
        self.address = address
        self.sent_at = sent_at
        self.sent = _time(sent_at)
        self.context = context
        self.integrations = integrations


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
    rejection = _wrong(event, kind or _type(event.get("type")))
    if rejection:
        return rejection
    kept: dict[str, object] = {**event}
    kept.pop("writeKey", None)
    if kind:
        kept["type"] = kind
    message_id = kept["messageId"] = _message_id(event.get("messageId"))
    if arrival.context:
        event["context"] = kept["context"] = _merged(arrival.context, event.get("context"))
    if arrival.integrations:
        kept["integrations"] = _merged(arrival.integrations, event.get("integrations"))
    if arrival.address and "context" in event:
        kept["context"] = _with_address(event["context"], arrival.address)
    _set_times(kept, event, arrival)
    return NewEvent(arrival.source, message_id, _encode(kept))


def _wrong(event: Fields, kind: str | None) -> Rejection | None:
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
        if value is not None and bytes(value)[0] not in b"{n":
            return Rejection(f"invalid_{name}", f"{name} must be a JSON object")
    return None


def _type(raw: msgspec.Raw | None) -> str | None:
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


def _message_id(raw: msgspec.Raw | None) -> str:
    """Return the message id: the client's, made where it is missing, its digest where it is too long.

    A digest is the same at every try, so an odd id still is counted once.
    """
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


def _with_address(raw: msgspec.Raw, address: str) -> object:
    """Return the context with the sender's address as ``ip`` where a client-side library sent none itself."""
    try:
        context = _context.decode(raw)
    except msgspec.DecodeError:
        return raw  # null, or a library of another kind: certainly none of the client-side ones
    if context.library is None or context.library.name not in CLIENT_LIBRARIES:
        return raw
    given = bytes(context.ip)
    if not given:
        return msgspec.Raw(b'%s,"ip":%s}' % (bytes(raw)[:-1], _encode(address)))
    return {**(read_fields(raw) or {}), "ip": address} if given in (b"null", b'""') else raw


def _time(raw: msgspec.Raw | None) -> int | None:
    text = read_text(raw)
    return parse_time(text) if text else None


def _set_times(kept: dict[str, object], event: Fields, arrival: Arrival) -> None:
    """Set the four times, and ``clockOffset``: milliseconds the server's clock is ahead of the client's.

    Segment's rule counts the way through the network as clock error; with the offset and the original time
    kept, anyone can see and undo it.
    """
    sent = arrival.sent
    if "sentAt" in event:
        sent = _time(event["sentAt"])
    elif arrival.sent_at is not None:
        kept["sentAt"] = arrival.sent_at
    given = event.get("timestamp")
    original = _time(given)
    timestamp = arrival.received
    if original is not None:
        with suppress(OverflowError):  # a clock this wrong says nothing: it happened when it came
            timestamp = format_time(correct(original, sent, arrival.received_at))
    kept["receivedAt"] = arrival.received
    kept["timestamp"] = timestamp
    if given is not None:
        kept["originalTimestamp"] = given
    elif "originalTimestamp" not in event:
        kept["originalTimestamp"] = timestamp
    if sent is not None:
        kept["clockOffset"] = arrival.received_at - sent
