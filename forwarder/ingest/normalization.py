"""Giving one event the form in which it is kept.

Values stay the bytes that the client sent, so that no number changes on the way; only what has to be read
is decoded.
"""

from hashlib import sha256
from uuid import uuid4

import msgspec

from forwarder.ingest.event import Context, EventFields, RawEvent, read_context
from forwarder.ingest.event_times import ABSENT, event_times, rejection_of, sent_time
from forwarder.ingest.fields import Fields, read_fields, read_value
from forwarder.ingest.libraries import CLIENT_LIBRARIES
from forwarder.ingest.rudderstack import name_screen, stamp_session
from forwarder.ingest.session_facts import kind_of, with_session
from forwarder.ingest.times import format_time
from forwarder.ingest.validation import Rejection, validate
from forwarder.sessions.facts import SessionRules
from forwarder.spool import NewEvent

LONGEST_MESSAGE_ID = 100
"""Characters, as in Segment's limits; its own libraries make 36 to 45."""
_NAMED = ("screen", "page")
_NULL = msgspec.Raw(b"null")
_NO_NAMES = (_NULL, msgspec.Raw(b'""'))

_encode = msgspec.json.Encoder().encode


class _TraitsOfContext(msgspec.Struct):
    traits: msgspec.Raw = msgspec.Raw()


_traits_of_context = msgspec.json.Decoder(_TraitsOfContext)


class RequestContext:
    """The context of one request: what its events have in common.

    ``source``: its name; ``received_at``: ms since the epoch; ``address``: the sender's, for events of
    client-side libraries, None where it is not to be recorded; ``from_page``: whether a browser says that a
    page sent them; ``strict``: whether events whose times cannot be used are rejected; ``session``: the
    session rules of the source, None where the forwarder does nothing about sessions; the rest stands
    beside a batch's events. ``time_problems`` counts what was wrong with times.
    """

    __slots__ = (
        *("address", "context", "from_page", "integrations", "received", "received_at"),
        *("sent", "sent_at", "session", "source", "strict", "time_problems"),
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
        strict: bool = False,
        session: SessionRules | None = None,
    ) -> None:
        self.session = session
        self.source = source
        self.strict = strict
        self.time_problems: dict[str, int] = {}
        self.received_at = received_at
        self.received = format_time(received_at)
        self.address = address
        self.from_page = from_page
        self.sent_at = sent_at
        self.sent = sent_time(read_value(sent_at))
        self.context = context
        self.integrations = integrations


def normalize(
    event: RawEvent | None, arrival: RequestContext, kind: str | None = None
) -> NewEvent | Rejection:
    """Return the event as it is kept, or why it cannot be. ``kind``: the type that the route names.

    What is kept takes the place of what was sent in ``event.fields``.
    """
    if event is None:
        return Rejection("not_an_object", "an event must be a JSON object")
    typed = event.typed
    kind = kind or typed.type
    rejection = validate(event, kind)
    if rejection:
        return rejection
    kept: dict[str, object] = event.fields  # type: ignore[assignment]
    message_id = _message_id(typed.message_id, event.fields)
    kept.pop("writeKey", None)
    context = typed.context
    if arrival.context:
        merged = kept["context"] = _merged(arrival.context, event.fields.get("context"))
        context = read_context(merged)
    if arrival.integrations:
        kept["integrations"] = _merged(arrival.integrations, event.fields.get("integrations"))
        typed.integrations = None  # what was read is not all
    if kind == "identify" and "traits" not in kept:
        _set_traits(event.fields)
    if arrival.address and context is not None:
        _set_address(kept, context, arrival)
    if context is not None and context.session_id is not None:
        stamp_session(kept, context)
    if kind in _NAMED and kept.get("name", _NULL) in _NO_NAMES:
        name_screen(kept, typed)
    kept["type"] = kind
    kept["messageId"] = message_id
    happened, rejection = _set_times(kept, typed, arrival)
    return rejection or _new_event(kept, typed, kind, context, arrival, message_id, happened)


def _new_event(
    kept: dict[str, object],
    typed: EventFields,
    kind: str,
    context: Context | None,
    arrival: RequestContext,
    message_id: str,
    happened: int,
) -> NewEvent:
    if arrival.session is None:
        return NewEvent(arrival.source, message_id, _encode(kept))
    sender = kind_of(context, arrival.from_page)
    return with_session(kept, typed, kind, sender, arrival.session, message_id, happened)


def _message_id(said: object, fields: Fields) -> str:
    """Return the message id: the client's, made where it is missing, its digest where it is too long.

    A digest is the same at every try, so an odd id still is counted once.
    """
    if said and isinstance(said, str) and len(said) <= LONGEST_MESSAGE_ID:
        return said
    return str(uuid4()) if said is None or said == "" else sha256(bytes(fields["messageId"])).hexdigest()


def _merged(defaults: Fields, own: msgspec.Raw | None) -> msgspec.Raw:
    """Return the batch's object with the event's own over it."""
    fields = read_fields(own) if own is not None else None
    return msgspec.Raw(_encode({**defaults, **(fields or {})}))


def _set_traits(fields: Fields) -> None:
    """Take an identify event's traits from its context where it has none, as RudderStack's pages do."""
    try:
        traits = _traits_of_context.decode(fields.get("context", b"{}")).traits
    except msgspec.DecodeError:
        return
    if bytes(traits)[:1] == b"{":
        fields["traits"] = traits


def _set_address(kept: dict[str, object], context: Context, arrival: RequestContext) -> None:
    """Add the sender's address to the context as ``ip`` where a client-side library sent none itself."""
    library = context.library
    if library is None or not (arrival.from_page or library.name in CLIENT_LIBRARIES):
        return
    written = bytes(kept["context"])  # type: ignore[call-overload]
    if context.ip is msgspec.UNSET:
        kept["context"] = msgspec.Raw(b'%b,"ip":"%b"}' % (written[:-1], (arrival.address or "").encode()))
    elif context.ip is None or context.ip == "":
        kept["context"] = {**(read_fields(written) or {}), "ip": arrival.address}


def _set_times(
    kept: dict[str, object], typed: EventFields, arrival: RequestContext
) -> tuple[int, Rejection | None]:
    """Set the four times, and ``clockOffset``: milliseconds the server's clock is ahead of the client's.

    Segment's rule counts the way through the network as clock error; with the offset and the original time
    kept, anyone can see and undo it. Returns when the event happened (ms since the epoch), and why a strict
    source does not take it.
    """
    sent = ABSENT if typed.sent_at is None else sent_time(typed.sent_at)
    if sent.time is None and arrival.sent_at is not None:
        sent, kept["sentAt"] = arrival.sent, arrival.sent_at
    name, given = "timestamp", typed.timestamp
    if given is None:  # RudderStack's name for it
        name, given = "originalTimestamp", typed.original_timestamp
    happened, offset, problems = event_times(given, sent, arrival.received_at)
    for problem in problems:
        arrival.time_problems[problem] = arrival.time_problems.get(problem, 0) + 1
    timestamp = arrival.received if happened is None else format_time(happened)
    kept["originalTimestamp"] = timestamp if given is None else kept[name]
    kept["receivedAt"] = arrival.received
    kept["timestamp"] = timestamp
    if offset is not None:
        kept["clockOffset"] = offset
    time = arrival.received_at if happened is None else happened
    return time, rejection_of(problems) if arrival.strict else None
