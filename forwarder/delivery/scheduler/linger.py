"""How densely events come: where they do, waiting a little longer fills whole requests."""

from __future__ import annotations

from collections import deque

SPAN_MS = 500
"""Over how long the density of events is measured: ten lingers, so one burst alone is not dense."""
DENSE_EVENTS = 750
"""Events within the span from which on the flow is dense: a request is full within two seconds."""
DENSE_FACTOR, REQUEUED_FACTOR = 10, 4
"""How many times as long events linger then, and those that have waited for others already."""


class LingerPolicy:
    """The linger policy of one destination: how long batches wait, by how densely events come."""

    def __init__(self, linger_ms: int) -> None:
        self._linger_ms = linger_ms
        self._came: deque[tuple[int, int]] = deque()
        self._events = 0

    def record_arrivals(self, events: int, now: int) -> None:
        """So many events have come; ``now``: ms since the epoch."""
        self._came.append((now, events))
        self._events += events
        while self._came[0][0] <= now - SPAN_MS:
            self._events -= self._came.popleft()[1]

    def due_at(self, accepted_at: int, now: int) -> int:
        """Return when a batch should go that an event joins now; all times in ms since the epoch.

        Lingering counts from acceptance, so an event that had to wait for others does not linger again. Only
        where events come densely it does for a while: it would tear a stream of full requests apart.
        """
        accepted_at, linger_ms = min(accepted_at, now), self._linger_ms
        if self._events >= DENSE_EVENTS:
            return max(now + REQUEUED_FACTOR * linger_ms, accepted_at + DENSE_FACTOR * linger_ms)
        return max(now, accepted_at + linger_ms)
