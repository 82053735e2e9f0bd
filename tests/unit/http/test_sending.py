"""How answers leave: the bytes are uvicorn's, whole answers leave in one piece."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from forwarder.http.sending import CoalescedResponse

JSON = (b"content-type", b"application/json")
FOUR = (b"content-length", b"4")
DATE = (b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")


class Wire(asyncio.Transport):
    """A transport that notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Note it."""
        self.written.append(bytes(data))

    def close(self) -> None:
        """Note that it is closed."""
        self.closed = True

    def is_closing(self) -> bool:
        """Tell whether it is."""
        return self.closed


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    """Return the message that begins an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(part: bytes, *, more: bool = False) -> dict[str, Any]:
    """Return the message of a part of the body."""
    return {"type": "http.response.body", "body": part, "more_body": more}


def answered(
    messages: list[dict[str, Any]],
    method: str,
    *,
    keep_alive: bool = True,
    by_uvicorn: bool = False,
    disconnected: bool = False,
) -> tuple[list[bytes], str, bool, int]:
    """Return what an application's messages make: what is written, the error, whether it closes, its ends."""
    wire, ends = Wire(), []

    async def run() -> RequestResponseCycle:
        cycle = RequestResponseCycle(
            scope={"method": method},  # type: ignore[typeddict-item]
            transport=wire,
            flow=FlowControl(wire),
            logger=logging.getLogger("test"),
            access_logger=logging.getLogger("test"),
            access_log=False,
            default_headers=[DATE],
            message_event=asyncio.Event(),
            expect_100_continue=True,
            keep_alive=keep_alive,
            on_response=lambda: ends.append(1),
        )
        cycle.disconnected = disconnected

        async def application(scope: Any, receive: Any, send: Any) -> None:
            send = send if by_uvicorn else CoalescedResponse(cycle).send
            for message in messages:
                await send(message)

        await cycle.run_asgi(application)
        return cycle

    cycle = asyncio.run(run())
    state = f"{cycle.response_started} {cycle.response_complete} {cycle.keep_alive}"
    state += f" {cycle.waiting_for_100_continue}"
    return wire.written, state, wire.closed, len(ends)


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize(
    "messages",
    [
        [start(JSON, FOUR), body(b"body")],
        [start(JSON, FOUR, status=429), body(b"body")],
        [start(JSON, FOUR), body(b"bo", more=True), body(b"dy")],
        [start(JSON, FOUR), body(b"body", more=True), body(b"")],
        [start(JSON), body(b"body")],
        [start(JSON), body(b"bo", more=True), body(b""), body(b"after the end")],
        [start((b"content-length", b"0")), body(b"")],
        [start((b"content-length", b"0")), {"type": "http.response.body"}],
        [start(FOUR), {"type": "http.response.body"}],
        [start((b"content-length", b"0")), {"type": "http.response.other"}],
        [start(status=204), body(b"")],
        [{"type": "http.response.start", "status": 204}, body(b"")],
        [start(JSON, FOUR, (b"connection", b"close")), body(b"body")],
        [start(JSON, (b"transfer-encoding", b"chunked")), body(b"body")],
        [start((b"Content-Type", b"text/plain"), FOUR), body(b"body")],
        [start((b"bad name", b"x"), FOUR), body(b"body")],
        [start((b"x", b"a\r\nb: c"), FOUR), body(b"body")],
        [start(JSON, FOUR), body(b"longer")],
        [start(JSON, FOUR), body(b"s")],
    ],
)
def test_what_is_written_is_what_uvicorn_writes(
    messages: list[dict[str, Any]], method: str, keep_alive: bool
) -> None:
    """Whatever the answer; and the connection goes on or ends alike."""
    ours = answered(messages, method, keep_alive=keep_alive)
    its = answered(messages, method, keep_alive=keep_alive, by_uvicorn=True)
    assert b"".join(ours[0]) == b"".join(its[0])
    assert ours[1:] == its[1:]


def test_who_has_gone_is_written_nothing() -> None:
    for messages in ([start(JSON, FOUR), body(b"body")], [start(JSON), body(b"body")]):
        ours = answered(messages, "POST", disconnected=True)
        assert ours == answered(messages, "POST", disconnected=True, by_uvicorn=True)
        assert ours[0] == []


def test_a_whole_answer_leaves_in_one_piece() -> None:
    """Each piece costs a call to the system, here and on the other side."""
    written, _, closed, ends = answered([start(JSON, FOUR), body(b"body")], "POST")
    assert len(written) == 1
    assert written[0].endswith(b"\r\n\r\nbody")
    assert (closed, ends) == (False, 1)


def test_a_head_without_a_body_becomes_a_failure() -> None:
    """Nothing has left yet, so the sender can be told."""
    written, _, _, ends = answered([start(JSON, FOUR)], "POST")
    assert b"".join(written).startswith(b"HTTP/1.1 500 ")
    assert ends == 1
