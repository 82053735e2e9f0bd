"""Which events of a request are kept, and why the others are rejected."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from forwarder.config.settings import Limits, Source
from forwarder.ingest.body import exceeds_depth, repair_json
from forwarder.ingest.event import RawEvent, read_event
from forwarder.ingest.normalization import RequestContext, normalize
from forwarder.ingest.validation import Rejection
from forwarder.spool import NewEvent

SLICE_BYTES: Final = 64_000
"""Bytes of events that are sorted in one go: 1 to 2 ms, as 50 honest events of 1 kB; of nested lists 3."""
_EACH: Final = 256
"""Bytes that each event counts as beside its own."""
_NOT_JSON = Rejection("not_json", "an event must be JSON")
_NOT_AN_OBJECT = Rejection("not_an_object", "an event must be a JSON object")


class SortedEvents(msgspec.Struct):
    """The events of a request of a source: ``sent`` as they came, ``good`` to be kept, ``bad`` not, and why.

    Of a bad one the place in the request is kept with its reason.
    """

    source: Source
    arrival: RequestContext
    sent: Sequence[msgspec.Raw | RawEvent]
    good: list[NewEvent] = []
    bad: list[tuple[int, Rejection]] = []


class EventSorter:
    """The sorter of events: normalized ones, and rejections."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._too_large = Rejection("event_too_large", f"one event holds at most {limits.event_bytes} bytes")
        self._too_deep = Rejection("too_deep", f"arrays and objects lie at most {limits.nesting} levels deep")

    def sorting(self, events: SortedEvents, kind: str | None) -> Iterator[None]:
        """Add the events to keep to ``good``, the place and reason of each that is rejected to ``bad``.

        Yields between slices of events and of bytes, for others to have their turn.
        """
        arrival, good, bad = events.arrival, events.good, events.bad
        largest, nesting = self._limits.event_bytes, self._limits.nesting
        left = SLICE_BYTES
        for index, event in enumerate(events.sent):
            if left <= 0:
                yield
                left = SLICE_BYTES
            done: NewEvent | Rejection
            if isinstance(event, RawEvent):
                done = normalize(event, arrival, kind)
            elif (size := memoryview(event).nbytes) > largest:
                done = self._too_large
            else:
                left -= size + _EACH
                read = read_event(event) or read_event(repair_json(bytes(event)) or b"")
                done = normalize(read, arrival) if read else self._unreadable(bytes(event))
            if isinstance(done, NewEvent) and exceeds_depth(done.body, nesting):
                done = self._too_deep
            if isinstance(done, Rejection):
                bad.append((index, done))
            else:
                good.append(done)

    def _unreadable(self, text: bytes) -> Rejection:
        """Return what is wrong with the text of an event that is no JSON object."""
        if exceeds_depth(text, self._limits.nesting):
            return self._too_deep
        return _NOT_JSON if text[:1] == b"{" else _NOT_AN_OBJECT
