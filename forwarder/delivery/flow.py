"""How densely events come: where they do, waiting a little longer fills whole requests."""

from __future__ import annotations

from collections import deque

SPAN_MS = 250
MANY = 1_000
"""Events within the span from which on the flow is dense: a request is full in less than half a second."""
LONGER = 10
"""How many times as long events linger then."""


class Flow:
    """The events that came within the last span."""

    def __init__(self) -> None:
        self._came: deque[tuple[int, int]] = deque()
        self._events = 0

    def note(self, events: int, now: int) -> None:
        """So many events have come; ``now``: ms since the epoch."""
        self._came.append((now, events))
        self._events += events
        while self._came[0][0] <= now - SPAN_MS:
            self._events -= self._came.popleft()[1]

    @property
    def is_dense(self) -> bool:
        """Whether many came within the span that ended when events came last."""
        return self._events >= MANY
