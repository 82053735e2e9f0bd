"""A JetStream stream in memory, and a connection to it that a test can break: no server, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from nats.js.api import DeliverPolicy, DiscardPolicy, RetentionPolicy
from nats.js.errors import BadRequestError, NotFoundError

from forwarder.spool.location import StreamUrl

PLACE = StreamUrl(["nats://one:4222", "nats://two:4222"], "events")
WRONG_LAST = 10071


def not_behind(description: str = "wrong last sequence") -> BadRequestError:
    """Return what JetStream says to a message that is not behind the expected one."""
    return BadRequestError(code=400, description=description, err_code=WRONG_LAST)


class FakeStream:
    """One stream as JetStream's client shows it. ``raises``: what the next questions raise, or None."""

    def __init__(self) -> None:
        self.messages: dict[int, bytes] = {}
        self.first, self.last = 1, 0
        self.there = True
        self.raises: list[Exception | None] = []
        self.asked: list[str] = []
        self.made: dict[str, Any] = {}
        self.purged: list[int] = []
        self.subscriptions: list[Subscription] = []
        self.strays: list[bytes] = []
        """What somebody else publishes just before our next message."""
        self.takes_s = 0.0
        """How long a message takes."""
        self.held: asyncio.Event | None = None
        """What a message waits for."""
        self.swallows = 0
        """How many messages are kept without an answer that says so."""
        self.config: dict[str, Any] = {
            "subjects": [PLACE.log],
            "max_msgs": -1,
            "max_bytes": -1,
            "max_msgs_per_subject": -1,
            "discard": DiscardPolicy.NEW,
            "max_age": 0,
            "retention": RetentionPolicy.LIMITS,
        }

    def put(self, *messages: bytes) -> None:
        """Have messages in it."""
        for data in messages:
            self.last += 1
            self.messages[self.last] = data

    def delete(self, *positions: int) -> None:
        """Take single messages out."""
        for position in positions:
            del self.messages[position]

    def purge(self, upto: int) -> None:
        """Take out everything before a position."""
        self.messages = {at: data for at, data in self.messages.items() if at >= upto}
        self.first = max(self.first, upto)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.raises and (error := self.raises.pop(0)):
            raise error

    def _see(self, name: str) -> None:
        assert name == PLACE.stream
        if not self.there:
            raise NotFoundError(code=404, description="stream not found")

    async def stream_info(self, name: str) -> Any:
        """See JetStreamContext."""
        self._ask("info")
        self._see(name)
        state = SimpleNamespace(messages=len(self.messages), first_seq=self.first, last_seq=self.last)
        return SimpleNamespace(state=state, config=SimpleNamespace(**self.config))

    async def account_info(self) -> None:
        """See JetStreamContext."""
        self._ask("account")

    async def get_msg(self, name: str, seq: int) -> Any:
        """See JetStreamContext."""
        self._ask(f"get {seq}")
        self._see(name)
        if seq not in self.messages:
            raise NotFoundError(code=404, description="no message found")
        return SimpleNamespace(data=self.messages[seq] or None)

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        """See JetStreamContext."""
        assert subject == PLACE.log
        self.put(*self.strays)
        self.strays = []
        self._ask("publish")
        await asyncio.sleep(self.takes_s)
        if self.held is not None:
            await self.held.wait()
        if int(headers["Nats-Expected-Last-Sequence"]) != self.last:
            raise not_behind()
        self.put(payload)
        if self.swallows:
            self.swallows -= 1
            raise not_behind()

    async def purge_stream(self, name: str, seq: int) -> None:
        """See JetStreamContext."""
        self._ask("purge")
        self._see(name)
        self.purged.append(seq)
        self.purge(seq)

    async def add_stream(self, **config: Any) -> None:
        """See JetStreamContext."""
        self._ask("make")
        self.made, self.there, self.messages, self.first, self.last = config, True, {}, 1, 0

    async def subscribe(self, subject: str, **named: Any) -> Subscription:
        """See JetStreamContext."""
        self._ask("subscribe")
        assert subject == PLACE.log
        self.subscriptions.append(Subscription(self, **named))
        return self.subscriptions[-1]


class Subscription:
    """An ordered consumer's."""

    def __init__(self, of: FakeStream, stream: str, ordered_consumer: bool, config: Any) -> None:
        assert (stream, ordered_consumer) == (PLACE.stream, True)
        assert config.deliver_policy is DeliverPolicy.BY_START_SEQUENCE
        self._of, self._at = of, config.opt_start_seq
        self.ended = False
        self.fails: Exception | None = None

    async def next_msg(self, timeout: float) -> Any:  # noqa: ASYNC109 - the client's
        """Return the next message."""
        assert timeout > 0
        found = sorted(at for at in self._of.messages if at >= self._at)
        if not found:
            await asyncio.sleep(timeout)
            raise TimeoutError
        self._at = found[0] + 1
        metadata = SimpleNamespace(sequence=SimpleNamespace(stream=found[0]), num_pending=len(found) - 1)
        return SimpleNamespace(data=self._of.messages[found[0]], metadata=metadata)

    async def unsubscribe(self) -> None:
        """End it."""
        self.ended = True
        if self.fails:
            raise self.fails


class FakeConnection:
    """The connection to a fake stream. ``replies``: what is answered to requests, or raised.

    ``delays``: how long the next replies take, in s.
    """

    def __init__(self, stream: FakeStream | None = None) -> None:
        self.place = PLACE
        self.jetstream: Any = stream or FakeStream()
        self.client: Any = SimpleNamespace(max_payload=1_048_576, flush=self._flush)
        self.is_connected, self.losses = True, 0
        self.renewed = 0
        self.closed = False
        self.requests: list[tuple[str, bytes, float]] = []
        self.replies: list[bytes | BaseException] = []
        self.delays: list[float] = []
        self.published: list[tuple[str, bytes]] = []
        self.callbacks: dict[str, Callable[[Any], Awaitable[None]]] = {}

    async def _flush(self, timeout: float) -> None:  # noqa: ASYNC109 - the client's
        self.published.append(("flush", b""))

    async def call(self, what: Callable[[Any], Awaitable[Any]]) -> Any:
        """See ``Connection``."""
        return await what(self.jetstream)

    async def ask(self, what: Callable[[Any], Awaitable[Any]]) -> Any:
        """See ``Connection``."""
        return await what(self.jetstream)

    def renew(self) -> None:
        """See ``Connection``."""
        self.renewed += 1

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """See ``Connection``."""
        self.requests.append((subject, data, timeout_s))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if self.delays:
            await asyncio.sleep(self.delays.pop(0))
        if isinstance(reply, BaseException):
            raise reply
        return reply

    async def publish(self, subject: str, data: bytes = b"") -> None:
        """See ``Connection``."""
        self.published.append((subject, data))

    async def subscribe(self, subject: str, callback: Callable[[Any], Awaitable[None]]) -> None:
        """See ``Connection``."""
        self.callbacks[subject] = callback

    async def unsubscribe(self, subject: str) -> None:
        """See ``Connection``."""
        self.callbacks.pop(subject, None)

    async def close(self) -> None:
        """See ``Connection``."""
        self.closed = True


def connected(made: FakeConnection) -> Any:
    """Return a fake connection where the real one's type is asked for."""
    return made
