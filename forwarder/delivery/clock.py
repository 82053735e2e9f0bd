"""Time for delivery's waits, and slices of it."""

import time
from collections.abc import Callable


class MonotonicClock:
    """The clock as it was at the start, going on evenly: waits do not care when somebody sets the clock."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._ahead = clock() - time.monotonic_ns() // 1_000_000

    def __call__(self) -> int:
        """Return ms since the epoch."""
        return self._ahead + time.monotonic_ns() // 1_000_000


SLICE_MS = 5
"""How long events are planned in one go: a request waits for it and one event when it comes, and again when
its events are durable. Accepting to delivered costs as much as with 20 ms, 46 us an event."""
SLICE_BYTES = 4_000_000
"""Bytes written for events in one go: they cost time later, too, when they are copied and sent."""


class Slice:
    """A share of the event loop's time, used up by time and by bytes."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin another: what others did meanwhile is not counted."""
        self._until = time.monotonic_ns() + SLICE_MS * 1_000_000
        self._room = SLICE_BYTES

    def spent(self, size: int) -> bool:
        """Note that so many bytes more were written; tell whether the slice is used up."""
        self._room -= size
        return self._room <= 0 or time.monotonic_ns() >= self._until
