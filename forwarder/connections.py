"""Time, size and number limits of connections, which uvicorn leaves to a proxy in front.

A sender that dawdles costs one connection for a bounded time and little memory, whoever else is being served.
"""

import asyncio
import math
from heapq import nsmallest
from typing import ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from forwarder.answering import Answering
from forwarder.settings import Limits
from forwarder.tracking.answers import error
from forwarder.tracking.counted import count_refusal

_SWEEP_SECONDS = 1.0
_ONE_READ = 262_144
"""Bytes that may arrive at once: the end of the headers and the beginning of the body."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which also knows until when it waits for the other side, and what it holds."""

    limits: ClassVar[Limits] = Limits()
    _sweeper: ClassVar[asyncio.TimerHandle | None] = None
    _all_held: ClassVar[int] = 0
    receiving: bool
    """Whether a request has begun and not ended."""
    in_headers: bool
    unread: int
    """Bytes of headers that are not complete."""
    held: int
    """Bytes of requests that are not answered yet."""
    since: float
    """Since when it waits for the other side, in the loop's time; infinity while it is our turn."""
    patience: float
    """Seconds it waits."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting; where there are too many connections, the one that waits longest goes."""
        super().connection_made(transport)
        self.receiving = self.in_headers = False
        self.unread = self.held = 0
        self._wait(self.limits.request_seconds)
        if len(self.connections) > self.limits.connections:
            self._make_room(least=0)
        self._keep_sweeping()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what it held."""
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless headers grow without end: we are shown them when they are complete."""
        super().data_received(data)
        if self.in_headers:
            self.unread += len(data)
            if self.unread > self.limits.header_bytes + _ONE_READ:
                self._refuse_headers()

    def on_message_begin(self) -> None:
        """Note when the request began."""
        super().on_message_begin()
        self.receiving = self.in_headers = True
        self.unread = 0
        self._wait(self.limits.request_seconds)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless there is too much of them."""
        self.in_headers = False
        size = len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])
        if size > self.limits.header_bytes:
            self._refuse_headers()
        if not self.transport.is_closing():
            self._hold(size)
            super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Have it answered, head and body together."""
        send = Answering(cycle).send
        super()._start_asgi_task(cycle, lambda scope, receive, _: app(scope, receive, send))

    def on_body(self, body: bytes) -> None:
        """Count a part of the body."""
        if self.transport.is_closing():
            return
        super().on_body(body)
        if not self.cycle.response_complete:
            self._hold(len(body))

    def on_message_complete(self) -> None:
        """Stop waiting: the whole request is here."""
        self.receiving = False
        if not self.transport.is_closing():
            super().on_message_complete()
            self._take_turn()

    def on_response_complete(self) -> None:
        """Begin the next request or wait for it: as uvicorn's does, without a timer for each."""
        if not self.pipeline:
            self._release()
            if not self.receiving:
                self._wait(self.limits.idle_seconds)
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        """Wait for a reader that does not keep up."""
        super().pause_writing()
        self._wait(self.limits.request_seconds)

    def resume_writing(self) -> None:
        """Stop waiting for the reader."""
        super().resume_writing()
        if not self.receiving:
            self._take_turn()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, "not_http", "this is not an HTTP/1.1 request")

    def _refuse_headers(self) -> None:
        largest = self.limits.header_bytes
        self._refuse(431, "headers_too_large", f"address and headers are larger than {largest} bytes")

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer without the application, and close."""
        count_refusal(code)
        body = error(status, code, message).body
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head % len(body) + body)
        self.transport.close()

    def _wait(self, seconds: float) -> None:
        self.since, self.patience = self.loop.time(), seconds

    def _take_turn(self) -> None:
        if self.cycle.response_complete:
            self._wait(self.limits.idle_seconds)
        else:
            self.since = math.inf

    def _hold(self, size: int) -> None:
        """Count bytes, at most what a connection can hold; where all hold too much, make room."""
        size = min(size, self.limits.batch_bytes + self.limits.header_bytes - self.held)
        if size > 0:
            self.held += size
            kind = type(self)
            kind._all_held += size
            if kind._all_held > self.limits.unanswered_bytes:
                self._make_room(least=1)

    def _release(self) -> None:
        type(self)._all_held -= self.held
        self.held = 0

    def _make_room(self, least: int) -> None:
        """Close the hundredth that waits longest of the connections that hold ``least`` bytes.

        More than one, for looking for them costs as much as serving many requests.
        """
        waiting = [one for one in self.connections if isinstance(one, LimitedProtocol) and one.held >= least]
        for one in nsmallest(math.ceil(len(waiting) / 100), waiting, key=lambda one: (one.since, -one.held)):
            one._release()
            one.transport.close()

    def _keep_sweeping(self) -> None:
        """See to it that one timer for all connections runs while there are any."""
        kind = type(self)
        if kind._sweeper is None:
            kind._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what has waited too long for the other side."""
        kind = type(self)
        kind._sweeper = None
        now = self.loop.time()
        for one in list(self.connections):
            if isinstance(one, LimitedProtocol) and one.since + one.patience < now:
                # Closing waits until all is written, which a reader that reads nothing can put off for ever.
                one.transport.abort() if one.transport.get_write_buffer_size() else one.transport.close()
        if self.connections:
            self._keep_sweeping()


def limited(limits: Limits) -> type[LimitedProtocol]:
    """Return the protocol class with these limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})
