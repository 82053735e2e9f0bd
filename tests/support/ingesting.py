"""An ingest service over a spool in memory, and what it counted."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from forwarder.config.settings import Limits, Source
from forwarder.errors import SpoolFull
from forwarder.http.responses import Refusal, Response, refusal_response
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import IngestService
from forwarder.memory import RequestMemory
from forwarder.outcomes import Outcome
from forwarder.spool import NewEvent

NOW = 1_704_067_200_000


class MemorySpool:
    """A spool in memory, as far as ingest asks for it."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.full = False

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        await asyncio.sleep(0)
        if self.full:
            raise SpoolFull("full", 30)
        new = []
        for event in events:
            key = (event.source, event.message_id)
            new.append(key not in self.events)
            self.events.setdefault(key, json.loads(event.body))
        return new


class Setup:
    """An ingest service with what it writes to."""

    def __init__(
        self, limits: Limits | None = None, memory: RequestMemory | None = None, **source: Any
    ) -> None:
        self.spool = MemorySpool()
        self.recorded: list[tuple[str, Outcome, str, int]] = []
        given = {"name": "web", "write_key": "key", **source}
        sources = [Source(**given)]
        self.service = IngestService(
            sources, limits or Limits(), self.spool, lambda: NOW, self.record, memory
        )

    def record(self, source: str, outcome: Outcome, reason: str, count: int) -> None:
        self.recorded.append((source, outcome, reason, count))

    async def send(self, body: object, kind: str | None = None, **more: Any) -> Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given: dict[str, Any] = {"authorization": b"Basic " + b64encode(b"key:"), **more}
        try:
            return await self.service.take(IngestRequest(body=raw, kind=kind, **given))
        except Refusal as refusal:
            return refusal_response(refusal)


def track(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Seen", "userId": "u", "messageId": f"m{number}", **more}
