"""One request to Amplitude over a real socket: whatever comes back, and however slowly, is an answer."""

import asyncio
import gc
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from forwarder.amplitude.wire.requests import Body
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.client import MAX_RESPONSE_BYTES, http_client, post_request, without
from tests.support.waiting import PATIENCE_S

BODY = Body(b'{"api_key":"the-key"}', {"content-type": "application/json"})
Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[str]:
    """Run a server that reads a request and then says something; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY.content)
        try:
            await talk(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/2/httpapi"
    finally:
        listener.close()


async def answer_to(talk: Talk, timeout_s: float = PATIENCE_S) -> UpstreamResponse:
    async with server(talk) as url, http_client() as http, asyncio.timeout(PATIENCE_S):
        return await post_request(http, url, BODY, timeout_s, ("the-key", ""))


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_in_an_encoding_is_told_from_none(status: int) -> None:
    head = f"HTTP/1.1 {status} X\ncontent-encoding: gzip\ncontent-length: 4\n\n"
    answer = await answer_to(saying(head, b"abcd"))
    assert answer == UpstreamResponse(0, b"an answer in a content encoding", "encoded")


def saying(head: str, content: bytes = b"") -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(head.replace("\n", "\r\n").encode() + content)
        await writer.drain()

    return talk


async def test_the_length_is_told_and_nothing_of_the_body_is_kept() -> None:
    body, heads = Body(b'{"api_key":"%b"}' % (b"x" * 1_000_000), BODY.headers), list[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(len(body.content))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/2/httpapi"
    gc.disable()
    try:
        async with http_client() as http, asyncio.timeout(PATIENCE_S):
            assert (await post_request(http, url, body, PATIENCE_S, ())).status == 200
        assert [one for one in gc.get_referrers(body.content) if one is not body] == []
    finally:
        gc.enable()
        listener.close()
    assert f"content-length: {len(body.content)}".encode() in heads[0].lower()
    assert b"transfer-encoding" not in heads[0].lower()


OK = "HTTP/1.1 200 OK\ncontent-length: {}\n\n"


@pytest.mark.parametrize(
    ("head", "content", "status"),
    [
        (OK.format(12), b'{"code":200}', 200),
        (OK.format(0), b"", 200),
        ("HTTP/1.1 503 Service Unavailable\nconnection: close\n\n", b"<html>busy</html>", 503),
        ("HTTP/1.1 302 Found\nlocation: http://127.0.0.1:1/\ncontent-length: 0\n\n", b"", 302),
        ("HTTP/1.1 400 Bad Request\ncontent-length: 5\n\n", b"\xff\xfe\x00ab", 400),
    ],
)
async def test_answers_are_taken_as_they_come(head: str, content: bytes, status: int) -> None:
    assert await answer_to(saying(head, content)) == UpstreamResponse(status, content)


async def test_keys_are_blotted_out() -> None:
    content = b'{"error":"Invalid API key: the-key"}'
    said = await answer_to(saying(f"HTTP/1.1 400 Bad\ncontent-length: {len(content)}\n\n", content))
    assert said.body == b'{"error":"Invalid API key: [key]"}'


@pytest.mark.parametrize(
    ("secret", "answer", "shown"),
    [
        ("s", b'{"missing_field":"user_id"}', b'{"missing_field":"user_id"}'),
        ("s", b'{"key":"s"}', b'{"key":"[key]"}'),
        ("unused", b"an unused-key is unused, unused_too", b"an unused-key is [key], unused_too"),
        ("01234567", b"api_key_01234567x", b"api_key_[key]x"),
        ("a+b", b"a+b, aab", b"[key], aab"),
        ("", b"as it is", b"as it is"),
    ],
)
def test_a_key_is_blotted_out_and_what_only_looks_like_one_is_not(
    secret: str, answer: bytes, shown: bytes
) -> None:
    assert without((secret,), answer) == shown


@pytest.mark.parametrize(
    "talk",
    [
        saying(""),
        saying("HTTP/1.1 200 OK\ncontent-length: 100\n\n", b"{"),
        saying("this is not HTTP\n\n"),
        saying("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\nzz\n"),
    ],
    ids=["hangs up", "half a body", "no HTTP", "broken chunks"],
)
async def test_what_is_no_answer_may_have_arrived(talk: Talk) -> None:
    assert (await answer_to(talk))[::2] == (0, "broken")


async def test_a_reset_connection_may_have_arrived() -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf")
        await writer.drain()
        writer.transport.abort()

    assert (await answer_to(reset))[::2] == (0, "broken")


async def test_an_answer_that_trickles_in_ends_in_time() -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert (await answer_to(trickle, timeout_s=0.5))[::2] == (0, "broken")


async def test_no_more_is_read_than_an_answer_can_have() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oh\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    assert await answer_to(flood) == UpstreamResponse(500, b"x" * MAX_RESPONSE_BYTES)
    bomb = gzip.compress(bytes(50 * MAX_RESPONSE_BYTES))
    head = f"HTTP/1.1 500 Oh\ncontent-encoding: gzip\ncontent-length: {len(bomb)}\n\n"
    assert await answer_to(saying(head, bomb)) == UpstreamResponse(
        0, b"an answer in a content encoding", "encoded"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/", b"ConnectError: Connection refused (ECONNREFUSED)"),
        ("http://localhost:1/", b"ConnectError: Connection refused (ECONNREFUSED)"),
        ("http://nowhere.invalid/", b"(EAI_"),
        ("ftp://127.0.0.1/", b"UnsupportedProtocol"),
        ("http://", b"UnsupportedProtocol"),
    ],
)
async def test_what_was_never_sent_is_known_not_to_have_arrived(url: str, said: bytes) -> None:
    async with http_client() as http:
        answer = await post_request(http, url, BODY, PATIENCE_S, ())
    assert answer[::2] == (0, "unreachable")
    assert said in answer.body


async def test_a_server_without_tls_is_told_from_one_that_is_not_there() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with http_client() as http:
        answer = await post_request(http, f"https://127.0.0.1:{port}/", BODY, PATIENCE_S, ())
    listener.close()
    assert answer.failure == "unreachable"
    assert answer.body.startswith(b"ConnectError: TLS failed: ")


async def test_a_connection_that_is_reset_says_so() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY.content)
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with http_client() as http:
        answer = await post_request(http, f"http://127.0.0.1:{port}/", BODY, PATIENCE_S, ())
    listener.close()
    assert answer == UpstreamResponse(0, b"ReadError: Connection reset by peer (ECONNRESET)", "broken")
