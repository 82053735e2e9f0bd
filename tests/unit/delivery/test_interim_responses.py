"""Interim responses of Amplitude, of which HTTP allows any number."""

import asyncio
import time
from contextlib import suppress

import pytest

from forwarder.amplitude.wire.requests import Body
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.client import http_client, post_request

FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def answered(said: bytes) -> list[UpstreamResponse]:
    """Two answers on one client of a server that says this to each request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            while await reader.read(65_536):
                writer.write(said)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, http_client() as http:
        body = Body(b"{}", {"content-type": "application/json"})
        return [await post_request(http, f"http://127.0.0.1:{port}/", body, 5, ()) for _ in range(2)]


@pytest.mark.parametrize("line", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 103 x\r\nLink: a\r\n\r\n"])
async def test_a_few_interim_responses_are_passed_over(line: bytes) -> None:
    assert [(one.status, one.body) for one in await answered(line * 15 + FINAL)] == [(200, b"ok")] * 2


@pytest.mark.parametrize("line", [b"HTTP/1.1 100\r\n\r\n", b"HTTP/1.0 103 x\r\nLink: a\r\n\r\n"])
async def test_interim_responses_without_end_are_no_answer(line: bytes) -> None:
    began = time.process_time()
    found = await answered(line * 100_000 + FINAL)
    assert [(one.status, one.failure) for one in found] == [(0, "broken")] * 2
    assert all(b"TooManyInterim" in one.body for one in found)
    assert time.process_time() - began < 0.4, "they are not read one by one"
