"""One connection to the servers of a stream, replaced whenever it is closed for good or silent.

The client reconnects by itself when a server closes the connection. It does not notice in time that a server
has vanished without a word (power, cable), it waits for bytes that this server will never acknowledge, and
some refusals close it for good. So a ping goes out every second, and where none is answered for three, a new
client takes the old one's place.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, TypeAlias, TypeVar

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

from forwarder.errors import SpoolDamaged
from forwarder.spool.location import StreamUrl

T = TypeVar("T")
Callback: TypeAlias = Callable[[Msg], Awaitable[None]]
ANSWER_S = 5.0
"""Seconds that JetStream may take to answer; an election takes longer, which ``Log`` waits for."""
AGAIN_S = 1.0
"""How long a question may be unanswered before it is asked once more: without a leader it is dropped in
silence, and nobody says when there is one. Elections take 4 to 9 s (``python -m tests.bench.takeover 6``)."""
PING_EVERY_S, PING_ANSWER_S = 1, 3
"""Seconds between two pings, and how long none may be answered: four legs of 700 ms fit in."""
CLOSE_S = 2.0
"""Seconds a connection may take to close: a vanished server never acknowledges what is still to be sent."""
_CANCEL_AGAIN_S = 0.5
"""After so long a task that has not ended is cancelled once more: a cancellation may be lost."""
NATS_ERRORS: Final = (nats.errors.Error, OSError, RuntimeError, EOFError)
"""Whatever the client raises where servers are away; uvloop reports a closed socket as a RuntimeError."""


class Renewed(nats.errors.Error):
    """The connection was replaced while an answer was awaited, so that this answer never comes."""

    def __str__(self) -> str:
        return "the connection was lost"


class Connection:
    """The connection to one stream's servers. To be used in one event loop."""

    client: Client
    jetstream: JetStreamContext

    def __init__(self, place: StreamUrl, token: str) -> None:
        """``token``: the servers' token, "" for none."""
        self.place = place
        self.losses = 0
        """How often the connection was lost."""
        self._token = token
        self._subscriptions: dict[str, tuple[Callback, Subscription]] = {}
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._why = "no answer"
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        """Whether a server is connected, as far as the client knows."""
        return self.client.is_connected

    async def open(self, patience_s: float) -> None:
        """Connect. Raises SpoolDamaged where no server accepts the connection within ``patience_s``."""
        connecting = begin(self._connected())
        try:
            await asyncio.wait(
                (connecting, self._refused), timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
            )
            if connecting.done():
                with contextlib.suppress(*NATS_ERRORS):  # of which ``on_error`` knows
                    self._use(connecting.result())
                    self._start(self._keep_alive())
                    return
        finally:
            if not connecting.done():
                connecting.cancel()
                await asyncio.wait((connecting,))
        raise SpoolDamaged(
            f"cannot connect to {self.place}: {self._why}; start NATS, or mend spool.path or spool.token"
        )

    async def _connected(self) -> Client:
        """Return a connected client, however long that takes."""
        client = Client()

        async def on_error(error: Exception) -> None:
            self._why = str(error) or type(error).__name__
            if "authorization" in self._why.lower() and not self._refused.done():
                self._refused.set_result(None)

        async def lose() -> None:
            if getattr(self, "client", None) is client:
                self._lose()

        await client.connect(
            self.place.servers,
            name="forwarder",
            token=self._token or None,
            error_cb=on_error,
            disconnected_cb=lose,
            connect_timeout=2,
            ping_interval=3,
            max_outstanding_pings=2,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]
        )
        return client

    def _use(self, client: Client) -> None:
        self.client, self.jetstream = client, client.jetstream(timeout=ANSWER_S)

    def _lose(self) -> None:
        """Let nobody wait for answers that were on their way over a connection that is lost."""
        self.losses += 1
        self._lost.set_result(None)
        self._lost = asyncio.get_running_loop().create_future()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep_alive(self) -> None:
        answered_at = time.monotonic()
        while True:
            await asyncio.sleep(PING_EVERY_S)
            try:
                await self.client.flush(PING_ANSWER_S)
                answered_at = time.monotonic()
            except NATS_ERRORS:
                if time.monotonic() - answered_at >= PING_ANSWER_S:
                    self.renew()

    def renew(self) -> None:
        """Connect anew, perhaps to another server, and use that connection once it is there."""
        if self._renewing is None or self._renewing.done():
            self._renewing = self._start(self._renew())

    async def _renew(self) -> None:
        with contextlib.suppress(*NATS_ERRORS):  # then the next unanswered ping tries again
            renewed, old = await self._connected(), self.client
            for subject, (callback, _) in list(self._subscriptions.items()):
                self._subscriptions[subject] = callback, await renewed.subscribe(subject, cb=callback)
            self._use(renewed)
            self._lose()
            self._start(_close(old))

    async def call(self, what: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        """Return what JetStream answers. Raises one of NATS_ERRORS, at once where the connection is lost."""
        asking = begin(what(self.jetstream))
        try:
            await asyncio.wait((asking, self._lost), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            raise Renewed
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.wait((asking,))

    async def ask(self, what: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        """Return what JetStream answers to a question that does no harm when it is asked more than once.

        Raises as ``call`` does.
        """
        asked = set[asyncio.Task[T]]()
        try:
            while True:
                asked.add(asyncio.create_task(self.call(what)))
                done, _ = await asyncio.wait(asked, timeout=AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    return done.pop().result()
        finally:
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """Return what another forwarder answers. Raises one of NATS_ERRORS."""
        return (await self.client.request(subject, data, timeout=timeout_s)).data

    async def publish(self, subject: str, data: bytes = b"") -> None:
        """Send a message that nobody keeps. Raises one of NATS_ERRORS."""
        await self.client.publish(subject, data)

    async def subscribe(self, subject: str, callback: Callback) -> None:
        """Call ``callback`` with every message on a subject, also after a renewal. Raises NATS_ERRORS."""
        self._subscriptions[subject] = callback, await self.client.subscribe(subject, cb=callback)

    async def unsubscribe(self, subject: str) -> None:
        """End a subscription, if there is one."""
        found = self._subscriptions.pop(subject, None)
        if found is not None:
            with contextlib.suppress(*NATS_ERRORS):
                await found[1].unsubscribe()

    async def close(self) -> None:
        """Close the connection, within ``CLOSE_S``."""
        await _end(self._tasks)
        if hasattr(self, "client"):
            await _close(self.client)


def begin(work: Awaitable[T]) -> asyncio.Future[T]:
    """Begin what its caller may stop waiting for; how it ends then is no fault of ours.

    Whoever asks twice and is answered twice in one moment hears one answer; the other may be a refusal.
    """
    begun = asyncio.ensure_future(work)
    begun.add_done_callback(_note_end)
    return begun


def _note_end(begun: asyncio.Future[Any]) -> None:
    if not begun.cancelled():
        begun.exception()


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """End tasks. Each is cancelled until it has ended.

    Below Python 3.12 ``asyncio.wait_for``, by which the client waits for answers, passes a cancellation over
    that comes together with the answer.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)


async def _close(client: Client) -> None:
    """Close a client whatever has become of its server."""
    with contextlib.suppress(*NATS_ERRORS):
        async with asyncio.timeout(CLOSE_S):
            await client.close()
