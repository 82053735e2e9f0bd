"""Taking events in: from a request's bytes to events in the spool, and the answer to the sender."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import structlog

from forwarder.addresses import network_of
from forwarder.config.settings import Limits, Source
from forwarder.errors import SpoolDamaged, SpoolFull, SpoolLost, SpoolUnavailable
from forwarder.http.metrics import count_time_problems
from forwarder.http.rate_limit import FailedAttempts, RateLimiter
from forwarder.http.responses import OK, Refusal, Response, error
from forwarder.ingest.body import decode_body, exceeds_depth, repair_json
from forwarder.ingest.envelope import Envelope, batch, single
from forwarder.ingest.event import RawEvent, read_event
from forwarder.ingest.keys import keys_in
from forwarder.ingest.normalization import RequestContext, normalize
from forwarder.ingest.sources import Sources, may_send
from forwarder.ingest.validation import Rejection
from forwarder.memory import RequestMemory
from forwarder.outcomes import Outcome
from forwarder.spool import NewEvent

log = structlog.get_logger()
_MOST_ADDED = 8
"""What stands beside a batch's events may make them so many times as large as the largest batch."""
_LARGE = 65_536
"""Bytes of a body from which on it is one of few: parsed beside the event loop, its events in slices."""
_SLICE = 50
"""Events of a large body that are looked at before others have their turn: 1 to 2 ms."""
_EVENT_OBJECTS = 512
"""Bytes of the objects that each event takes while it waits for the spool."""
_NOT_JSON = Rejection("not_json", "an event must be JSON")
_NOT_AN_OBJECT = Rejection("not_an_object", "an event must be a JSON object")
_REASONS_LISTED = 100
"""Rejected events whose reasons a strict source's answer lists."""
_UNAVAILABLE = {
    "stream_silent": "the stream that keeps events does not answer; send again later",
    "stream_full": "the stream that keeps events refuses more; send again later",
    "stream_incomplete": "the stream that keeps events is being mended; send again later",
}
"""What a sender is told, by ``SpoolUnavailable.code``."""
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
    """Where ingest counts outcomes."""

    def __call__(self, source: str, outcome: Outcome, reason: str, count: int) -> None:
        """Count events of a source."""


class IngestRequest(msgspec.Struct, frozen=True, gc=False):  # made in a sixth of a data class's time
    """What a request brought, apart from the transport."""

    body: bytes
    kind: str | None
    """The type that the route names; None: a batch."""
    encoding: bytes = b""
    authorization: bytes = b""
    write_key: str = ""
    """What the address or a header of its own says; before the body's, which Jitsu masks."""
    origin: bytes = b""
    address: str = ""


class IngestService:
    """Takes events in for one set of sources; a reload makes a new one on the same spool."""

    def __init__(
        self,
        sources: Sequence[Source],
        limits: Limits,
        spool: EventSink,
        clock: Callable[[], int],
        record: OutcomeRecorder,
        memory: RequestMemory | None = None,
        enricher: Enricher | None = None,
    ) -> None:
        """``memory``: where requests count what they hold; left out: by themselves."""
        self.sources = Sources(sources)
        self.limits = limits
        self._spool = spool
        self._clock = clock
        self._record = record
        self._enricher = enricher
        self._memory = memory or RequestMemory(limits.unanswered_bytes)
        self._rates = RateLimiter(
            limits.requests_per_second, limits.events_per_second, limits.bytes_per_second
        )
        self._failed_keys = FailedAttempts(limits.failed_keys_per_minute)
        self._large = asyncio.Lock()
        self._too_large = Rejection("event_too_large", f"one event holds at most {limits.event_bytes} bytes")
        self._too_deep = Rejection("too_deep", f"arrays and objects lie at most {limits.nesting} levels deep")

    def largest(self, kind: str | None) -> int:
        """Return the most bytes of a body that carries one event of a type; None: a batch."""
        return self.limits.event_bytes if kind else self.limits.batch_bytes

    async def take(self, request: IngestRequest) -> Response:
        """Return the answer; on 200 every event that is not rejected is durable. Raises Refusal."""
        now = self._clock()
        source, body = self._identify(request, now)
        size = 2 * len(body)
        self._hold(size)
        try:
            if len(body) <= _LARGE:
                return await self._accept(request, source, body, now)
            async with self._large:
                return await self._accept(request, source, body, now)
        finally:
            self._memory.ingested -= size

    def _identify(self, request: IngestRequest, now: int) -> tuple[Source, bytes]:
        """Return who sends, and the body as JSON text, which is not parsed yet. Raises Refusal.

        A key in a header or in the address is checked before the body is touched. A body that has to be
        inflated to find its key may be large only from addresses that do not fail all the time.
        """
        largest = self.largest(request.kind)
        if request.write_key or self.sources.names_key(request.authorization):
            source = self._sender(request, request.write_key or None, now)
            self._admit(source, request, now)
            return source, decode_body(request.body, request.encoding, largest)
        body = self._decoded_for_key(request, largest, now)
        source = self._sender(request, self.sources.known_of(keys_in(body)), now)
        self._admit(source, request, now)
        return source, body

    def _decoded_for_key(self, request: IngestRequest, largest: int, now: int) -> bytes:
        """Return the JSON text of a body in which the key stands. Raises Refusal.

        A body that cannot be inflated counts as a wrong key, for it cost as much and none was found. Where
        the address fails all the time, what is large when inflated is not looked at: it is to be sent again,
        for the key in it may be right.
        """
        if not request.encoding:
            return decode_body(request.body, request.encoding, largest)
        network = network_of(request.address)
        slowed = self._failed_keys.too_many(network, now)
        try:
            most = min(largest, self.limits.event_bytes) if slowed else largest
            return decode_body(request.body, request.encoding, most)
        except Refusal:
            self._failed_keys.count(network, now)
            if slowed:
                raise _too_many_failed_keys() from None
            raise

    def _sender(self, request: IngestRequest, own_key: str | None, now: int) -> Source:
        """Return the source of the request. Raises Refusal, and counts it for the sender's address."""
        try:
            return self.sources.sender(request.authorization, own_key)
        except Refusal:
            network = network_of(request.address)
            slowed = self._failed_keys.too_many(network, now)
            self._failed_keys.count(network, now)
            if slowed:
                raise _too_many_failed_keys() from None
            raise

    def _admit(self, source: Source, request: IngestRequest, now: int) -> None:
        """Raise Refusal where the source takes nothing from there, or not so often."""
        if request.origin and not may_send(source, request.origin.decode("latin-1")):
            raise Refusal(403, "origin_not_allowed", "this source takes no events of this page's origin")
        wait = self._rates.wait((source.name, network_of(request.address)), now)
        if wait:
            raise Refusal(429, "too_many_requests", "this address sends too much; wait", retry_after=wait)

    def _hold(self, size: int, own: int = 0) -> None:
        """Count memory that is to be released. Raises Refusal where there is none left.

        ``own``: bytes that the same request holds already.
        """
        if not self._memory.fits(size, own):
            raise Refusal(429, "too_much_at_once", "others send too much just now; send again", 1)
        self._memory.ingested += size

    async def _accept(self, request: IngestRequest, source: Source, body: bytes, now: int) -> Response:
        """Parse the body and keep its events."""
        if request.kind is not None:
            envelope = single(body)
        elif len(body) <= _LARGE:
            envelope = batch(body)
        else:
            envelope = await asyncio.to_thread(batch, body)
        if not request.write_key:  # what was found before may have stood inside of an event
            found, source = source, self._sender(request, envelope.write_key, now)
            if source is not found:
                self._admit(source, request, now)
        count, added = len(envelope.events), envelope.added_bytes
        sender = (source.name, network_of(request.address))
        try:
            self._check_counts(count, added)
        except Refusal:  # it costs the parsing only, not what it would have become
            self._rates.charge(sender, min(count, self.limits.batch_events + 1), len(body), now)
            raise
        self._rates.charge(sender, count, len(body) + added * count, now)
        size = (added + _EVENT_OBJECTS) * count
        self._hold(size, own=2 * len(body))
        try:
            return await self._take(request, source, envelope, now)
        finally:
            self._memory.ingested -= size

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

    async def _take(self, request: IngestRequest, source: Source, envelope: Envelope, now: int) -> Response:
        arrival = RequestContext(
            source=source.name,
            received_at=now,
            address=request.address if source.client_addresses and request.address else None,
            from_page=bool(request.origin),
            sent_at=envelope.sent_at,
            context=envelope.context,
            integrations=envelope.integrations,
            strict=source.strict,
        )
        if source.strict and arrival.sent.problem:
            raise Refusal(400, arrival.sent.problem, "sentAt is no time; write it in ISO 8601")
        events = envelope.events
        good, bad = self._sort(events[:_SLICE], arrival, request.kind)
        for start in range(_SLICE, len(events), _SLICE):
            if self._large.locked():
                await asyncio.sleep(0)
            more, worse = self._sort(events[start : start + _SLICE], arrival, request.kind)
            good += more
            bad += [(start + index, rejection) for index, rejection in worse]
        if arrival.time_problems:
            count_time_problems(source.name, arrival.time_problems)
        await self._keep(source, await self._enriched(source, good, arrival.address), now)
        if bad:
            self._record_rejections(source, bad)
            if source.strict:
                return _strict_response(bad, len(good))
        return OK

    def _sort(
        self, events: Sequence[msgspec.Raw | RawEvent], arrival: RequestContext, kind: str | None
    ) -> tuple[list[NewEvent], list[tuple[int, Rejection]]]:
        """Return the events to keep, and the place and reason of each that is rejected."""
        largest, nesting = self.limits.event_bytes, self.limits.nesting
        good: list[NewEvent] = []
        bad: list[tuple[int, Rejection]] = []
        for index, event in enumerate(events):
            done: NewEvent | Rejection
            if isinstance(event, RawEvent):
                done = normalize(event, arrival, kind)
            elif memoryview(event).nbytes > largest:
                done = self._too_large
            else:
                read = read_event(event) or read_event(repair_json(bytes(event)) or b"")
                done = normalize(read, arrival) if read else self._unreadable(bytes(event))
            if isinstance(done, NewEvent) and exceeds_depth(done.body, nesting):
                done = self._too_deep
            if isinstance(done, Rejection):
                bad.append((index, done))
            else:
                good.append(done)
        return good, bad

    async def _enriched(self, source: Source, good: list[NewEvent], address: str | None) -> list[NewEvent]:
        """Return what the source's own code has made of its events; what it dropped is counted."""
        if self._enricher is None or source.enrich is None:
            return good
        kept = await self._enricher.enrich(source.name, good, address)
        if len(kept) < len(good):
            self._record(source.name, Outcome.FILTERED, "enrich", len(good) - len(kept))
        return kept

    def _unreadable(self, text: bytes) -> Rejection:
        """Return what is wrong with the text of an event that is no JSON object."""
        if exceeds_depth(text, self.limits.nesting):
            return self._too_deep
        return _NOT_JSON if text[:1] == b"{" else _NOT_AN_OBJECT

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
        counts: dict[str, int] = {}
        for _, rejection in bad:
            counts[rejection.code] = counts.get(rejection.code, 0) + 1
        for code, count in counts.items():
            self._record(source.name, Outcome.REJECTED, code, count)
        log.warning("events rejected", source=source.name, reasons=counts)


def _too_many_failed_keys() -> Refusal:
    return Refusal(429, "too_many_failed_keys", "this address sends wrong write keys; check them", 60)


def _strict_response(bad: list[tuple[int, Rejection]], taken: int) -> Response:
    """Return the answer of a strict source."""
    return error(
        400,
        "events_rejected",
        f"{len(bad)} events were rejected, {taken} were taken: {bad[0][1].message}",
        errors=[
            {"index": index, "code": rejection.code, "message": rejection.message}
            for index, rejection in bad[:_REASONS_LISTED]
        ],
    )
