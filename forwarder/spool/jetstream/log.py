"""A JetStream stream as a log of records, which one forwarder at a time may write.

A record is one or more messages. Each is written only behind the one its writer saw last, so whoever has been
replaced cannot write any more: at its next record, or its next look at the stream's end, it learns that it
has lost the stream. Messages that no forwarder wrote are passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, StreamState
from nats.js.errors import (
    APIError,
    NoStreamResponseError,
    NotFoundError,
    ServerError,
    ServiceUnavailableError,
)

from forwarder import metrics
from forwarder.errors import SpoolDamaged, SpoolLost, SpoolTakenOver, SpoolUnavailable
from forwarder.spool.jetstream import stream as streams
from forwarder.spool.jetstream.connection import NATS_ERRORS, Connection
from forwarder.spool.jetstream.message import Message, decode, encode
from forwarder.spool.location import StreamUrl

_log = structlog.get_logger(__name__)
_AGAIN_S, _READ_S = 0.25, 10.0
_LAST_S = 1.0
"""How long a record may take once the end has come: what is known is written down, unless NATS is silent."""
_RECONNECT_S = 10.0
"""Silence of a stream after which another server is tried: the one in use may be cut off from the others."""
_LARGEST = 900_000
"""Bytes of one message, which servers refuse from a megabyte on."""
_ENVELOPE = 1_000
_WRONG_LAST = 10071
"""JetStream's error code for a message that is not written behind the expected one."""
_BEHIND_S = 5.0
"""How long the stream has to be behind its writer before that is believed: an old leader may answer first."""
RETRY_AFTER = 10
"""Seconds a sender is asked to wait where the stream takes nothing."""


class Record(NamedTuple):
    """What was written in one step. ``position``: where its first message lies."""

    position: int
    data: bytes


class Incomplete(Exception):  # noqa: N818 - a state of the stream
    """The stream lacks what its writer knows: it was purged or deleted by hand."""


class Log:
    """One stream, opened. To be used in one event loop.

    ``last``: the last message that is known; ``base``: the position from which everything is told again, for
    what lies before is not complete; ``kept``: the first position that has to be there; ``why``: why nothing
    can be written, "" where it can. By ``time.monotonic()``: ``waits_since``, when the record that is on its
    way was begun; ``ours_at``, when the stream's end was last known to be ours; ``refused_at``, when a record
    was last refused.
    """

    def __init__(self, connection: Connection, replicas: int = 1) -> None:
        """``replicas``: servers that hold each message where the stream has to be made again."""
        self.connection = connection
        self.place: StreamUrl = connection.place
        self.last = self.base = self.kept = 0
        self.waits_since: float | None = None
        self.refused_at: float | None = None
        self.ours_at = time.monotonic()
        self.why = ""
        self._replicas = replicas
        self._writer = uuid4().hex
        self._known = {self._writer}
        self._records = 0
        self._behind_since: float | None = None
        self._renewed_at = 0.0
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

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

    async def _message(self, position: int) -> bytes | None:
        """Return what lies at a position, None where nothing does. Raises one of NATS_ERRORS."""
        try:
            found = await self.connection.ask(lambda stream: stream.get_msg(self.place.stream, position))
        except NotFoundError:
            return None
        return found.data or b""

    # -- reading

    async def begin(self) -> StreamState:
        """Take up ``base`` and go to before the first message. Returns the stream's state as of then.

        Raises SpoolDamaged where the stream began as something else, and one of NATS_ERRORS.
        """
        state = await self.state()
        if state.messages and state.first_seq == 1 and decode(await self._message(1)) is None:
            raise SpoolDamaged(f"{self.place} holds other things than events; name another stream")
        self.last, self.base = max(0, state.first_seq - 1), 0
        self.kept = self.last + 1
        newest = await self._newest(state)
        self.base = newest.base if newest else 0
        self._known = {self._writer, newest.writer if newest else self._writer}
        return state

    async def _newest(self, state: StreamState) -> Message | None:
        """Return the last message that a forwarder wrote."""
        for position in range(state.last_seq, max(0, state.first_seq - 1), -1):
            data = await self._message(position)
            if data is not None and (message := decode(data)):
                return message
        return None

    async def first(self) -> int:
        """Return where the first message lies. Raises one of NATS_ERRORS."""
        return max(1, (await self.state()).first_seq)

    async def records(self) -> AsyncIterator[Record]:
        """Yield the records behind ``last`` in order, up to what is now the end.

        Raises one of NATS_ERRORS where the servers stop answering.
        """
        end = await self.state()
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
            position, under_way, parts = 0, ("", 0), list[bytes]()
            while self.last < end.last_seq:
                found = await subscription.next_msg(timeout=_READ_S)
                at = found.metadata.sequence.stream
                pending = found.metadata.num_pending
                message = self._read(found.data, at)
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
        finally:
            with contextlib.suppress(*NATS_ERRORS):  # if only because it is gone
                await subscription.unsubscribe()

    def _read(self, data: bytes, position: int) -> Message | None:
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

    # -- writing

    async def append(self, data: bytes) -> int:
        """Return the record's position once it is durable, however long that takes.

        Raises SpoolUnavailable where the stream refuses it, SpoolLost where another forwarder has written, or
        where it is not durable soon after ``end``, and Incomplete.
        """
        writing = asyncio.ensure_future(self._write(data))
        await asyncio.wait((writing, self._end), return_when=asyncio.FIRST_COMPLETED)
        if not writing.done():
            await asyncio.wait((writing,), timeout=_LAST_S)
        if writing.done():
            return writing.result()
        writing.cancel()
        raise SpoolLost(f"{self.place} did not answer before the end")

    def end(self) -> None:
        """From now on let no record wait for a stream that is silent."""
        if not self._end.done():
            self._end.set_result(None)

    async def _write(self, data: bytes) -> int:
        size = min(_LARGEST, self.client.max_payload - _ENVELOPE)
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        position = 0
        for number, part in enumerate(parts):
            at = await self._publish(
                encode(Message(self._writer, self._records, number, len(parts), self.base, part))
            )
            position = position or at
        self._records += 1
        return position

    async def _publish(self, message: bytes) -> int:
        """Return where the message lies once it is durable."""
        self.waits_since = time.monotonic()
        try:
            while True:
                try:
                    await self._put(message)
                    break
                except APIError as error:
                    if await self._is_next_after(error, message):
                        break
                except NATS_ERRORS as error:
                    self._silent(str(error) or type(error).__name__)
                    if isinstance(error, NoStreamResponseError):
                        await self._see_that_it_is_there()
                await asyncio.sleep(_AGAIN_S)
        finally:
            self.waits_since = None
        self.last += 1
        self.refused_at = None
        self._ours()
        return self.last

    async def _put(self, message: bytes) -> None:
        """Publish a message. Where it is published more than once, there is room for one behind the last."""
        behind = {"Nats-Expected-Last-Sequence": str(self.last)}
        await self.connection.ask(lambda stream: stream.publish(self.place.log, message, headers=behind))

    async def _is_next_after(self, error: APIError, message: bytes) -> bool:
        """Tell whether a message that was refused lies behind the last one: only its answer was lost, then.

        Otherwise it is to be tried again. Raises SpoolUnavailable and SpoolLost.
        """
        if isinstance(error, (ServiceUnavailableError, ServerError)):
            self._silent(error.description or "a server starts, or a leader is elected")
            return False
        try:
            if await self._pass_over(message):
                return True
        except NATS_ERRORS as failure:
            self._silent(str(failure) or type(failure).__name__)
            return False
        if error.err_code == _WRONG_LAST:
            return False
        if self.refused_at is None:
            _log.warning("the stream refuses events", stream=str(self.place), why=error.description)
        self.refused_at = time.monotonic()
        raise SpoolUnavailable(
            "stream_full", f"{self.place} refuses events: {error.description}", RETRY_AFTER
        )

    def _silent(self, why: str) -> None:
        """The stream does not answer: report that once, and try another server now and then."""
        if not self.why:
            _log.warning("the stream takes nothing; events wait", stream=str(self.place), why=why)
        self.why = f"it does not answer: {why}"
        now = time.monotonic()
        if now - max(self.ours_at, self._renewed_at) >= _RECONNECT_S:
            self._renewed_at = now
            self.connection.renew()

    def _ours(self) -> None:
        """The stream has shown that its end is ours."""
        if self.why:
            _log.info("the stream takes events again", stream=str(self.place))
        self.ours_at, self.why, self._behind_since = time.monotonic(), "", None

    async def _see_that_it_is_there(self) -> None:
        """Raise Incomplete where NATS knows of no such stream any more."""
        try:
            await self.state()
        except NotFoundError:
            self.why = "it was deleted"
            raise Incomplete from None
        except NATS_ERRORS:
            pass

    async def look(self) -> None:
        """See whether the stream is whole, and while no record is on its way, whether its end is still ours.

        Raises SpoolLost where another forwarder has written, Incomplete where messages of ours are missing.
        """
        last = self.last
        try:
            state = await self.state()
            if state.first_seq > max(1, self.kept):  # nobody lets go of records but their writer
                self.why = "messages are missing"
                raise Incomplete
            if self.waits_since is not None or self.last != last:
                return  # a record is on its way, which will tell
            if state.last_seq > last:
                await self._pass_over(None)
            elif self._is_behind(state):
                return
        except NotFoundError:
            self.why = "it was deleted"
            raise Incomplete from None
        except NATS_ERRORS as error:
            self._silent(str(error) or type(error).__name__)
            return
        self._ours()

    def _is_behind(self, state: StreamState) -> bool:
        """Tell whether the stream holds less than it did. Raises Incomplete once that is sure."""
        if state.last_seq == self.last and state.first_seq <= max(1, self.kept):
            return False
        now = time.monotonic()
        self._behind_since = self._behind_since or now
        if now - self._behind_since < _BEHIND_S:
            return True
        self.why = "messages are missing"
        raise Incomplete

    async def _pass_over(self, message: bytes | None) -> bool:
        """Go on behind what others have put into the stream; tell whether ``message`` is the first there.

        Raises SpoolLost where a forwarder has written it, and one of NATS_ERRORS.
        """
        state = await self.state()
        if state.last_seq < self.last:
            self._is_behind(state)
        for position in range(self.last + 1, state.last_seq + 1):
            data = await self._message(position)
            if self.last != position - 1:
                return False  # a record has got there meanwhile
            if data is None:
                if state.first_seq > position:  # trimmed or purged: nobody knows what it was
                    raise self._taken_over()
            elif data == message:
                return True
            elif (other := self._read(data, position)) is not None:
                if message is None and self.waits_since is not None:
                    return False  # a record that is on its way, which will tell
                raise self._taken_over(other)
            self.last = position
        return False

    def _taken_over(self, by: Message | None = None) -> SpoolLost:
        if by is not None and by.writer == self._writer:
            return SpoolLost(f"{self.place} has kept what it seemed to refuse; start again")
        return SpoolTakenOver(f"another forwarder has taken over {self.place}")

    async def restore(self) -> None:
        """Go to the end of a stream that was purged or deleted, so that everything is told again behind it.

        Makes the stream where it is missing. Raises SpoolLost where another forwarder has done so, and one of
        NATS_ERRORS.
        """
        if not await streams.is_there(self.connection):
            await streams.make(self.connection, self._replicas, known=True)
        state = await self.state()
        newest = await self._newest(state)
        if newest is not None and newest.writer not in self._known:
            raise self._taken_over(newest)
        self.last = min(self.last, state.last_seq)
        self.base, self.kept, self._behind_since = 0, self.last + 1, None

    async def trim(self, position: int) -> None:
        """Let go of everything before a position; what cannot be let go of now is with the next."""
        self.kept = max(self.kept, position)
        try:
            await self.connection.call(lambda stream: stream.purge_stream(self.place.stream, seq=position))
        except NATS_ERRORS as error:
            _log.warning("the stream was not trimmed", stream=str(self.place), why=str(error))

    async def close(self) -> None:
        """Let go of the connection."""
        await self.connection.close()
