"""Reads the records of a JetStream stream. Messages that no forwarder wrote are passed over."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, StreamState
from nats.js.errors import NotFoundError

from forwarder import metrics
from forwarder.spool.jetstream.connection import NATS_ERRORS, Connection
from forwarder.spool.jetstream.message import Message, decode
from forwarder.spool.location import StreamUrl

_log = structlog.get_logger(__name__)
_READ_S = 10.0
"""How long the next message may take: servers that are well send it at once, so they stopped answering."""


class Record(NamedTuple):
    """A record: what was written in one step. ``position``: where its first message lies."""

    position: int
    data: bytes


class StreamReader:
    """The reader of one stream. To be used in one event loop.

    ``last``: the position of the last message that is known; ``whole``: whether everything was read that the
    stream held when that began, and nothing was let go of meanwhile.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.place: StreamUrl = connection.place
        self.last = 0
        self.whole = False

    @property
    def client(self) -> Client:
        """The NATS client in use."""
        return self.connection.client

    @property
    def _stream(self) -> JetStreamContext:
        return self.connection.jetstream

    async def state(self) -> StreamState:
        """Return how much the stream holds. Raises one of NATS_ERRORS."""
        return (await self.connection.ask(lambda stream: stream.stream_info(self.place.stream))).state

    async def message(self, position: int) -> bytes | None:
        """Return what lies at a position, None where nothing does. Raises one of NATS_ERRORS."""
        try:
            found = await self.connection.ask(lambda stream: stream.get_msg(self.place.stream, position))
        except NotFoundError:
            return None
        return found.data or b""

    async def first(self) -> int:
        """Return where the first message lies. Raises one of NATS_ERRORS."""
        return max(1, (await self.state()).first_seq)

    async def newest(self, state: StreamState) -> Message | None:
        """Return the last message that a forwarder wrote."""
        for position in range(state.last_seq, max(0, state.first_seq - 1), -1):
            data = await self.message(position)
            if data is not None and (message := decode(data)):
                return message
        return None

    async def records(self, end: StreamState) -> AsyncIterator[Record]:
        """Yield the records behind ``last`` in order, up to where the stream ended when it was in this state.

        What came since is of a forwarder that has taken over, and who reads on would rob it. Raises one of
        NATS_ERRORS where the servers stop answering.
        """
        self.whole = not end.messages
        if not end.messages or end.last_seq <= self.last:
            self.last = max(self.last, end.last_seq)
            return
        begin = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.last + 1)
        subscription = await self.connection.call(
            lambda stream: stream.subscribe(
                self.place.log, stream=self.place.stream, ordered_consumer=True, config=begin
            )
        )
        try:
            read, position, under_way, parts = 0, 0, ("", 0), list[bytes]()
            while self.last < end.last_seq:
                found = await subscription.next_msg(timeout=_READ_S)
                at = found.metadata.sequence.stream
                pending = found.metadata.num_pending
                if at > end.last_seq:  # what lay before was deleted
                    self.last = end.last_seq
                    break
                read += at > self.last
                message = self.read(found.data, at)
                self.last = at if pending else max(at, end.last_seq)  # what lay behind may have been deleted
                if message is None:
                    continue
                record = message.writer, message.record
                if message.part == 0:  # what came before and is not complete was never acknowledged
                    position, under_way, parts = at, record, []
                elif record != under_way or message.part != len(parts):
                    continue  # a part of a record whose first parts are missing
                parts.append(message.data)
                if len(parts) == message.parts:
                    yield Record(position, b"".join(parts))
            self.whole = read == end.messages
        finally:
            with contextlib.suppress(*NATS_ERRORS):  # if only because it is gone
                await subscription.unsubscribe()

    def read(self, data: bytes, position: int) -> Message | None:
        """Return the message; None for a stray one, which is counted and reported."""
        message = decode(data)
        if message is None:
            metrics.STRAYS.add()
            _log.warning(
                "the stream holds a message that no forwarder wrote; it is passed over",
                stream=str(self.place),
                message=position,
                mend="let nobody else publish to this subject",
                subject=self.place.log,
            )
        return message
