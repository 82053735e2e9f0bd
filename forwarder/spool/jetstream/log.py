"""A JetStream stream as a log of records, which one forwarder at a time may write.

A record is one or more messages. Each is written only behind the one its writer saw last, so whoever has been
replaced cannot write any more: at its next record, or its next look at the stream's end, it learns that it
has lost the stream. Messages that no forwarder wrote are passed over.
"""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import structlog
from nats.js.api import StreamState
from nats.js.errors import (
    APIError,
    NoStreamResponseError,
    NotFoundError,
    ServerError,
    ServiceUnavailableError,
)

from forwarder.errors import SpoolDamaged, SpoolLost, SpoolTakenOver, SpoolUnavailable
from forwarder.spool.jetstream import stream as streams
from forwarder.spool.jetstream.connection import NATS_ERRORS, Connection, begin
from forwarder.spool.jetstream.health import StreamHealth
from forwarder.spool.jetstream.message import Message, decode, encode
from forwarder.spool.jetstream.reading import StreamReader

_log = structlog.get_logger(__name__)
_AGAIN_S = 0.25
"""How long a record waits before it is tried again: an election of leaders takes a second or two."""
_LAST_S = 1.0
"""How long a record may take once the end has come: what is known is written down, unless NATS is silent."""
_LARGEST = 900_000
"""Bytes of one message, which servers refuse from a megabyte on."""
_ENVELOPE = 1_000
"""Bytes left for what ``message.encode`` and NATS' own headers put around a message."""
_WRONG_LAST = 10071
"""JetStream's error code for a message that is not written behind the expected one."""
RETRY_AFTER = 10
"""Seconds a sender is asked to wait where the stream takes nothing."""


class Log(StreamReader):
    """The log in one stream, which is read and written. To be used in one event loop.

    ``last``: the last message known; ``base``: where the last snapshot begins, and all is complete; ``kept``:
    the first position that has to be there; ``waits_since``: when the record on its way began (monotonic).
    """

    def __init__(self, connection: Connection, replicas: int = 1) -> None:
        """``replicas``: servers that hold each message where the stream has to be made again."""
        super().__init__(connection)
        self.health = StreamHealth(connection)
        self.base = self.kept = 0
        self.waits_since: float | None = None
        self._replicas = replicas
        self._writer = uuid4().hex
        self._own_writers = {self._writer}
        self._records = 0
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def begin(self, state: StreamState | None = None) -> StreamState:
        """Take up ``base`` and go to before the first message; return the stream's state, ``state`` if given.

        Raises SpoolDamaged where the stream began as something else, and one of NATS_ERRORS.
        """
        state = state or await self.state()
        newest, first = await asyncio.gather(self.newest(state), self.message(max(1, state.first_seq)))
        if state.messages and state.first_seq == 1 and decode(first) is None:
            raise SpoolDamaged(f"{self.place} holds other things than events; name another stream")
        self.last, self.base = max(0, state.first_seq - 1), newest.base if newest else 0
        self.kept = self.last + 1
        self._own_writers = {self._writer, newest.writer if newest else self._writer}
        return state

    async def append(self, data: bytes) -> int:
        """Return the record's position once it is durable, however long that takes.

        Raises SpoolUnavailable where the stream refuses it, SpoolLost where another forwarder has written, or
        where it is not durable soon after ``end``, and Incomplete.
        """
        writing = begin(self._write(data))
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
            message = Message(self._writer, self._records, number, len(parts), self.base, part)
            at = await self._publish(encode(message))
            position = position or at
        self._records += 1
        return position

    async def _publish(self, message: bytes) -> int:
        """Return where the message lies once it is durable."""
        self.waits_since = time.monotonic()
        try:
            while True:
                asked = self.health.moment()
                try:
                    await self._put(message)
                    break
                except APIError as error:
                    if await self._is_next_after(error, message):
                        break
                except NATS_ERRORS as error:
                    self.health.silent(str(error) or type(error).__name__)
                    if isinstance(error, NoStreamResponseError):
                        await self._see_that_it_is_there()
                await asyncio.sleep(_AGAIN_S)
        finally:
            self.waits_since = None
        self.last += 1
        self.health.refused_at = None
        self.health.ours(asked)
        return self.last

    async def _put(self, message: bytes) -> None:
        """Publish a message. Where it is published more than once, there is room for one behind the last."""
        behind = {"Nats-Expected-Last-Sequence": str(self.last)}
        await self.connection.ask(lambda stream: stream.publish(self.place.log, message, headers=behind))

    async def _is_next_after(self, error: APIError, message: bytes) -> bool:
        """Return whether a message that was refused lies behind the last one: only its answer was lost, then.

        Otherwise it is to be tried again. Raises SpoolUnavailable and SpoolLost.
        """
        if isinstance(error, (ServiceUnavailableError, ServerError)):
            self.health.silent(error.description or "a server starts, or a leader is elected")
            return False
        try:
            if await self._pass_over(message):
                return True
        except NATS_ERRORS as failure:
            self.health.silent(str(failure) or type(failure).__name__)
            return False
        if error.err_code == _WRONG_LAST:
            return False
        why = error.description or f"NATS' error {error.err_code}"
        self.health.refused(why)
        raise SpoolUnavailable("stream_full", f"{self.place} refuses events: {why}", RETRY_AFTER)

    async def _see_that_it_is_there(self) -> None:
        """Raise Incomplete where NATS knows of no such stream any more."""
        try:
            await self.state()
        except NotFoundError:
            self.health.incomplete("it was deleted")
        except NATS_ERRORS:
            pass

    async def look(self) -> None:
        """See whether the stream is whole, and while no record is on its way, whether its end is still ours.

        Raises SpoolLost where another forwarder has written, Incomplete where messages of ours are missing.
        """
        last, asked = self.last, self.health.moment()
        try:
            state = await self.state()
            if state.first_seq > max(1, self.kept):  # nobody lets go of records but their writer
                self.health.incomplete("messages are missing")
            if self.waits_since is not None or self.last != last:
                return  # a record is on its way, which will tell
            if state.last_seq > last:
                await self._pass_over(None)
            elif state.last_seq < last:
                self.health.behind()
                return
        except NotFoundError:
            self.health.incomplete("it was deleted")
        except NATS_ERRORS as error:
            self.health.silent(str(error) or type(error).__name__)
            return
        self.health.ours(asked)

    async def _pass_over(self, message: bytes | None) -> bool:
        """Go on behind what others have put into the stream; tell whether ``message`` is the first there.

        Raises SpoolLost where a forwarder has written it, and one of NATS_ERRORS.
        """
        state = await self.state()
        if state.last_seq < self.last:
            self.health.behind()
        for position in range(self.last + 1, state.last_seq + 1):
            data = await self.message(position)
            if self.last != position - 1:
                return False  # a record has got there meanwhile
            if data is None:
                if state.first_seq > position:  # trimmed or purged: nobody knows what it was
                    raise self._superseded()
            elif data == message:
                return True
            elif (other := self.read(data, position)) is not None:
                if message is None and self.waits_since is not None:
                    return False  # a record that is on its way, which will tell
                raise self._superseded(other)
            self.last = position
        return False

    def _superseded(self, by: Message | None = None) -> SpoolLost:
        if by is not None and by.writer == self._writer:
            return SpoolLost(f"{self.place} has kept what it seemed to refuse; start again")
        return SpoolTakenOver(f"another forwarder has taken over {self.place}")

    async def restore(self) -> None:
        """Go to the end of a stream that was purged or deleted: a snapshot has to be written behind it.

        Makes the stream where it is missing. Raises SpoolLost where another forwarder has done so, and one of
        NATS_ERRORS.
        """
        if not await streams.is_there(self.connection):
            await streams.make(self.connection, self._replicas, existed=True)
        state = await self.state()
        newest = await self.newest(state)
        if newest is not None and newest.writer not in self._own_writers:
            raise self._superseded(newest)
        self.last = min(self.last, state.last_seq)
        if not state.first_seq <= self.base <= state.last_seq:  # else it counts until the new one is whole
            self.base = 0
        self.kept = self.last + 1
        self.health.restored()

    async def trim(self, position: int) -> None:
        """Have the stream drop everything before a position; what fails now is done with the next trim."""
        self.kept = max(self.kept, position)
        try:
            await self.connection.call(lambda stream: stream.purge_stream(self.place.stream, seq=position))
        except NATS_ERRORS as error:
            _log.warning("the stream was not trimmed", stream=str(self.place), why=str(error))

    async def close(self) -> None:
        """Close the connection."""
        await self.connection.close()
