"""Standing by: waiting until the forwarder that writes a stream is gone."""

from __future__ import annotations

import asyncio
import math
import random
from types import TracebackType
from typing import NamedTuple

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from forwarder.spool.jetstream.connection import NATS_ERRORS, begin
from forwarder.spool.jetstream.control import ControlReply, ControlRequest, request
from forwarder.spool.jetstream.health import SURE_S
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.opening import reason

_LOOK_S = 0.5
"""How often the writer is asked whether it is there."""
_GONE = 1 + math.ceil(SURE_S / _LOOK_S)
"""How often NATS knows of none before it is gone: by then it has ceased to say that it serves. A writer that
connects anew, which takes half a second and 2.5 round trips, is not gone."""
_ASK_S, _SILENT = 3.0, 7
"""How long an answer may take (four legs of 700 ms), and how many in a row may be missing: a writer that
stands still for 5 s is not gone."""
_RACE_S = 0.2
"""Most seconds by which those who hear the same farewell begin one after the other."""
_log = structlog.get_logger(__name__)


class Presence:
    """The presence of a writer, as the answers to numbered questions show it.

    ``was_there``: whether one was there, so that a single question to which nobody is there is not enough.
    """

    def __init__(self, was_there: bool) -> None:
        self.was_there = was_there
        self._missed = self._unanswered = self._missed_last = 0

    @property
    def is_gone(self) -> bool:
        """Whether nobody serves."""
        return self._missed >= (_GONE if self.was_there else 1) or self._unanswered >= _SILENT

    def answered(self) -> None:
        """The writer has answered, whichever question."""
        self.was_there = True
        self.forget()

    def missed(self, number: int) -> None:
        """NATS knows of nobody who could answer a question."""
        self._missed, self._unanswered, self._missed_last = self._missed + 1, 0, number

    def unanswered(self, number: int) -> None:
        """A question was not answered in time; what was asked after it may be known already."""
        if number > self._missed_last:
            self._missed, self._unanswered = 0, self._unanswered + 1

    def said_farewell(self) -> None:
        """The writer has gone by its own account."""
        self.was_there = False
        self.forget()

    def forget(self) -> None:
        """What was found so far does not count."""
        self._missed = self._unanswered = 0


class _Asked(NamedTuple):
    """A question that was asked. ``end``: where the stream ended before."""

    number: int
    end: int
    answer: asyncio.Future[ControlReply]


class Standby:
    """The stand-by of one forwarder. To be used as an asynchronous context manager around ``wait``.

    It asks again and again and does not wait for an answer before it asks once more: an answer may be slow,
    or was lost with the writer.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._presence = Presence(was_there=False)
        self._asked: list[_Asked] = []
        self._number = self._losses = 0
        self._wake = asyncio.Event()
        self._farewell = self._reported = False

    async def __aenter__(self) -> Standby:
        await self._log.connection.subscribe(self._log.place.farewell, self._on_farewell)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._log.connection.unsubscribe(self._log.place.farewell)

    async def _on_farewell(self, message: Msg) -> None:
        self._farewell = True
        self._wake.set()

    async def wait(self, *, again: bool = False) -> int:
        """Return once no forwarder serves from the stream: where the stream ended before that was asked.

        ``again``: one was there a moment ago, so that a single look is not enough.
        """
        self._presence, self._losses = Presence(again), self._log.connection.losses
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._look()
                end = await self._listen(loop.time() + _LOOK_S)
                if end is not None:
                    return end
        finally:
            self._drop()

    async def _look(self) -> None:
        """See where the stream ends, and ask whether a writer is there."""
        connection, end = self._log.connection, await self._end()
        if end is None or self._losses != connection.losses:
            self._losses = connection.losses
            self._presence.forget()
            self._drop()
        if end is not None:
            self._number += 1
            asked = _Asked(self._number, end, begin(request(connection, ControlRequest(), _ASK_S)))
            asked.answer.add_done_callback(lambda _: self._wake.set())
            self._asked.append(asked)

    async def _listen(self, until: float) -> int | None:
        """Take answers in until it is time to ask again, or the writer says farewell.

        Returns where the stream ended before it was asked, once nobody serves.
        """
        while True:
            for asked in [one for one in self._asked if one.answer.done()]:
                self._take(asked)
                if self._presence.is_gone:
                    return asked.end
            if self._farewell:
                self._farewell = False
                self._presence.said_farewell()
                self._drop()
                await asyncio.sleep(random.uniform(0, _RACE_S))
                return None
            self._wake.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
            except TimeoutError:
                return None

    def _take(self, asked: _Asked) -> None:
        self._asked.remove(asked)
        try:
            asked.answer.result()
        except nats.errors.NoRespondersError:
            self._presence.missed(asked.number)
        except NATS_ERRORS:
            self._presence.unanswered(asked.number)
        else:
            self._presence.answered()
            self._report()

    def _drop(self) -> None:
        """Let answers that are still to come count for nothing."""
        for asked in self._asked:
            asked.answer.cancel()
        self._asked.clear()

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
