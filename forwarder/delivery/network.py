"""The connections to Amplitude, which give up an answer that never gets past its interim responses."""

from __future__ import annotations

import re
from typing import Any, Final

import httpx

_INTERIM: Final = re.compile(rb"HTTP/\d\.\d 1\d\d")
_MOST_INTERIM: Final = 20
"""Interim responses (RFC 9110, 15.2) before an answer. A server sends one or two; the client reads any number
of them without a pause, and nobody else has a turn meanwhile."""


class TooManyInterim(Exception):  # noqa: N818 - what it says is its name
    """The other side sends interim responses without end."""


class BoundedStream:
    """A connection as httpcore uses it; interim responses are counted from one request to the next."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._interim = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        """Return what has come. Raises TooManyInterim, and what the connection raises."""
        data: bytes = await self._stream.read(max_bytes, timeout)
        self._interim += len(_INTERIM.findall(data))
        if self._interim > _MOST_INTERIM:
            raise TooManyInterim
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send a part of a request."""
        self._interim = 0
        await self._stream.write(buffer, timeout)

    async def start_tls(self, *given: Any, **named: Any) -> BoundedStream:
        """Return the same connection, encrypted."""
        return BoundedStream(await self._stream.start_tls(*given, **named))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class BoundedBackend:
    """The network backend of httpcore whose connections are bounded; opens them as ``backend`` does."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    async def connect_tcp(self, *given: Any, **named: Any) -> BoundedStream:
        """Open a connection."""
        return BoundedStream(await self._backend.connect_tcp(*given, **named))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def bound_connections(client: httpx.AsyncClient) -> None:
    """Have the client, also through proxies, open bounded connections; httpx has no setting for it."""
    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = BoundedBackend(pool._network_backend)
