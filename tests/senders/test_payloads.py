"""Each payload goes through the real routes, ingest and planning; what comes out is what is right."""

import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

import httpx
import pytest

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.app import Forwarder
from forwarder.asgi import create_app
from forwarder.config.settings import Settings, Source
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.ingest.service import IngestService
from forwarder.outcomes import Outcome
from forwarder.spool import NewEvent, StoredEvent
from tests.senders.make import FILE, made, stored
from tests.senders.received import SUBSCRIPTIONS, body_of, differences, ends, kept, read
from tests.senders.shapes import ADDRESS, KEY, NOW, Json

PAYLOADS = [json.loads(line) for line in stored()]


class Spool:
    """Where ingest puts events, and what it says of the others."""

    def __init__(self) -> None:
        self.events: dict[str, NewEvent] = {}
        self.ended: Counter[tuple[str, str]] = Counter()

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        """Keep events as the real one does: each message id once."""
        new = []
        for event in events:
            new.append(event.message_id not in self.events)
            self.events.setdefault(event.message_id, event)
        return new

    def record(self, source: str, outcome: Outcome, reason: str, count: int) -> None:
        """Count what ended at ingest."""
        self.ended[outcome.value, reason] += count

    def planned(self) -> list[tuple[list[Json], str]]:
        """Return for each event its items as they would be sent, and why it is filtered or in trouble."""
        found = []
        for seq, event in enumerate(self.events.values()):
            in_spool = StoredEvent(seq, NOW, event.source, event.message_id, event.body)
            job, filtered = plan_job(in_spool, destination(), None)
            items = [read(item.data) | {"endpoint": path_of(item.endpoint)} for item in job.items]
            found.append((items, filtered or job.reason))
        return found


@cache
def destination() -> AmplitudeDestination:
    return AmplitudeDestination({"apiKey": "k", "secretKey": "s"}, SUBSCRIPTIONS, clock=lambda: NOW)


def path_of(endpoint: Endpoint) -> str:
    """Return the path at Amplitude, as the destination's address has it."""
    return urlsplit(destination().url(endpoint)).path


async def sent(payload: Json, spool: Spool) -> httpx.Response:
    """Send a payload to an application of its own."""
    settings = Settings(sources=(Source(name="senders", write_key=KEY),))
    forwarder = Forwarder(settings, lambda: NOW)
    forwarder.service = IngestService(settings.sources, settings.limits, spool, lambda: NOW, spool.record)
    transport = httpx.ASGITransport(create_app(forwarder), client=(ADDRESS, 40_000))
    request = payload["request"]
    async with httpx.AsyncClient(transport=transport, base_url="http://forwarder.example") as client:
        return await client.request(
            request["method"], request["path"], headers=request["headers"], content=body_of(request)
        )


@pytest.mark.parametrize("payload", PAYLOADS, ids=[each["id"] for each in PAYLOADS])
async def test_payload(payload: Json) -> None:
    spool, expected = Spool(), payload["expected"]
    answer = await sent(payload, spool)
    assert answer.status_code == expected["status"], answer.text
    if "code" in expected:
        assert answer.json()["code"] == expected["code"]
    rejected, duplicates = ends(payload)
    assert spool.ended == Counter(
        {("rejected", reason): count for reason, count in rejected.items()}
    ) + Counter({("duplicate", ""): duplicates})
    planned = spool.planned()
    assert len(planned) == len(kept(payload))
    for right, (items, reason) in zip(kept(payload), planned, strict=True):
        assert reason == right.get("reason", "")
        assert len(items) == len(right.get("items", []))
        for wanted, item in zip(right.get("items", []), items, strict=True):
            assert differences(wanted, item) == []


def test_the_file_is_what_is_made() -> None:
    assert stored() == made(), f"write {FILE.name} anew: python -m tests.senders.make"


def test_every_library_sends_every_call() -> None:
    assert len(PAYLOADS) >= 300
    calls: dict[str, set[str]] = {}
    for payload in PAYLOADS:
        calls.setdefault(payload["library"], set()).add(payload["call"])
    calls.pop("HTTP API")
    assert len(calls) >= 20
    for library, made_calls in calls.items():
        assert made_calls >= {"track", "identify", "group", "alias"}, library
        assert made_calls & {"page", "screen"}, library
