"""Ingest as ``serve`` runs it, with nothing kept: whether an event would be accepted, and in which form."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

import orjson

from forwarder.cdn.session_rules import session_rules
from forwarder.config.settings import Settings, Source
from forwarder.delivery.scheduler.planning import read_body
from forwarder.enrichment.code import Enrichment, enrichments_of
from forwarder.enrichment.effect import Effect, effect_of
from forwarder.enrichment.event import Bounds, enrich_event
from forwarder.http.responses import Refusal
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import IngestService
from forwarder.outcomes import Outcome
from forwarder.sessions.book import SessionBook
from forwarder.sessions.stamp import stamped
from forwarder.spool import NewEvent
from forwarder.trial.reading import Given

_UNBOUNDED = 1_000_000_000
"""Requests a second: what is tried here comes from the operator alone."""


class Accepted:
    """An event as it would be in the spool.

    ``source``: its name; ``event``: with corrected times; ``effect``: what the owner's code did to it, None
    where the source has none.
    """

    def __init__(self, source: str, event: dict[str, object], effect: Effect | None = None) -> None:
        self.source = source
        self.event = event
        self.effect = effect


class Rejected:
    """Why an event would be rejected. ``code``: the counted reason."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message


class _Nowhere:
    """Keeps the events of one request in memory, and the sessions of all that came."""

    def __init__(self) -> None:
        self.events: list[NewEvent] = []
        self._book = SessionBook()

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        book, facts = self._book, [event.session for event in events]
        self.events = [
            event
            if done is None or event.session is None
            else NewEvent(event.source, event.message_id, stamped(event.body, event.session, done))
            for event, done in zip(events, book.assign(facts, now), strict=True)
        ]
        book.committed()
        return [True] * len(events)


class _Observed:
    """Enriches at once, and keeps what became of the one event."""

    def __init__(self, enrichments: Mapping[str, Enrichment], bounds: Bounds) -> None:
        self._by_source = enrichments
        self._bounds = bounds
        self.effect: Effect | None = None

    async def enrich(self, source: str, events: list[NewEvent], address: str | None) -> list[NewEvent]:
        """Enrich the one event that there is, and keep what became of it."""
        one = self._by_source.get(source)
        self.effect = None
        if one is None or not events:
            return events
        [event] = events
        done = enrich_event(one, event.body, address, self._bounds)
        self.effect = effect_of(one, event.body, done)
        return [] if done.body is None else [NewEvent(event.source, event.message_id, done.body)]


def _count_nothing(source: str, outcome: Outcome, reason: str, count: int) -> None:
    """Leave the counters alone."""


class Trial:
    """Accepts events as ``serve`` would from now on. ``source``: who sends those that name no write key."""

    def __init__(self, settings: Settings, source: Source, clock: Callable[[], int]) -> None:
        strict = [one.model_copy(update={"strict": True}) for one in settings.sources]  # says every reason
        limits = settings.limits.model_copy(update={"requests_per_second": _UNBOUNDED})
        self._spool = _Nowhere()
        bounds = Bounds(limits.event_bytes, limits.nesting)
        self._enricher = _Observed(enrichments_of(settings), bounds)
        self._service = IngestService(
            strict,
            limits,
            self._spool,
            clock,
            _count_nothing,
            enricher=self._enricher,
            session_rules=session_rules(settings),
        )
        self._key = source.write_key

    def accept(self, given: Given) -> Accepted | Rejected:
        """Return the event as it would be kept, or why it would not."""
        self._spool.events = []
        event = given.event
        if isinstance(event, dict) and not event.get("messageId"):
            # Ingest makes one up; here it is the same each time, so that two trials can be compared.
            event = {**event, "messageId": f"plan-{sha256(_json(event)).hexdigest()[:32]}"}
        body = {**(given.beside or {}), "batch": [event]}
        key = self._own_key(given)
        try:
            request = IngestRequest(body=_json(body), kind=None, write_key=key or self._key)
            answer = asyncio.run(self._service.take(request))
        except Refusal as refusal:
            return Rejected(refusal.code, refusal.message)
        if answer.status != 200:
            [reason] = orjson.loads(answer.body)["errors"]
            return Rejected(reason["code"], reason["message"])
        if not self._spool.events:
            return Rejected("enrich", f"the source's own enrich keeps nothing of it: {self._enricher.effect}")
        [kept] = self._spool.events
        return Accepted(kept.source, read_body(kept.body), self._enricher.effect)

    @staticmethod
    def _own_key(given: Given) -> str:
        for place in (given.beside, given.event):
            if isinstance(place, dict) and isinstance(key := place.get("writeKey"), str):
                return key
        return ""


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
