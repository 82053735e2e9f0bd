"""Single events as they are normalised."""

import json
from typing import Any

from forwarder.ingest.event import read_event
from forwarder.ingest.normalization import RequestContext, normalize
from forwarder.spool import NewEvent

RECEIVED = 1_704_067_200_000
LAST = "2023-12-31T23:00:00.000Z"
TRACK: dict[str, Any] = {"type": "track", "event": "Seen", "userId": "u", "messageId": "m"}


def arrival(**changes: Any) -> RequestContext:
    given: dict[str, Any] = {"source": "web", "received_at": RECEIVED, "address": "203.0.113.9", **changes}
    return RequestContext(**given)


def kept(event: dict[str, Any], kind: str | None = None, **changes: Any) -> dict[str, Any]:
    done = normalize(read_event(json.dumps(event).encode()), arrival(**changes), kind)
    assert isinstance(done, NewEvent), done
    read: dict[str, Any] = json.loads(done.body)
    assert read["messageId"] == done.message_id
    return read
