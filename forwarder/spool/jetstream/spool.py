"""The spool of the one forwarder that writes a stream."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from typing_extensions import override

from forwarder.errors import SpoolError, SpoolLost, SpoolUnavailable
from forwarder.spool.api import NewEvent
from forwarder.spool.jetstream.connection import NATS_ERRORS, begin
from forwarder.spool.jetstream.control import ControlRequest, Desk
from forwarder.spool.jetstream.health import Incomplete
from forwarder.spool.jetstream.log import RETRY_AFTER, Log
from forwarder.spool.jetstream.replication import Contents, StreamReplicator
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.sqlite.spool import SqliteSpool

PATIENCE_S = 10.0
"""How long a sender waits for a stream that does not answer; its events may be kept all the same."""
_LOOK_S = 0.5
"""How often the stream's end is looked at where nothing is written: ``SURE_S`` has room for slow answers."""
_CHECK_S = 5.0
"""How often it is looked at in any case: under load nothing else shows that somebody has purged it."""
_log = structlog.get_logger(__name__)


class JetStreamSpool(SqliteSpool):
    """A ``Spool`` on this machine's replica, whose commits wait for the stream."""

    def __init__(
        self,
        log: Log,
        copy: Path,
        contents: Contents,
        desk: Desk,
        lock: Lock,
        *,
        max_events: int,
        max_bytes: int,
    ) -> None:
        """``copy``: the file, filled; ``lock``: its lock; ``contents``: the stream's. Raises SpoolDamaged."""
        self._log = log
        self._desk = desk
        self._replicator = StreamReplicator(log, contents, self._lose)
        super().__init__(
            copy, max_events=max_events, max_bytes=max_bytes, replicator=self._replicator, lock=lock
        )
        self._watch = asyncio.create_task(self._keep_watch())
        desk.serve(self._do_as_asked, self._is_ours)
        self._lost.add_done_callback(self._fall_silent)

    def _fall_silent(self, lost: object) -> None:
        """Answer nobody any more: who stands by need not wait for the end of this process."""
        self._falling_silent = asyncio.create_task(self._desk.close())

    async def _keep_watch(self) -> None:
        """Look every ``_LOOK_S`` whether the stream is still ours, for nobody else says that it is not."""
        checked_at = time.monotonic()
        while not self._lost.done():
            await asyncio.sleep(_LOOK_S)
            now, health = time.monotonic(), self._log.health
            try:
                if health.unsure_s >= _LOOK_S or not health.is_sure or now - checked_at >= _CHECK_S:
                    checked_at = now
                    await self._look()
            except Exception:
                _log.exception("looking at the stream failed, and goes on")

    async def _look(self) -> None:
        """See whether the stream is still ours; end where it is not, and mend it where it is not complete."""
        since = self._log.waits_since
        if since is not None and time.monotonic() - since >= _LOOK_S:
            return  # what is on its way will tell
        try:
            await self._log.look()
        except SpoolLost as error:
            self._replicator.fail(error)
        except Incomplete:
            self._replicator.complete()
            with contextlib.suppress(SpoolError):
                await self._write(lambda: None)

    async def _is_ours(self) -> bool:
        """Return whether others may be told that this forwarder serves."""
        if not self._log.health.is_sure:
            await self._look()
        return not self._lost.done() and self._log.health.is_sure

    async def _do_as_asked(self, question: ControlRequest) -> int:
        """Do the one thing that is asked for. Raises SpoolError."""
        if question.retry:
            return await self.retry(question.retry)
        if question.mark:
            return await self.mark_users(question.mark, question.now)
        if question.lift:
            return await self.lift_suppression(question.lift, question.now)
        if question.awaits:
            return int(await self.awaits(question.awaits))
        if question.erase is not None:
            await self.erase(question.erase)
            return 0
        return await self.drop(question.drop)

    @override
    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        """Raise SpoolUnavailable also where the stream does not answer.

        Events may become durable after that; when they are sent again they are known as duplicates.
        """
        since = self._log.waits_since
        if since is None or time.monotonic() - since < PATIENCE_S:
            kept = begin(super().append(events, now))
            await asyncio.wait((kept,), timeout=PATIENCE_S)
            if kept.done():
                return kept.result()
        raise self._silent()

    def _silent(self) -> SpoolUnavailable:
        return SpoolUnavailable("stream_silent", f"{self._log.place} does not answer", RETRY_AFTER)

    @override
    def unavailable(self) -> SpoolUnavailable | None:
        log = self._log
        if self._lost.done():
            return SpoolUnavailable("stream_lost", str(self._lost.result()), RETRY_AFTER)
        if log.health.is_refused:
            return SpoolUnavailable("stream_full", f"{log.place} refuses events", RETRY_AFTER)
        if log.health.is_sure:
            return None
        if log.health.why:
            return SpoolUnavailable("stream_silent", f"{log.place}: {log.health.why}", RETRY_AFTER)
        return self._silent()

    @override
    def end_within(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._log.end)

    @override
    async def close(self) -> None:
        """Let those who stand by take over at once."""
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await super().close()
        await self._desk.close()
        if not self._lost.done():
            with contextlib.suppress(*NATS_ERRORS):
                await self._log.connection.publish(self._log.place.farewell)
                await self._log.client.flush(1)
        await self._log.close()
