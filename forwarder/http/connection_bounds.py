"""The bounds that all connections of a server share: their number, their memory, how long each may wait."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from heapq import nsmallest
from typing import Protocol

from forwarder.config.settings import Limits
from forwarder.memory import RequestMemory

REQUEST_BYTES = 4_096
"""What the objects of one request take beside its bytes: 3 to 4 kB, with 2,600 requests in one read."""
_SWEEP_SECONDS = 1.0
"""How often waiting connections are looked at: the bounds are seconds, and a look costs a request's time."""


class PatienceClock:
    """Until when one connection waits for the other side. Times are the event loop's, in seconds.

    ``since``: since when it waits, infinity while it is our turn; ``seconds``: how long it may; ``begun``:
    when its last request began.
    """

    __slots__ = ("_loop", "begun", "seconds", "since")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self.seconds = seconds
        self.since = self.begun = loop.time()

    def wait(self, seconds: float) -> None:
        """Begin to wait for the other side, for so many seconds."""
        self.since, self.seconds = self._loop.time(), seconds

    def begin(self, seconds: float) -> None:
        """Begin to wait for the rest of a request."""
        self.wait(seconds)
        self.begun = self.since

    def stop(self) -> None:
        """Wait no more: it is our turn."""
        self.since = math.inf


class BoundedConnection(Protocol):
    """A connection, as the bounds see it. ``held``: bytes of requests that are not answered yet."""

    patience: PatienceClock
    held: int

    def release(self) -> None:
        """Count nothing as held any more."""

    def cut_off(self) -> None:
        """Close at once."""


class ConnectionBounds:
    """The bounds on one server's connections. They belong to the event loop."""

    def __init__(self, limits: Limits, memory: RequestMemory) -> None:
        """``memory``: where the connections count what they hold."""
        self.limits = limits
        self.memory = memory
        self._sweeper: asyncio.TimerHandle | None = None

    def largest(self, requests: int) -> int:
        """Return the most bytes that a connection can hold with so many requests under way."""
        return (self.limits.batch_bytes + self.limits.header_bytes) * requests

    def make_room(self, connections: Collection[BoundedConnection], least: int) -> None:
        """Close the hundredth that waits longest of the connections that hold ``least`` bytes.

        More than one, for looking for them costs as much as serving many requests.
        """
        waiting = [one for one in connections if one.held >= least]

        def longest(one: BoundedConnection) -> tuple[float, float]:
            # of those whose turn is ours, the one with the longest answer
            return one.patience.since, one.patience.begun

        for one in nsmallest(math.ceil(len(waiting) / 100), waiting, key=longest):
            one.release()
            one.cut_off()

    def keep_sweeping(
        self, connections: Collection[BoundedConnection], loop: asyncio.AbstractEventLoop
    ) -> None:
        """Have one timer for all connections run while there are any."""
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep, connections, loop)

    def _sweep(self, connections: Collection[BoundedConnection], loop: asyncio.AbstractEventLoop) -> None:
        """Close what has waited too long for the other side."""
        self._sweeper = None
        now = loop.time()
        for one in list(connections):
            if one.patience.since + one.patience.seconds < now:
                one.cut_off()
        if connections:
            self.keep_sweeping(connections, loop)
