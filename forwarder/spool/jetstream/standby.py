"""Standing by: waiting until the forwarder that writes a stream is gone."""

from __future__ import annotations

import asyncio
import contextlib
import random
from types import TracebackType

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from forwarder.spool.jetstream.connection import NATS_ERRORS
from forwarder.spool.jetstream.control import ControlRequest, request
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.opening import reason

_LOOK_S, _GONE = 0.7, 3
"""How often the writer is asked whether it is there, and how often NATS knows of none before it is gone."""
_ASK_S, _SILENT = 3.0, 2
"""How long an answer may take (four legs of 700 ms), and how many in a row may be missing."""
_RACE_S = 0.2
"""Most seconds by which those who hear the same farewell begin one after the other."""
_log = structlog.get_logger(__name__)


class Standby:
    """The stand-by of one forwarder. To be used as an asynchronous context manager around ``wait``."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._farewell = asyncio.Event()
        self._reported = False

    async def __aenter__(self) -> Standby:
        await self._log.connection.subscribe(self._log.place.farewell, self._on_farewell)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._log.connection.unsubscribe(self._log.place.farewell)

    async def _on_farewell(self, message: Msg) -> None:
        self._farewell.set()

    async def wait(self, *, again: bool = False) -> int:
        """Return once no forwarder serves from the stream: where the stream ended before that was asked.

        ``again``: one was there a moment ago, so that a single look is not enough.
        """
        missed = unanswered = 0
        known, losses = again, self._log.connection.losses
        while True:
            end = await self._end()
            if end is None or losses != self._log.connection.losses:
                missed = unanswered = 0
                losses = self._log.connection.losses
            if end is not None:
                try:
                    await request(self._log.connection, ControlRequest(), _ASK_S)
                    known = True
                    missed = unanswered = 0
                    self._report()
                except nats.errors.NoRespondersError:
                    missed, unanswered = missed + 1, 0
                    if not known or self._farewell.is_set():
                        missed = _GONE
                except NATS_ERRORS:
                    missed, unanswered = 0, unanswered + 1
                if missed >= _GONE or unanswered >= _SILENT:
                    self._farewell.clear()
                    return end
            await self._pause()

    def _report(self) -> None:
        if not self._reported:
            self._reported = True
            _log.info("standing by: another forwarder serves from this stream", stream=str(self._log.place))

    async def _end(self) -> int | None:
        """Return where the stream ends; None where NATS does not answer, and a writer may be there."""
        log = self._log
        try:
            end = (await log.state()).last_seq
        except NotFoundError:  # deleted; a writer that is there makes it again
            end = 0
        except NATS_ERRORS as error:
            if not log.health.why:
                _log.warning("NATS does not answer; standing by", stream=str(log.place), why=reason(error))
            log.health.why = f"it does not answer: {reason(error)}"
            return None
        if log.health.why:
            _log.info("NATS answers again; standing by", stream=str(log.place))
        log.health.why = ""
        return end

    async def _pause(self) -> None:
        """Wait until it is time to ask again, or the writer says farewell."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await self._farewell.wait()
        if self._farewell.is_set():
            await asyncio.sleep(random.uniform(0, _RACE_S))
