"""An owner's function in the forwarder: ended where it does not end, and what ingest keeps of its answer."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from forwarder.config.settings import Limits, Source
from forwarder.enrichment.code import Enrichment
from forwarder.enrichment.effect import effect_of
from forwarder.enrichment.event import Bounds, Enriched, enrich_event
from forwarder.enrichment.service import MOST_OVERRUNS, EnrichmentService
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import IngestService
from forwarder.metrics import ENRICHMENTS
from forwarder.outcomes import Outcome
from forwarder.spool import NewEvent
from tests.support.enriched import NOW, Event, stored

BOUNDS = Bounds(32_768, 64)


def ended(function: Callable[[Event, Event], Any], event: Event | None = None, **options: Any) -> Enriched:
    one = Enrichment("v1", function, **options)
    return enrich_event(one, json.dumps(event or stored()).encode(), "192.0.2.1", BOUNDS)


def service(function: Callable[[Event, Event], Any], **options: Any) -> EnrichmentService:
    return EnrichmentService({"web": Enrichment("v1", function, **options)}, Limits(), limit_s=0.05)


def counted(result: str) -> float:
    return ENRICHMENTS.values().get(("web", result), 0)


async def test_a_function_that_does_not_end_is_ended() -> None:
    def endless(event: Event, page: Event) -> Event:
        try:
            while event["event"] == "Seen":
                pass
        except Exception:
            return {}
        return event

    one = service(endless)
    events = [NewEvent("web", str(n), json.dumps(stored()).encode()) for n in range(MOST_OVERRUNS + 2)]
    other = NewEvent("web", "other", json.dumps(stored(event="Other")).encode())
    before = counted("failed")
    with capture_logs() as said:
        assert await one.enrich("web", events, None) == events
        assert await one.enrich("web", [other], None) == [other], "it is left alone for a while"
    assert counted("failed") - before == len(events) + 1
    faults = {str(entry["fault"]).partition(" at ")[0] for entry in said}
    assert faults == {"_TooLong", "it takes too long, and is left alone for a while"}
    assert len(said) <= 3, "once for each kind"


async def test_a_sender_that_goes_away_leaves_nobody_waiting() -> None:
    one = service(lambda event, page: {**event, "event": "Enriched"})
    event = NewEvent("web", "m", json.dumps(stored()).encode())
    gone = asyncio.create_task(one.enrich("web", [event] * 200, None))
    await asyncio.sleep(0)
    gone.cancel()
    [done] = await one.enrich("web", [event], None)
    assert json.loads(done.body)["event"] == "Enriched"
    assert await one.enrich("other", [event], None) == [event]


class Spool:
    def __init__(self) -> None:
        self.events: list[NewEvent] = []

    async def append(self, events: Any, now: int) -> list[bool]:
        self.events += events
        return [True] * len(events)


async def test_ingest_keeps_what_enrichment_leaves() -> None:
    def enrich(event: Event, page: Event) -> Event | None:
        return None if event["event"] == "Noise" else {**event, "event": event["event"].upper()}

    spool, ends = Spool(), []
    source = Source.model_validate({"name": "web", "write_key": "key", "enrich": "mine.py"})
    ingest = IngestService(
        [source],
        Limits(),
        spool,
        lambda: NOW,
        lambda *end: ends.append(end),
        enricher=service(enrich),
    )
    names = ["a", "Noise", "b"]
    batch = [{"type": "track", "event": name, "userId": "u-1", "messageId": name} for name in names]
    await ingest.take(IngestRequest(body=json.dumps({"batch": batch}).encode(), kind=None, write_key="key"))
    assert [json.loads(one.body)["event"] for one in spool.events] == ["A", "B"]
    assert ends == [("web", Outcome.FILTERED, "enrich", 1)]


def test_an_effect_names_each_changed_field() -> None:
    before = stored(properties={"n": 1, "gone": "x", "same": [1]})
    done = ended(lambda event, page: {**event, "properties": {"n": 2, "same": [1], "new": None}}, before)
    effect = effect_of(Enrichment("v1", lambda event, page: event), json.dumps(before).encode(), done)
    assert effect.changes == (
        {"path": "properties.n", "before": 1, "after": 2},
        {"path": "properties.gone", "before": "x"},
        {"path": "properties.new", "after": None},
    )
    assert effect.lines()[1:3] == ["    properties.n: 1 -> 2", '    properties.gone: "x" -> nothing']


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"path": "a.py", "minimal": ["event"]}, "minimal is for what is required"),
        ({"path": "a.py", "required": True, "minimal": ["event"]}, "minimal must list userId or anonymousId"),
        ({"required": True}, "Field required"),
        ({"path": "a.py", "must": True}, "Extra inputs"),
    ],
)
def test_settings_that_do_not_go_together_are_told(given: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Source.model_validate({"name": "web", "write_key": "key", "enrich": given})
