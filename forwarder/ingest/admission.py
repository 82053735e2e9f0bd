"""Who may send: a request's key, origin and rate are checked before its events are looked at."""

from collections.abc import Sequence

from forwarder.addresses import network_of
from forwarder.config.settings import Limits, Source
from forwarder.http.rate_limit import FailedAttempts, RateLimiter
from forwarder.http.responses import Refusal
from forwarder.ingest.body import decode_body
from forwarder.ingest.keys import keys_in
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.sources import Sources, may_send


class Admission:
    """The admission of requests for one set of sources. Times are ms since the epoch."""

    def __init__(self, sources: Sequence[Source], limits: Limits) -> None:
        self.sources = Sources(sources)
        self.limits = limits
        self._rates = RateLimiter(
            limits.requests_per_second, limits.events_per_second, limits.bytes_per_second
        )
        self._failed_keys = FailedAttempts(limits.failed_keys_per_minute)

    def largest(self, kind: str | None) -> int:
        """Return the most bytes of a body that carries one event of a type; None: a batch."""
        return self.limits.event_bytes if kind else self.limits.batch_bytes

    def identify(self, request: IngestRequest, now: int) -> tuple[Source, bytes]:
        """Return who sends, and the body as JSON text, which is not parsed yet. Raises Refusal.

        A key in a header or in the address is checked before the body is touched. A body that has to be
        inflated to find its key may be large only from addresses that do not fail all the time.
        """
        largest = self.largest(request.kind)
        if request.write_key or self.sources.names_key(request.authorization):
            source = self.sender(request, request.write_key or None, now)
            self.admit(source, request, now)
            return source, decode_body(request.body, request.encoding, largest)
        body = self._decoded_for_key(request, largest, now)
        source = self.sender(request, self.sources.known_of(keys_in(body)), now)
        self.admit(source, request, now)
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

    def sender(self, request: IngestRequest, own_key: str | None, now: int) -> Source:
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

    def admit(self, source: Source, request: IngestRequest, now: int) -> None:
        """Raise Refusal where the source takes nothing from there, or not so often."""
        if request.origin and not may_send(source, request.origin.decode("latin-1")):
            raise Refusal(403, "origin_not_allowed", "this source takes no events of this page's origin")
        wait = self._rates.wait((source.name, network_of(request.address)), now)
        if wait:
            raise Refusal(429, "too_many_requests", "this address sends too much; wait", retry_after=wait)

    def charge(self, source: Source, request: IngestRequest, events: int, size: int, now: int) -> None:
        """Count what a request costs: ``events``, and ``size`` bytes of them."""
        self._rates.charge((source.name, network_of(request.address)), events, size, now)


def _too_many_failed_keys() -> Refusal:
    return Refusal(429, "too_many_failed_keys", "this address sends wrong write keys; check them", 60)
