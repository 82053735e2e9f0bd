"""An event of an archive, made one that ingest can be given today: it came at its own time, not now."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from forwarder.ingest.body import repair_json
from forwarder.ingest.fields import Fields, read_fields, read_value
from forwarder.ingest.times import format_time, happened_at, read_time

_encode: Final = msgspec.json.Encoder().encode
_DIGITS: Final = 24
"""Of a line's digest: 96 bits, so that no two of a million million lines share an id."""


def as_sent_now(text: bytes, number: int) -> bytes | None:
    """Return the event of a line as JSON, None where it holds no JSON object. ``number``: the line's.

    Its time is what it says, corrected by its own ``sentAt`` and ``receivedAt`` unless that was done before
    it was archived; without any time it is the one at which it was received. An event without a message id
    gets one that is the same whenever the file is imported again.
    """
    fields = read_fields(text)
    if fields is None:
        fields = read_fields(repair_json(text) or b"")
    if fields is None:
        return None
    if "type" not in fields and "event" in fields:  # as ``forwarder events find --json`` prints them
        fields = read_fields(fields["event"]) or fields
    _set_time(fields)
    if read_value(fields.get("messageId")) in (None, ""):
        digest = sha256(text).hexdigest()[:_DIGITS]
        fields["messageId"] = msgspec.Raw(_encode(f"import-{digest}-{number}"))
    return _encode(fields)


def _set_time(fields: Fields) -> None:
    """Set the time at which the event happened, and leave out when it was sent: that was not now."""
    sent = fields.pop("sentAt", None)
    if "timestamp" in fields and "originalTimestamp" in fields:  # corrected, when it was received
        return
    received = read_time(read_value(fields.get("receivedAt")))
    if received is None:
        return
    given = fields.get("timestamp", fields.get("originalTimestamp"))
    if read_value(given) is None:
        happened: int | None = received
    elif (original := read_time(read_value(given))) is None:
        return
    else:
        happened = happened_at(original, read_time(read_value(sent)), received)
    if happened is not None:
        fields["timestamp"] = msgspec.Raw(_encode(format_time(happened)))
