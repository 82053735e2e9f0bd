"""One request to Amplitude: how it goes out, what is read of the answer, what is said where none comes."""

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from forwarder.amplitude.wire.requests import Body
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.client import MAX_RESPONSE_BYTES, http_client, post_request, without
from forwarder.delivery.network import BoundedBackend, BoundedStream, TooManyInterim, bound_connections

URL = "http://amplitude.test/2/httpapi"
BODY = Body(b'{"events":[]}', {"content-type": "application/json"})


async def posted(
    answer: Callable[[httpx.Request], httpx.Response], secrets: tuple[str, ...] = ()
) -> UpstreamResponse:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        return await post_request(http, URL, BODY, 5, secrets)


class Taking(httpx.AsyncBaseTransport):
    """Takes a request as a connection does: its stream is read and left as it is."""

    def __init__(self) -> None:
        self.seen: list[tuple[httpx.Request, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((request, await content_of(request)))
        return httpx.Response(200, content=b"ok")


async def content_of(request: httpx.Request) -> bytes:
    assert isinstance(request.stream, httpx.AsyncByteStream)
    return b"".join([part async for part in request.stream])


async def test_a_request_carries_the_body_its_length_and_its_headers() -> None:
    transport = Taking()
    async with httpx.AsyncClient(transport=transport) as http:
        assert await post_request(http, URL, BODY, 5, ()) == UpstreamResponse(200, b"ok")
    [(request, content)] = transport.seen
    assert (request.method, str(request.url), content) == ("POST", URL, BODY.content)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(BODY.content))
    assert "transfer-encoding" not in request.headers
    assert await content_of(request) == b"", "its bytes are let go of once it is answered"


async def test_connecting_may_take_half_of_the_time() -> None:
    given: list[dict[str, Any]] = []

    def take(request: httpx.Request) -> httpx.Response:
        given.append(request.extensions["timeout"])
        return httpx.Response(200)

    await posted(take)
    assert given == [{"connect": 2.5, "read": 5, "write": 5, "pool": 5}]


async def test_an_answer_that_trickles_in_ends_with_the_time() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    async with httpx.AsyncClient(transport=httpx.MockTransport(hang)) as http:
        found = await post_request(http, URL, BODY, 0.01, ())
    assert found == UpstreamResponse(0, b"TimeoutError", "broken")


@pytest.mark.parametrize("named", [None, "", "identity", " Identity "])
async def test_an_answer_without_a_content_encoding_is_read(named: str | None) -> None:
    headers = {} if named is None else {"content-encoding": named}
    found = await posted(lambda _: httpx.Response(200, headers=headers, content=b"said"))
    assert found == UpstreamResponse(200, b"said")


async def test_an_answer_in_a_content_encoding_is_not_read() -> None:
    async def never() -> Any:
        for _ in range(1):
            raise AssertionError("a kilobyte of it may become gigabytes")
        yield b""

    found = await posted(lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, content=never()))
    assert found == UpstreamResponse(0, b"an answer in a content encoding", "encoded")


async def test_no_more_of_an_answer_is_read_than_a_megabyte() -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1
            assert read < 3, "it is not read on"
            yield b"x" * (MAX_RESPONSE_BYTES // 2)

    found = await posted(lambda _: httpx.Response(500, content=endless()))
    assert (found.status, len(found.body), read) == (500, MAX_RESPONSE_BYTES, 2)
    more = await posted(lambda _: httpx.Response(500, content=b"y" * (MAX_RESPONSE_BYTES + 1)))
    assert more.body == b"y" * MAX_RESPONSE_BYTES


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (httpx.ConnectError, "unreachable"),
        (httpx.ConnectTimeout, "unreachable"),
        (httpx.PoolTimeout, "unreachable"),
        (httpx.UnsupportedProtocol, "unreachable"),
        (httpx.ReadTimeout, "broken"),
        (httpx.WriteError, "broken"),
        (ValueError, "broken"),
    ],
)
async def test_where_no_answer_comes_it_says_whether_the_request_may_have_arrived(
    error: type[Exception], failure: str
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error("bob@example.com") from OSError(errno.ECONNRESET, "")

    said = f"{error.__name__}: Connection reset by peer (ECONNRESET)".encode()
    assert await posted(fail) == UpstreamResponse(0, said, failure)


async def test_secrets_are_blotted_out_of_answers() -> None:
    found = await posted(
        lambda _: httpx.Response(400, content=b"Invalid API key: 0123456789"), ("0123456789",)
    )
    assert found == UpstreamResponse(400, b"Invalid API key: [key]")


@pytest.mark.parametrize(
    ("secrets", "shown"),
    [
        (("12345678", ""), b"[key] [key]9 1234567 x1234567 -1234567"),
        (("1234567",), b"12345678 123456789 [key] x1234567 -1234567"),
        (("",), b"12345678 123456789 1234567 x1234567 -1234567"),
    ],
)
def test_a_short_secret_is_one_only_as_a_word_by_itself(secrets: tuple[str, ...], shown: bytes) -> None:
    assert without(secrets, b"12345678 123456789 1234567 x1234567 -1234567") == shown


async def test_the_client_keeps_no_cookies_follows_nowhere_and_asks_for_plain_answers() -> None:
    async with http_client() as http:
        headers = dict(http.headers)
        assert headers["user-agent"] == "amplitude-session-forwarder"
        assert headers["accept-encoding"] == "identity"
        assert not http.follow_redirects
        answer = httpx.Response(200, headers={"set-cookie": "a=1"}, request=httpx.Request("POST", URL))
        http.cookies.extract_cookies(answer)
        assert not list(http.cookies.jar)


async def test_requests_are_bounded_by_the_scheduler_alone_and_connections_are_kept() -> None:
    async with http_client() as http:
        transport = http._transport
        assert isinstance(transport, httpx.AsyncHTTPTransport)
        pool: Any = transport._pool
        assert pool._max_connections > 10**6
        assert pool._max_keepalive_connections == 32
        assert not pool._http2
        assert isinstance(pool._network_backend, BoundedBackend)


# -- connections


class Wire:
    """A connection of httpcore that is read from in parts, and what was asked of it."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.asked: list[tuple[Any, ...]] = []

    async def read(self, *given: Any) -> bytes:
        self.asked.append(("read", *given))
        return self.parts.pop(0)

    async def write(self, *given: Any) -> None:
        self.asked.append(("write", *given))

    async def start_tls(self, *given: Any, **named: Any) -> "Wire":
        self.asked.append(("start_tls", *given, named))
        return self

    async def connect_tcp(self, *given: Any, **named: Any) -> "Wire":
        self.asked.append(("connect_tcp", *given, named))
        return self


async def test_what_a_connection_is_asked_it_hands_on() -> None:
    wire = Wire(b"a")
    opened = await BoundedBackend(wire).connect_tcp("host", 443, timeout=3)
    stream = await opened.start_tls("context", server_hostname="host")
    assert await stream.read(9, 4.0) == b"a"
    await stream.write(b"b", 5.0)
    assert wire.asked == [
        ("connect_tcp", "host", 443, {"timeout": 3}),
        ("start_tls", "context", {"server_hostname": "host"}),
        ("read", 9, 4.0),
        ("write", b"b", 5.0),
    ]
    assert stream.parts == []
    assert BoundedBackend(wire).parts == [], "whatever else is asked for is the connection's own"


async def test_twenty_interim_responses_are_read_and_no_more() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    for first in (20, 7):
        stream = BoundedStream(Wire(interim * first, interim * (20 - first), interim, interim * 20))
        await stream.read(9)
        await stream.read(9)
        with pytest.raises(TooManyInterim):
            await stream.read(9)
        await stream.write(b"the next request")
        assert await stream.read(9) == interim * 20, "each request has as many"


async def test_a_transport_without_connections_stays_as_it_is() -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as http:
        bound_connections(http)
        assert (await http.get(URL)).status_code == 200
