"""Time, size and number limits of connections, which uvicorn leaves to a proxy in front.

A sender that dawdles costs one connection for a bounded time, whoever else is being served.
"""

import asyncio
import math
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from forwarder.settings import Limits

_SWEEP_SECONDS = 1.0
_ONE_READ = 262_144
"""Bytes that may arrive at once: the end of the headers and the beginning of the body."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which also knows since when it waits for the sender."""

    limits: ClassVar[Limits] = Limits()
    _sweeper: ClassVar[asyncio.TimerHandle | None] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting; where there are too many connections, the one that waits longest goes."""
        super().connection_made(transport)
        self.waiting_since: float | None = self.loop.time()
        self.header_bytes = 0
        if len(self.connections) > self.limits.connections:
            waiting = [one for one in self.connections if isinstance(one, LimitedProtocol)]
            min(waiting, key=lambda one: one.waiting_since or math.inf).transport.close()
        self._keep_sweeping()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the headers grow without end."""
        if self.header_bytes >= 0:
            self.header_bytes += len(data)
            if self.header_bytes > self.limits.header_bytes + _ONE_READ:
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Note when the request began."""
        super().on_message_begin()
        self.waiting_since = self.loop.time()
        self.header_bytes = 0

    def on_headers_complete(self) -> None:
        """Stop counting the headers' bytes."""
        self.header_bytes = -1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop waiting: the whole request is here."""
        self.waiting_since = None
        self.header_bytes = 0
        super().on_message_complete()

    def _keep_sweeping(self) -> None:
        """See to it that one timer for all connections runs while there are any."""
        kind = type(self)
        if kind._sweeper is None:
            kind._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what has waited too long for its sender."""
        kind = type(self)
        kind._sweeper = None
        oldest = self.loop.time() - self.limits.request_seconds
        for one in list(self.connections):
            since = getattr(one, "waiting_since", None)
            if since is not None and since < oldest:
                one.transport.close()
        if self.connections:
            self._keep_sweeping()


def limited(limits: Limits) -> type[LimitedProtocol]:
    """Return the protocol class with these limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})
