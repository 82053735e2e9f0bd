"""One request and its answer, whose head and body leave together: one call to the system, in fewer steps."""

from functools import lru_cache

from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

from forwarder.tracking.answers import Header


class Cycle(RequestResponseCycle):
    """uvicorn's, which goes on answering what is not a head and a whole body."""

    start: HTTPResponseStartEvent | None = None
    """The head that waits for what follows it, as ASGI allows; where nothing does, a 500 takes its place."""

    async def send(self, message: ASGISendEvent) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start" and not self.response_started:
            self.start = message
            return
        start, self.start = self.start, None
        if start is not None:
            if self._sent_whole(start, message):
                return
            await super().send(start)
        await super().send(message)

    def _sent_whole(self, start: HTTPResponseStartEvent, message: ASGISendEvent) -> bool:
        """Send the answer if it is whole, and nothing about it or the connection is unusual; tell whether."""
        if message["type"] != "http.response.body" or message.get("more_body"):
            return False
        if self.disconnected or self.flow.write_paused or not self.keep_alive:
            return False
        if self.scope["method"] == "HEAD" or self.access_log:
            return False
        body = message.get("body", b"")
        head = _head(start["status"], (*self.default_headers, *start.get("headers", ())), len(body))
        if not head:
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(head + body)
        self.message_event.set()
        self.on_response()
        return True


@lru_cache(maxsize=256)  # but for the date, which changes every second, most answers have the same
def _head(status: int, headers: tuple[Header, ...], length: int) -> bytes:
    """Return the head of an answer; empty where it has to be looked at more closely.

    ``length``: the body's, which the headers have to tell.
    """
    if (b"content-length", b"%d" % length) not in headers:
        return b""
    lines = [STATUS_LINE[status]]
    for name, value in headers:
        if name in (b"connection", b"transfer-encoding") or not name.islower():
            return b""
        if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
            return b""
        lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines) + b"\r\n"
