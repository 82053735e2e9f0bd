"""A JetStream stream as a log of records, which one forwarder at a time may write.

A record is one or more messages. Each is written only behind the one its writer saw last, so whoever has been
replaced cannot write any more: at its next record it learns that it has lost the stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError, ServerError, ServiceUnavailableError

from forwarder.errors import SpoolDamaged, SpoolFull, SpoolLost
from forwarder.spool.place import Place

_log = structlog.get_logger(__name__)
ANSWER_S, _AGAIN_S, _READ_S = 5.0, 0.25, 30.0
_LAST_S = 1.0
"""How long a record may take once the end has come: what is known is written down, unless NATS is silent."""
_LARGEST = 900_000
"""Bytes of one message, which servers refuse from a megabyte on."""
_ENVELOPE = 1_000
_WRONG_LAST = 10071
"""JetStream's error code for a message that is not written behind the expected one."""
RETRY_AFTER = 10
"""Seconds a sender is asked to wait where the stream takes nothing."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """Part of a record. ``writer`` and ``record`` make it unlike any other; ``base``: see ``Log.base``."""

    writer: str
    record: int
    part: int
    parts: int
    base: int
    data: bytes


class Record(NamedTuple):
    """What was written in one step. ``position``: where its first message lies."""

    position: int
    data: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Log:
    """One stream, opened. To be used in one event loop.

    ``last``: the last message that is known; ``base``: the position from which everything is told again, for
    what lies before is not complete; ``waits_since``: when the record that is on its way was begun, by
    ``time.monotonic()``.
    """

    def __init__(self, client: Client, place: Place) -> None:
        self.client = client
        self.place = place
        self.last = self.base = 0
        self.waits_since: float | None = None
        self._stream = client.jetstream(timeout=ANSWER_S)
        self._writer = uuid4().hex
        self._records = 0
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def begin(self) -> int:
        """Take up ``base``, go to before the first message, and return where that lies.

        Raises SpoolDamaged where the stream holds something else, and nats.errors.Error.
        """
        state = (await self._stream.stream_info(self.place.stream)).state
        self.last, self.base = max(0, state.first_seq - 1), 0
        if state.messages:
            newest = await self._stream.get_msg(self.place.stream, state.last_seq)
            self.base = self._read(newest.data or b"").base
        return self.last + 1

    async def first(self) -> int:
        """Return where the first message lies. Raises nats.errors.Error."""
        return max(1, (await self._stream.stream_info(self.place.stream)).state.first_seq)

    async def records(self) -> AsyncIterator[Record]:
        """Yield the records behind ``last`` in order, up to what is now the end.

        Raises SpoolDamaged, and nats.errors.Error where the servers stop answering.
        """
        end = (await self._stream.stream_info(self.place.stream)).state
        if not end.messages or end.last_seq <= self.last:
            self.last = max(self.last, end.last_seq)
            return
        begin = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.last + 1)
        subscription = await self._stream.subscribe(
            self.place.log, stream=self.place.stream, ordered_consumer=True, config=begin
        )
        try:
            position, parts = 0, list[bytes]()
            while self.last < end.last_seq:
                found = await subscription.next_msg(timeout=_READ_S)
                self.last = found.metadata.sequence.stream
                message = self._read(found.data)
                if message.part == 0:  # what came before and is not complete was never acknowledged
                    position, parts = self.last, []
                parts.append(message.data)
                if message.part == message.parts - 1 == len(parts) - 1:
                    yield Record(position, b"".join(parts))
        finally:
            with contextlib.suppress(nats.errors.Error):  # if only because it is gone
                await subscription.unsubscribe()

    def _read(self, data: bytes) -> Message:
        try:
            return _decode(data)
        except msgspec.DecodeError:
            raise SpoolDamaged(f"{self.place} holds other things than events; name another stream") from None

    async def append(self, data: bytes) -> int:
        """Return the record's position once it is durable, however long that takes.

        Raises SpoolFull where the stream refuses it, and SpoolLost where another forwarder has written, or
        where it is not durable soon after ``end``.
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
        position = self.last + 1
        for number, part in enumerate(parts):
            await self._publish(
                _encode(Message(self._writer, self._records, number, len(parts), self.base, part))
            )
        self._records += 1
        return position

    async def _publish(self, message: bytes) -> None:
        silent = False
        self.waits_since = time.monotonic()
        behind = {"Nats-Expected-Last-Sequence": str(self.last)}
        try:
            while True:
                try:
                    await self._stream.publish(self.place.log, message, headers=behind)
                    break
                except (ServiceUnavailableError, ServerError) as error:
                    why = error.description or "a server starts, or a leader is elected"
                except APIError as error:
                    if error.err_code != _WRONG_LAST:
                        raise SpoolFull(
                            f"{self.place} refuses events: {error.description}", RETRY_AFTER
                        ) from None
                    if await self._is_next(message):  # it had been taken; only the answer was lost
                        break
                    raise SpoolLost(
                        f"another forwarder has taken over {self.place}, or NATS has lost what it took"
                    ) from None
                except (nats.errors.Error, OSError) as error:
                    why = str(error) or type(error).__name__
                if not silent:
                    silent = True
                    _log.warning("the stream takes nothing; events wait", stream=str(self.place), why=why)
                await asyncio.sleep(_AGAIN_S)
        finally:
            self.waits_since = None
        self.last += 1
        if silent:
            _log.info("the stream takes events again", stream=str(self.place))

    async def _is_next(self, message: bytes) -> bool:
        """Tell whether it is the message that lies behind the last one known."""
        while True:
            try:
                return (await self._stream.get_msg(self.place.stream, self.last + 1)).data == message
            except NotFoundError:  # written and purged by somebody else
                return False
            except (nats.errors.Error, OSError):
                await asyncio.sleep(_AGAIN_S)

    async def trim(self, position: int) -> None:
        """Let go of everything before a position; what cannot be let go of now is with the next."""
        try:
            await self._stream.purge_stream(self.place.stream, seq=position)
        except (nats.errors.Error, OSError) as error:
            _log.warning("the stream was not trimmed", stream=str(self.place), why=str(error))

    async def close(self) -> None:
        """Let go of the connection."""
        with contextlib.suppress(nats.errors.Error, OSError):  # it is gone anyway
            await self.client.close()
