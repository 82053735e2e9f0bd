"""NATS' client as a test answers for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import nats.errors
import pytest

from forwarder.spool.jetstream import connection as module
from forwarder.spool.jetstream.connection import (
    Connection,
)
from tests.support.fake_stream import PLACE
from tests.support.simulation.virtual import VirtualLoop


class Client:
    """NATS' client, as far as a connection uses it; what connects, answers and closes is up to the test."""

    made: ClassVar[list[Client]] = []
    connecting: ClassVar[Callable[[Client], Coroutine[Any, Any, None]]]
    answers_pings = True
    is_connected = True

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.servers: list[str] = []
        self.subscribed: list[tuple[str, Any]] = []
        self.unsubscribed: list[str] = []
        self.published: list[tuple[str, bytes]] = []
        self.closed = False
        self.closes = True
        self.fails: Exception | None = None
        Client.made.append(self)

    async def connect(self, servers: list[str], **named: Any) -> None:
        self.servers, self.given = servers, named
        await type(self).connecting(self)

    def jetstream(self, timeout: float) -> Any:
        return SimpleNamespace(of=self, timeout=timeout)

    async def flush(self, timeout: float) -> None:  # noqa: ASYNC109 - the client's
        if not Client.answers_pings:
            await asyncio.sleep(timeout)
            raise nats.errors.TimeoutError

    async def request(self, subject: str, data: bytes, timeout: float) -> Any:  # noqa: ASYNC109 - the client's
        return SimpleNamespace(data=b"%b %b %d" % (subject.encode(), data, timeout))

    async def publish(self, subject: str, data: bytes) -> None:
        self.published.append((subject, data))

    async def subscribe(self, subject: str, cb: Any) -> Any:
        self.subscribed.append((subject, cb))

        async def unsubscribe() -> None:
            self.unsubscribed.append(subject)
            if self.fails:
                raise self.fails

        return SimpleNamespace(unsubscribe=unsubscribe)

    async def close(self) -> None:
        if not self.closes:
            await asyncio.sleep(10**6)
        self.closed = True
        if self.fails:
            raise self.fails


def play(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]], patch: pytest.MonkeyPatch) -> None:
    loop = VirtualLoop()
    patch.setattr(module, "time", SimpleNamespace(monotonic=loop.time))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main(loop))


def used(one: Connection) -> tuple[Any, Any, float]:
    """Return the client in use, the one of its JetStream, and how long that may take."""
    stream = cast(Any, one.jetstream)
    return one.client, stream.of, stream.timeout


async def opened(token: str = "secret") -> Connection:
    one = Connection(PLACE, token)
    await one.open(5)
    return one
