"""Time, size and number limits of connections, which uvicorn leaves to a proxy in front.

A slow sender costs one connection for a bounded time and little memory, whoever else is being served.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from forwarder.addresses import plain_address
from forwarder.config.settings import Limits
from forwarder.http.connection_bounds import REQUEST_BYTES, ConnectionBounds, PatienceClock
from forwarder.http.metrics import count_refusal
from forwarder.http.request_reading import NoMoreRequests, RequestReading, without_upgrade
from forwarder.http.responses import error
from forwarder.http.sending import CONNECTION, CoalescedResponse, last_response
from forwarder.memory import RequestMemory

_LAST_REQUEST_S = 0.5
"""How long a stop waits for the next request of a connection: one that is on its way arrives by then."""
_ONE_READ = 262_144
"""Bytes that may arrive at once: the end of the headers and the beginning of the body."""
_MOST_WAITING = 16
"""Requests that wait behind another one of their connection; no browser or library sends ahead at all."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which also knows until when it waits for the other side, and what it holds."""

    bounds: ClassVar[ConnectionBounds] = ConnectionBounds(Limits(), RequestMemory(Limits().unanswered_bytes))
    connections: set[LimitedProtocol]  # type: ignore[assignment]  # a server has one kind
    reading: RequestReading
    patience: PatienceClock
    held: int
    """Bytes of requests that are not answered yet."""
    ending: bool
    """Whether the last request that is answered on this connection has been received."""
    leaving: bool
    """Whether this process stops: the next answer is the last one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting; where there are too many connections, the one that waits longest goes."""
        super().connection_made(transport)
        if self.client and ":" in self.client[0]:  # a socket for both shows IPv4 as IPv6
            self.client = (plain_address(self.client[0]) or self.client[0], self.client[1])
        self.ending = self.leaving = False
        self.held = 0
        self.reading = RequestReading()
        self.patience = PatienceClock(self.loop, self.bounds.limits.request_seconds)
        if len(self.connections) > self.bounds.limits.connections:
            self.bounds.make_room([one for one in self.connections if one is not self], least=0)
        self.bounds.keep_sweeping(self.connections, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what it held."""
        self.release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless headers, a trailer or a chunk's beginning grow: the parser keeps those."""
        if self.ending:
            return
        self.reading.unread += len(data)
        rest: bytes | None = data
        while rest:
            rest = self._parse(rest)
        if self.reading.receiving and self.reading.unread > self.bounds.limits.header_bytes + _ONE_READ:
            self._refuse_headers()

    def _parse(self, data: bytes) -> bytes | None:
        """Have the parser read; return what it has to read anew."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self.transport.is_closing():
                return self._without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if not self.ending and not self.transport.is_closing():
                self.logger.warning("Invalid HTTP request received.")
                self._refuse(400, "not_http", "this is not an HTTP/1.1 request")
        return None

    def _without_upgrade(self, rest: bytes) -> bytes:
        """Return the request again as one that offers no upgrade, which a server may ignore (RFC 9110, 7.8).

        The parser leaves the body of a request with an offer to the protocol that it offers.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        return without_upgrade(method, self.url, version, self.headers) + rest

    def on_message_begin(self) -> None:
        """Note when the request began."""
        super().on_message_begin()
        self.reading = RequestReading(receiving=True, in_headers=True)
        self.patience.begin(self.bounds.limits.request_seconds)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header and keep it; a trailer is counted only, for nothing here needs one."""
        self.reading.count(name, value)
        if not self.reading.in_headers:
            if self.reading.size > self.bounds.limits.header_bytes and not self.transport.is_closing():
                self._refuse_headers()
            return
        name = name.lower()
        if name == b"host":
            self.reading.count_host(value)
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin to answer, unless there is too much of them or they are not as HTTP/1.1 has them."""
        if self.transport.is_closing():
            return
        problem = self.reading.problem(self.parser.get_method(), self.parser.get_http_version())
        if self.reading.size + len(self.url) > self.bounds.limits.header_bytes:
            self._refuse_headers()
        elif problem is not None:
            self._refuse(*problem)
        elif not self.parser.should_upgrade():  # else it is parsed anew
            self.reading.in_headers = False
            self.reading.unread = 0
            self._hold(self.reading.size + len(self.url) + REQUEST_BYTES)
            super().on_headers_complete()
            if self.leaving:
                self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Take the request that is arriving, or arrives in a moment; its answer says that it is the last.

        Whoever has connected may have sent already: closing at once would lose that, and no client sends a
        POST again by itself.
        """
        self.leaving = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(_LAST_REQUEST_S, self._close_idle)

    def _close_idle(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if idle and not self.reading.receiving and not self.transport.is_closing():
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Have it answered, head and body together."""
        send = CoalescedResponse(cycle).send
        cycle.scope[CONNECTION] = self  # type: ignore[typeddict-unknown-key]
        super()._start_asgi_task(cycle, lambda scope, receive, _: app(scope, receive, send))

    def on_body(self, body: bytes) -> None:
        """Count a part of the body."""
        self.reading.unread = 0
        if self.transport.is_closing():
            return
        super().on_body(body)
        if not self.cycle.response_complete:
            self._hold(len(body))

    def on_message_complete(self) -> None:
        """Stop waiting: the whole request is here."""
        if self.reading.in_headers:  # it is refused, or parsed anew
            return
        self.reading.receiving = False
        if not self.transport.is_closing():
            super().on_message_complete()
            self._take_turn()
            if len(self.pipeline) >= _MOST_WAITING:
                # The answer to this one says that nothing after it was read, so that it is sent again.
                self.cycle.keep_alive = False
                self.ending = True
                raise NoMoreRequests

    def on_response_complete(self) -> None:
        """Begin the next request or wait for it: as uvicorn's does, without a timer for each."""
        if not self.pipeline:
            self.release()
            if not self.reading.receiving:
                self.patience.wait(self.bounds.limits.idle_seconds)
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        """Wait for a reader that does not keep up."""
        super().pause_writing()
        self.patience.wait(self.bounds.limits.request_seconds)

    def resume_writing(self) -> None:
        """Stop waiting for the reader."""
        super().resume_writing()
        if not self.reading.receiving:
            self._take_turn()

    def _refuse_headers(self) -> None:
        largest = self.bounds.limits.header_bytes
        self._refuse(431, "headers_too_large", f"address and headers are larger than {largest} bytes")

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer without the application where no other answer is due, and close."""
        count_refusal(code)
        if self._may_answer():
            self.transport.write(last_response(error(status, code, message)))
        self.transport.close()

    def _may_answer(self) -> bool:
        """Return whether an answer would be that to the request which is being received."""
        if self.cycle is None or self.cycle.response_complete:
            return True
        return not self.reading.in_headers and not self.pipeline and not self.cycle.response_started

    def _take_turn(self) -> None:
        if self.cycle.response_complete:
            self.patience.wait(self.bounds.limits.idle_seconds)
        else:
            self.patience.stop()

    def _hold(self, size: int) -> None:
        """Count bytes, at most what a connection can hold; where all hold too much, make room."""
        size = min(size, self.bounds.largest(1 + len(self.pipeline)) - self.held)
        if size > 0:
            self.held += size
            self.bounds.memory.add(size)
            if self.bounds.memory.exceeded:
                self.bounds.make_room(self.connections, least=1)

    def release(self) -> None:
        """Count nothing as held any more."""
        self.bounds.memory.release(self.held)
        self.held = 0

    def cut_off(self) -> None:
        """Close at once: an orderly end waits until all is written, which a slow reader puts off for ever."""
        self.transport.abort() if self.transport.get_write_buffer_size() else self.transport.close()


def limited(limits: Limits, memory: RequestMemory) -> type[LimitedProtocol]:
    """Return the protocol class with these limits; ``memory``: where its connections count."""
    return type("LimitedProtocol", (LimitedProtocol,), {"bounds": ConnectionBounds(limits, memory)})
