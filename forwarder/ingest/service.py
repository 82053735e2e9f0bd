"""Ingest: from a request's bytes to events in the spool, and the response to the sender."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import structlog

from forwarder.config.settings import Limits, Source
from forwarder.errors import SpoolDamaged, SpoolFull, SpoolLost, SpoolUnavailable
from forwarder.http.metrics import count_time_problems
from forwarder.http.responses import OK, Refusal, Response, error
from forwarder.ingest.admission import Admission
from forwarder.ingest.envelope import Envelope, batch, separated_batch, single, whole_batch
from forwarder.ingest.normalization import RequestContext
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.session_facts import read_again
from forwarder.ingest.sorting import EventSorter, SortedEvents
from forwarder.ingest.turned_away import dropped, rejected
from forwarder.ingest.validation import Rejection
from forwarder.memory import HeldMemory, RequestMemory
from forwarder.outcomes import Outcome
from forwarder.sessions.facts import SessionRules
from forwarder.spool import NewEvent
from forwarder.spool.history import TurnedAway

log = structlog.get_logger()
_MOST_ADDED = 8
"""Context and integrations beside a batch are merged into each of its events, which together may become so
many times as large as ``limits.batch_bytes``: it bounds what a small request can make of memory and disk."""
_LARGE = 65_536
"""Bytes of a body from which on it is one of few: parsed beside the event loop, its events in slices."""
_EVENT_OBJECTS = 512
"""Bytes of the objects that each event takes while it waits for the spool."""
_REASONS_LISTED = 100
"""Rejected events whose reasons a strict source's answer lists."""
_UNAVAILABLE = {
    "stream_silent": "the stream that keeps events does not answer; send again later",
    "stream_full": "the stream that keeps events refuses more; send again later",
    "stream_incomplete": "the stream that keeps events is being mended; send again later",
}
"""The message of the response, by ``SpoolUnavailable.code``."""
_ENDING_S = 2
"""Seconds a sender is asked to wait for the next forwarder where this one ends: what a take-over takes."""


class EventSink(Protocol):
    """The spool as ingest sees it."""

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        """Return once all events are durable; False for duplicates. Raises SpoolFull."""
        ...


class Enricher(Protocol):
    """The owners' code as ingest sees it."""

    async def enrich(self, source: str, events: list[NewEvent], address: str | None) -> list[NewEvent]:
        """Return the events to keep, in order; those that are missing were dropped."""
        ...


class OutcomeRecorder(Protocol):
    """The recorder of outcomes at ingest."""

    def __call__(self, source: str, outcome: Outcome, reason: str, count: int) -> None:
        """Count events of a source."""


class IngestService:
    """The ingest for one set of sources; a reload makes a new one on the same spool."""

    def __init__(
        self,
        sources: Sequence[Source],
        limits: Limits,
        spool: EventSink,
        clock: Callable[[], int],
        record: OutcomeRecorder,
        memory: RequestMemory | None = None,
        enricher: Enricher | None = None,
        session_rules: Mapping[str, SessionRules] = MappingProxyType({}),
        turn_away: Callable[[Sequence[TurnedAway]], None] = lambda events: None,
    ) -> None:
        """``memory``: where requests count what they hold; left out: by themselves.

        ``session_rules``: by source; of the others nothing about sessions is decided here. ``turn_away``
        keeps events that end here for history.
        """
        self.session_rules = session_rules
        self.limits = limits
        self.admission = Admission(sources, limits)
        self._sorter = EventSorter(limits)
        self._spool = spool
        self._clock = clock
        self._record = record
        self._enricher = enricher
        self._turn_away = turn_away
        self._memory = memory or RequestMemory(limits.unanswered_bytes)
        self._large = asyncio.Lock()

    async def take(self, request: IngestRequest) -> Response:
        """Return the answer; on 200 every event that is not rejected is durable. Raises Refusal."""
        now = self._clock()
        source, body = self.admission.identify(request, now)
        held = HeldMemory(self._memory)
        try:
            self._hold(held, 2 * len(body))
            if len(body) <= _LARGE:
                envelope = batch(body) if request.kind is None else single(body)
                found = await self._sort(request, source, envelope, len(body), held, now)
            else:
                async with self._large:  # until its events are sorted: the next are while these are written
                    whole = whole_batch(body) if request.kind is None else single(body)
                    if whole is None:
                        whole = await asyncio.to_thread(separated_batch, body)
                    found = await self._sort(request, source, whole, len(body), held, now)
            return await self._take(found)
        finally:
            held.release()

    def _hold(self, held: HeldMemory, size: int) -> None:
        """Count memory that the request holds from now on. Raises Refusal where there is none left."""
        if not held.add(size):
            raise Refusal(429, "too_much_at_once", "others send too much just now; send again", 1)

    async def _sort(
        self,
        request: IngestRequest,
        source: Source,
        envelope: Envelope,
        length: int,
        held: HeldMemory,
        now: int,
    ) -> SortedEvents:
        """Return the events of a body of ``length`` bytes, to keep and rejected. Raises Refusal."""
        if not request.write_key:  # what was found before may have stood inside of an event
            found, source = source, self.admission.sender(request, envelope.write_key, now)
            if source is not found:
                self.admission.admit(source, request, now)
        count, added = len(envelope.events), envelope.added_bytes
        try:
            self._check_counts(count, added)
        except Refusal:  # it costs the parsing only, not what it would have become
            looked_at = min(count, self.limits.batch_events + 1)
            self.admission.charge(source, request, looked_at, length, now)
            raise
        self.admission.charge(source, request, count, length + added * count, now)
        self._hold(held, (added + _EVENT_OBJECTS) * count)
        arrival = self._arrival(request, source, envelope, now)
        events = SortedEvents(source, arrival, envelope.events)
        for _ in self._sorter.sorting(events, request.kind):
            if self._large.locked():
                await asyncio.sleep(0)
        return events

    def _check_counts(self, count: int, added: int) -> None:
        """Raise Refusal for too many events, or too much beside them."""
        if count > self.limits.batch_events:
            raise Refusal(
                400,
                "too_many_events",
                f"a batch holds at most {self.limits.batch_events} events; send several",
            )
        if added > self.limits.event_bytes or added * count > _MOST_ADDED * self.limits.batch_bytes:
            raise Refusal(400, "context_too_large", "context and integrations beside the batch are too large")

    def _arrival(
        self, request: IngestRequest, source: Source, envelope: Envelope, now: int
    ) -> RequestContext:
        """Return what holds for all events of a request. Raises Refusal."""
        arrival = RequestContext(
            source=source.name,
            received_at=now,
            address=request.address if source.client_addresses and request.address else None,
            from_page=bool(request.origin),
            sent_at=envelope.sent_at,
            context=envelope.context,
            integrations=envelope.integrations,
            strict=source.strict,
            session=None if source.enrich else self.session_rules.get(source.name),
        )
        if source.strict and arrival.sent.problem:
            raise Refusal(400, arrival.sent.problem, "sentAt is no time; write it in ISO 8601")
        return arrival

    async def _take(self, events: SortedEvents) -> Response:
        """Keep the events to keep, tell of the others, and return the answer. Raises Refusal."""
        source, arrival, good, bad = events.source, events.arrival, events.good, events.bad
        if arrival.time_problems:
            count_time_problems(source.name, arrival.time_problems)
        kept = good
        if self._enricher is not None and source.enrich is not None:
            kept = await self._enriched(self._enricher, source, good, arrival)
        await self._keep(source, kept, arrival.received_at)
        if bad:
            self._record_rejections(source, bad)
            self._turn_away(rejected(source.name, arrival.received_at, bad, events.sent))
            if source.strict:
                return _strict_response(bad, len(good))
        return OK

    async def _enriched(
        self, enricher: Enricher, source: Source, good: list[NewEvent], arrival: RequestContext
    ) -> list[NewEvent]:
        """Return what the source's own code has made of its events; what it dropped is counted."""
        kept = await enricher.enrich(source.name, good, arrival.address)
        if len(kept) < len(good):
            self._record(source.name, Outcome.FILTERED, "enrich", len(good) - len(kept))
            self._turn_away(dropped(arrival.received_at, good, kept))
        rules = self.session_rules.get(source.name)
        return kept if rules is None else [read_again(event, arrival.from_page, rules) for event in kept]

    async def _keep(self, source: Source, events: list[NewEvent], now: int) -> None:
        """Return when the events are durable. Raises Refusal where the spool is full or cannot be written."""
        if not events:
            return
        try:
            new = await self._spool.append(events, now)
        except SpoolUnavailable as away:
            raise Refusal(503, away.code, _UNAVAILABLE[away.code], away.retry_after) from None
        except SpoolFull as full:
            raise Refusal(
                429, "queue_full", "the forwarder's queue is full; send again later", full.retry_after
            ) from None
        except (SpoolLost, SpoolDamaged):  # of which the log tells once, as the forwarder ends
            raise Refusal(503, "spool_lost", "this forwarder ends; send again", _ENDING_S) from None
        if not all(new):
            self._record(source.name, Outcome.DUPLICATE, "", new.count(False))

    def _record_rejections(self, source: Source, bad: list[tuple[int, Rejection]]) -> None:
        counts = Counter(rejection.code for _, rejection in bad)
        for code, count in counts.items():
            self._record(source.name, Outcome.REJECTED, code, count)
        log.warning("events rejected", source=source.name, reasons=dict(counts))


def _strict_response(bad: list[tuple[int, Rejection]], accepted: int) -> Response:
    """Return the answer of a strict source."""
    return error(
        400,
        "events_rejected",
        f"{len(bad)} events were rejected, {accepted} were taken: {bad[0][1].message}",
        errors=[
            {"index": index, "code": rejection.code, "message": rejection.message}
            for index, rejection in bad[:_REASONS_LISTED]
        ],
    )
