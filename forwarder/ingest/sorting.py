"""Which events of a request are kept, and why the others are rejected."""

from collections.abc import Sequence

import msgspec

from forwarder.config.settings import Limits
from forwarder.ingest.body import exceeds_depth, repair_json
from forwarder.ingest.event import RawEvent, read_event
from forwarder.ingest.normalization import RequestContext, normalize
from forwarder.ingest.validation import Rejection
from forwarder.spool import NewEvent

_NOT_JSON = Rejection("not_json", "an event must be JSON")
_NOT_AN_OBJECT = Rejection("not_an_object", "an event must be a JSON object")


class EventSorter:
    """The sorter of events: normalized ones, and rejections."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._too_large = Rejection("event_too_large", f"one event holds at most {limits.event_bytes} bytes")
        self._too_deep = Rejection("too_deep", f"arrays and objects lie at most {limits.nesting} levels deep")

    def sort(
        self, events: Sequence[msgspec.Raw | RawEvent], arrival: RequestContext, kind: str | None
    ) -> tuple[list[NewEvent], list[tuple[int, Rejection]]]:
        """Return the events to keep, and the place and reason of each that is rejected."""
        largest, nesting = self._limits.event_bytes, self._limits.nesting
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

    def _unreadable(self, text: bytes) -> Rejection:
        """Return what is wrong with the text of an event that is no JSON object."""
        if exceeds_depth(text, self._limits.nesting):
            return self._too_deep
        return _NOT_JSON if text[:1] == b"{" else _NOT_AN_OBJECT
