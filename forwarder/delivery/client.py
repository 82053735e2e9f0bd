"""One request to Amplitude and what came back of it, whatever that is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from forwarder.amplitude.wire.requests import Body
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.network import bound_connections
from forwarder.faults import system_error

MAX_RESPONSE_BYTES = 1024 * 1024
"""Bytes of an answer that are read. One that names each of 2000 events and users has a fifth of it."""

_SHORTEST_KEY = 8
"""Characters; Amplitude's keys have 32, and no word of an answer is as long as this by chance."""


class _Outgoing(httpx.AsyncByteStream):
    """A request's body that can be released.

    Requests and answers of the client hold each other until the next garbage collection, which may be some
    hundred megabytes later.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the whole of it."""
        yield self.content


def http_client() -> httpx.AsyncClient:
    """Return the client that all destinations share. It keeps no cookies and follows no redirects."""
    client = httpx.AsyncClient(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        http2=False,  # concurrent uploads over one HTTP/2 connection have been seen to hang
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
        headers={"user-agent": "amplitude-session-forwarder", "accept-encoding": "identity"},
    )
    bound_connections(client)
    return client


async def post_request(
    http: httpx.AsyncClient, url: str, body: Body, timeout_s: float, secrets: Sequence[str]
) -> UpstreamResponse:
    """Post the body and return the answer, in which ``secrets`` are blotted out.

    The time is for all of it, so that an answer which trickles in ends, too. An answer in a content encoding
    is not read: none was asked for, and a kilobyte of it may become gigabytes.
    """
    patience = httpx.Timeout(timeout_s, connect=timeout_s / 2)
    outgoing = _Outgoing(body.content)
    headers = {**body.headers, "content-length": str(len(body.content))}
    try:
        async with (
            asyncio.timeout(timeout_s),
            http.stream("POST", url, content=outgoing, headers=headers, timeout=patience) as response,
        ):
            if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                return UpstreamResponse(0, b"an answer in a content encoding", "encoded")
            content = b""  # with no content encoding, bytes are the raw ones
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) >= MAX_RESPONSE_BYTES:
                    break
            return UpstreamResponse(response.status_code, without(secrets, content)[:MAX_RESPONSE_BYTES])
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        return UpstreamResponse(0, _why(error).encode(), "unreachable")
    except Exception as error:  # time-outs, resets, anything: it may have arrived
        return UpstreamResponse(0, _why(error).encode(), "broken")
    finally:
        outgoing.content = b""


def without(secrets: Sequence[str], content: bytes) -> bytes:
    """Return what was answered with the secrets blotted out.

    A short one, as of a test set-up, is blotted out only where it is a word by itself: ``s`` is no key in
    ``user_id``, and nobody could read what was answered.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST_KEY:
            content = content.replace(secret.encode(), b"[key]")
        elif secret:
            content = re.sub(rb"(?<![\w-])%b(?![\w-])" % re.escape(secret.encode()), b"[key]", content)
    return content


def _why(error: Exception) -> str:
    """Return the error's type and what the system said; its own message may quote what was answered."""
    said = system_error(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
