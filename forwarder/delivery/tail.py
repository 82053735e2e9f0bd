"""Events that were accepted just now: whoever is not behind need not read them from the spool."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from forwarder.spool import StoredEvent

MAX_TAIL = 1_000
"""Events kept; whoever is further behind reads."""


class TailCache:
    """The latest events, as long as none is missing between them."""

    def __init__(self) -> None:
        self._events: deque[StoredEvent] = deque()

    def __len__(self) -> int:
        return len(self._events)

    def extend(self, events: Sequence[StoredEvent]) -> None:
        """Take in events that became durable."""
        known = self._events
        if known and known[-1].seq + 1 != events[0].seq:
            known.clear()
        known.extend(events)
        if len(known) > MAX_TAIL:
            known.clear()

    def pop_after(self, seq: int, limit: int) -> list[StoredEvent]:
        """Take out up to ``limit`` events that come right after ``seq``; none where they have to be read."""
        known = self._events
        while known and known[0].seq <= seq:
            known.popleft()
        if not known or known[0].seq != seq + 1:
            return []
        return [known.popleft() for _ in range(min(limit, len(known)))]
