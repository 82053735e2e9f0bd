"""What one request holds around its events."""

from collections.abc import Sequence

import msgspec

from forwarder.http.responses import Refusal
from forwarder.ingest.body import repair_json
from forwarder.ingest.event import RawEvent, read_event
from forwarder.ingest.fields import Fields, read_fields, read_text
from forwarder.ingest.resynchronizing import find_events
from forwarder.ingest.splitting import split_batch

_ABSENT = msgspec.Raw()


class Envelope(msgspec.Struct, frozen=True):  # made in a sixth of a data class's time
    """The events of a request, of a batch not looked at yet, and what stands beside them."""

    events: Sequence[msgspec.Raw | RawEvent]
    write_key: str | None
    sent_at: msgspec.Raw | None = None
    context: Fields | None = None
    integrations: Fields | None = None
    added_bytes: int = 0
    """What context and integrations add to every event."""


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    writeKey: msgspec.Raw = _ABSENT  # noqa: N815 - Segment's own JSON name
    sentAt: msgspec.Raw = _ABSENT  # noqa: N815 - Segment's own JSON name
    context: msgspec.Raw = _ABSENT
    integrations: msgspec.Raw = _ABSENT


_BESIDE = ("writeKey", "sentAt", "context", "integrations")
_batch = msgspec.json.Decoder(_Batch)


def single(body: bytes) -> Envelope:
    """Return the envelope of a body that is one event. Raises Refusal."""
    event = read_event(body) or read_event(repair_json(body) or b"")
    if event is None:
        raise Refusal(400, "not_json", "the body is not a JSON object; send one event")
    key = event.typed.write_key
    return Envelope([event], key if isinstance(key, str) else None)


def batch(body: bytes) -> Envelope:
    """Return the envelope of a body with many events. Raises Refusal."""
    return whole_batch(body) or separated_batch(body)


def whole_batch(body: bytes) -> Envelope | None:
    """Return the envelope of a batch that is JSON as a whole, else None. Raises Refusal.

    It takes 2 ms for the largest body.
    """
    try:
        return _enveloped(_batch.decode(body))
    except msgspec.ValidationError:
        raise Refusal(400, "no_batch", "the body needs its events in batch, a JSON list") from None
    except (msgspec.DecodeError, RecursionError):
        return None


def separated_batch(body: bytes) -> Envelope:
    """Return the envelope of a batch in which something is no JSON. Raises Refusal.

    It takes 250 ms for the largest body, so that large ones are not for the event loop.
    """
    return _enveloped(_separated(body))


def _enveloped(read: _Batch) -> Envelope:
    return Envelope(
        events=read.batch,
        write_key=read_text(read.writeKey),
        sent_at=read.sentAt if bytes(read.sentAt) else None,
        context=read_fields(read.context),
        integrations=read_fields(read.integrations),
        added_bytes=memoryview(read.context).nbytes + memoryview(read.integrations).nbytes,
    )


def _separated(body: bytes) -> _Batch:
    """Return the batch of a body that is not JSON as a whole, its events not looked at. Raises Refusal."""
    parts = split_batch(body) or find_events(body)
    if parts is None:
        raise Refusal(400, "not_json", "the body is not JSON")
    beside = {
        name: msgspec.Raw(value)
        for name, text in parts.beside.items()
        if name in _BESIDE and (value := repair_json(text))
    }
    return _Batch([msgspec.Raw(event) for event in parts.events], **beside)
