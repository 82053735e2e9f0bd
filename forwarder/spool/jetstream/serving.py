"""The spool of the one forwarder that writes a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from nats.aio.msg import Msg

from forwarder.errors import SpoolError, SpoolFull
from forwarder.spool.interface import NewEvent
from forwarder.spool.jetstream.keeper import Contents, StreamKeeper
from forwarder.spool.jetstream.log import RETRY_AFTER, Log
from forwarder.spool.jetstream.questions import Question, Reply
from forwarder.spool.sqlite import SqliteSpool

PATIENCE_S = 10.0
"""How long a sender waits for a stream that does not answer; its events may be kept all the same."""


class JetStreamSpool(SqliteSpool):
    """See ``Spool``: a spool on this machine's copy, whose commits wait for the stream."""

    def __init__(self, log: Log, copy: Path, contents: Contents, *, max_events: int, max_bytes: int) -> None:
        """``copy``: the file, filled; ``contents``: the stream's. Raises SpoolDamaged."""
        self._log = log
        self._lost: asyncio.Future[SpoolError] = asyncio.get_running_loop().create_future()
        keeper = StreamKeeper(log, contents, self._lose)
        super().__init__(copy, max_events=max_events, max_bytes=max_bytes, keeper=keeper)

    def _lose(self, error: SpoolError) -> None:
        if not self._lost.done():
            self._lost.set_result(error)

    async def serve(self) -> None:
        """Answer those who ask."""
        await self._log.client.subscribe(self._log.place.ask, cb=self._answer)

    async def _answer(self, message: Msg) -> None:
        count, error = 0, ""
        try:
            asked = msgspec.json.decode(message.data, type=Question)
            if asked.retry:
                count = await self.retry(asked.retry)
            if asked.drop:
                count = await self.drop(asked.drop)
        except (SpoolError, msgspec.DecodeError) as failure:
            error = str(failure)
        await message.respond(msgspec.json.encode(Reply(count, error)))

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        """See ``Spool``. Raises SpoolFull also where the stream does not answer.

        Events may become durable after that; when they are sent again they are known as duplicates.
        """
        since = self._log.waits_since
        if since is None or time.monotonic() - since < PATIENCE_S:
            kept = asyncio.ensure_future(super().append(events, now))
            await asyncio.wait((kept,), timeout=PATIENCE_S)
            if kept.done():
                return kept.result()
            kept.add_done_callback(_hear)
        raise SpoolFull(f"{self._log.place} does not answer", RETRY_AFTER)

    async def lost(self) -> SpoolError:
        """See ``Spool``."""
        return await self._lost

    def end_within(self, seconds: float) -> None:
        """See ``Spool``."""
        self._loop.call_later(seconds, self._log.end)

    async def close(self) -> None:
        """See ``Spool``."""
        await super().close()
        await self._log.close()


def _hear(kept: asyncio.Future[list[bool]]) -> None:
    """Take note of what became of events whose sender was told to come again."""
    if not kept.cancelled():
        kept.exception()
