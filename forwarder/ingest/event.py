"""An event as it was sent: its values undecoded, and beside them what has to be read of it."""

from typing import Any

import msgspec

from browser_plugin.destinations import NAME, OTHER_NAME
from forwarder.ingest.fields import Fields, read_fields

OBJECTS = ("context", "integrations", "properties", "traits")
_LIST, _OBJECT_OR_NULL, _EMPTY = ord("["), b"{n", msgspec.Raw(b"{}")


class Library(msgspec.Struct, gc=False):
    """The library that sent the event."""

    name: str = ""


class Context(msgspec.Struct, gc=False):
    """The fields that are read of a context."""

    library: Library | None = None
    ip: Any = msgspec.UNSET
    session_id: Any = msgspec.field(default=None, name="sessionId")
    """RudderStack's."""


class _Object(msgspec.Struct, gc=False):
    """Any JSON object."""


class SessionOptions(msgspec.Struct, gc=False):
    """The options of the destination that a plugin writes."""

    session_id: Any = None


class Integrations(msgspec.Struct, gc=False):
    """The fields that are read of an event's integrations. Options may be all kinds of values."""

    options: SessionOptions | bool | None = msgspec.field(default=None, name=NAME)
    other: Any = msgspec.field(default=None, name=OTHER_NAME)


class CommonFields(msgspec.Struct, rename="camel", gc=False):
    """The fields that are read of every type of event (Segment's common fields): absent is as null.

    ``context`` and ``integrations`` are None also where they cannot be read.
    """

    type: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    message_id: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None
    write_key: Any = None
    context: Context | None = None
    integrations: Integrations | None = None


class EventFields(CommonFields, rename="camel", gc=False):
    """The fields that are read of an event: the common ones, and those of some types."""

    event: Any = None
    group_id: Any = None
    previous_id: Any = None
    properties: _Object | None = None
    traits: _Object | None = None


class RawEvent(msgspec.Struct, gc=False):
    """``fields``: all of it; ``typed``: what is read of it; ``odd``: what should be an object and is not."""

    fields: Fields
    typed: EventFields
    odd: str = ""


_typed = msgspec.json.Decoder(EventFields)
_context = msgspec.json.Decoder(Context)
_any = msgspec.json.Decoder(Any)


def read_event(raw: msgspec.Raw | bytes) -> RawEvent | None:
    """Return the event that a JSON text holds; None where it is no object."""
    fields = read_fields(raw)
    if fields is None:
        return None
    try:
        return RawEvent(fields, _typed.decode(raw))
    except (msgspec.DecodeError, RecursionError):
        return read_leniently(fields)


def read_context(raw: msgspec.Raw) -> Context | None:
    """Return what is read of a context; None for null, and where its library is of another kind."""
    try:
        return _context.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_leniently(fields: Fields) -> RawEvent:
    """Return the event in which something may not be what it usually is, read value by value.

    An empty list where an object belongs becomes one: it is how PHP writes an empty object.
    """
    odd = ""
    for name in OBJECTS:
        written = bytes(fields.get(name, b"{"))
        if written[0] == _LIST and not written[1:-1].strip():
            fields[name] = _EMPTY
        elif written[0] not in _OBJECT_OR_NULL:
            odd = odd or name
    values: dict[str, Any] = {
        each.name: _value(fields[each.encode_name])
        for each in msgspec.structs.fields(EventFields)
        if each.name not in OBJECTS and each.encode_name in fields
    }
    typed = EventFields(**values)
    if "context" in fields:
        typed.context = read_context(fields["context"])
    return RawEvent(fields, typed, odd)


def _value(raw: msgspec.Raw) -> object:
    try:
        return _any.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}  # whatever it is, it is neither a text nor a number
