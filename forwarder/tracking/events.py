"""Giving one event the form in which it is kept.

Values stay the bytes that the client sent, so that no number changes on the way; only what has to be read
is decoded.
"""

from contextlib import suppress
from hashlib import sha256
from uuid import uuid4

import msgspec

from forwarder.spool import NewEvent
from forwarder.tracking.fields import Fields, read_fields, read_text
from forwarder.tracking.rules import Rejection, type_of, wrong
from forwarder.tracking.times import correct, format_time, parse_time

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

_encode = msgspec.json.Encoder().encode


class _Library(msgspec.Struct):
    name: str = ""


class _Context(msgspec.Struct):
    library: _Library | None = None
    ip: msgspec.Raw = msgspec.Raw()


class _TraitsOfContext(msgspec.Struct):
    traits: msgspec.Raw = msgspec.Raw()


_context = msgspec.json.Decoder(_Context)
_traits_of_context = msgspec.json.Decoder(_TraitsOfContext)


class Arrival:
    """What the events of one request have in common.

    ``source``: its name; ``received_at``: ms since the epoch; ``address``: the sender's, for events of
    client-side libraries, None where it is not to be recorded; ``from_page``: whether a browser says that a
    page sent them; the rest stands beside a batch's events.
    """

    __slots__ = (
        *("address", "context", "from_page", "integrations", "received", "received_at"),
        *("sent", "sent_at", "source"),
    )

    def __init__(
        self,
        source: str,
        received_at: int,
        address: str | None = None,
        from_page: bool = False,
        sent_at: msgspec.Raw | None = None,
        context: Fields | None = None,
        integrations: Fields | None = None,
    ) -> None:
        self.source = source
        self.received_at = received_at
        self.received = format_time(received_at)
        self.address = address
        self.from_page = from_page
        self.sent_at = sent_at
        self.sent = _time(sent_at)
        self.context = context
        self.integrations = integrations


def normalise(event: Fields | None, arrival: Arrival, kind: str | None = None) -> NewEvent | Rejection:
    """Return the event as it is kept, or why it cannot be. ``kind``: the type that the route names."""
    if event is None:
        return Rejection("not_an_object", "an event must be a JSON object")
    kind = kind or type_of(event)
    rejection = wrong(event, kind)
    if rejection:
        return rejection
    kept: dict[str, object] = {**event}
    kept.pop("writeKey", None)
    kept["type"] = kind
    message_id = kept["messageId"] = _message_id(event.get("messageId"))
    if arrival.context:
        event["context"] = kept["context"] = _merged(arrival.context, event.get("context"))
    if arrival.integrations:
        kept["integrations"] = _merged(arrival.integrations, event.get("integrations"))
    if arrival.address and "context" in event:
        kept["context"] = _with_address(event["context"], arrival)
    if "traits" not in event and kind == "identify":
        _set_traits(kept, event)
    _set_times(kept, event, arrival)
    return NewEvent(arrival.source, message_id, _encode(kept))


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


def _set_traits(kept: dict[str, object], event: Fields) -> None:
    """Take an identify event's traits from its context where it has none, as RudderStack's pages do."""
    with suppress(msgspec.DecodeError):
        traits = _traits_of_context.decode(event.get("context", b"{}")).traits
        if bytes(traits)[:1] == b"{":
            kept["traits"] = traits


def _with_address(raw: msgspec.Raw, arrival: Arrival) -> object:
    """Return the context with the sender's address as ``ip`` where a client-side library sent none itself."""
    try:
        context = _context.decode(raw)
    except msgspec.DecodeError:
        return raw  # null, or a library of another kind: certainly none of the client-side ones
    if context.library is None or not (arrival.from_page or context.library.name in CLIENT_LIBRARIES):
        return raw
    given = bytes(context.ip)
    if not given:
        return msgspec.Raw(b'%s,"ip":%s}' % (bytes(raw)[:-1], _encode(arrival.address)))
    return {**(read_fields(raw) or {}), "ip": arrival.address} if given in (b"null", b'""') else raw


def _present(event: Fields, name: str) -> msgspec.Raw | None:
    raw = event.get(name)
    return None if raw is None or bytes(raw) == b"null" else raw


def _time(raw: msgspec.Raw | None) -> int | None:
    text = read_text(raw)
    return parse_time(text) if text else None


def _set_times(kept: dict[str, object], event: Fields, arrival: Arrival) -> None:
    """Set the four times, and ``clockOffset``: milliseconds the server's clock is ahead of the client's.

    Segment's rule counts the way through the network as clock error; with the offset and the original time
    kept, anyone can see and undo it.
    """
    sent = _time(event.get("sentAt"))
    if sent is None and arrival.sent_at is not None:
        sent, kept["sentAt"] = arrival.sent, arrival.sent_at
    given = _present(event, "timestamp") or _present(event, "originalTimestamp")  # RudderStack's name for it
    original = _time(given)
    timestamp = arrival.received
    if original is not None:
        with suppress(OverflowError):  # a clock this wrong says nothing: it happened when it came
            timestamp = format_time(correct(original, sent, arrival.received_at))
    kept["receivedAt"] = arrival.received
    kept["timestamp"] = timestamp
    kept["originalTimestamp"] = timestamp if given is None else given
    if sent is not None:
        kept["clockOffset"] = arrival.received_at - sent
