"""A request to an application, message by message, what is answered, and a spool for what is accepted."""

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from forwarder.spool import NewEvent

BASIC = (b"authorization", b"Basic " + b64encode(b"key:"))
EVENT = b'{"event":"Seen","userId":"u","messageId":"m","context":{"library":{"name":"analytics.js"}}}'
BATCH = b'{"batch":[{"type":"track",' + EVENT[1:] + b"]}"
SHOP = b"https://shop.example"
PLAIN = [(b"content-type", b"application/json")]
VARY = (b"vary", b"Origin")
EXPOSED = (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset")
CREDENTIALS = (b"access-control-allow-credentials", b"true")
FOR_SHOP = [(b"access-control-allow-origin", SHOP), CREDENTIALS, EXPOSED, VARY]


def zipped(data: bytes) -> bytes:
    """The same bytes each time: workers of a test run compare the names of tests."""
    return gzip.compress(data, mtime=0)


class ListSpool:
    """A spool that keeps what is accepted as a list, or fails as it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.failure: Exception | None = None

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        if self.failure:
            raise self.failure
        self.events += [(event.source, json.loads(event.body)) for event in events]
        return [True] * len(events)


class Asked:
    """What an application reads and sends for one request."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.left = list(messages)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        return self.left.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def of(
        self,
        app: Any,
        path: str,
        *headers: tuple[bytes, bytes],
        method: str = "POST",
        query: bytes = b"",
        client: str = "203.0.113.7",
    ) -> "Asked":
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": list(headers),
            "client": (client, 1),
        }
        await app(scope, self.receive, self.send)
        return self

    @property
    def code(self) -> str | None:
        code: str | None = json.loads(self.sent[1]["body"]).get("code")
        return code


def whole(body: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": False}


def piece(body: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": True}


def answer(
    status: int, body: bytes, *headers: tuple[bytes, bytes], kind: bytes = b"application/json"
) -> list[dict[str, Any]]:
    """Return both messages of an answer in one piece."""
    before = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    return [
        {"type": "http.response.start", "status": status, "headers": [*before, *headers]},
        {"type": "http.response.body", "body": body},
    ]


OK = b'{"success": true}'
