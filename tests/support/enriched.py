"""An event as ingest keeps it, for an owner's function."""

from typing import Any

NOW = 1_700_000_000_000
Event = dict[str, Any]


def stored(**changed: Any) -> Event:
    """An event as ingest keeps it."""
    return {
        "type": "track",
        "event": "Seen",
        "anonymousId": "a",
        "messageId": "m",
        "context": {"ip": "192.0.2.1", "page": {"path": "/x"}},
        "properties": {"n": 1},
        "originalTimestamp": "2023-11-14T22:13:20.000Z",
        "timestamp": "2023-11-14T22:13:19.000Z",
        "receivedAt": "2023-11-14T22:13:21.000Z",
        "sentAt": "2023-11-14T22:13:22.000Z",
        "clockOffset": -1000,
        **changed,
    }
