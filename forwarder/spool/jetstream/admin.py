"""Dead letters and counts of a stream, beside the forwarder that writes it or without one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from forwarder.errors import SpoolError
from forwarder.spool.jetstream.connection import NATS_ERRORS
from forwarder.spool.jetstream.control import ControlRequest, request
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.opening import answering, open_log
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.location import StreamUrl
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import Erasure, UserMark

_ASK_S = 10.0
_PAGE = 2_000
"""Users and events named in one request: a message has a megabyte."""


class JetStreamAdmin(SqliteSpool):
    """A ``Spool`` for tools: it reads a copy as of now, and has the forwarder do what changes anything."""

    def __init__(self, log: Log, folder: tempfile.TemporaryDirectory[str], copy: Path) -> None:
        """``folder``: where the copy lies, as long as it is needed."""
        super().__init__(copy, max_events=1, max_bytes=1, tool=True)
        self._log = log
        self._folder = folder

    @override
    async def retry(self, numbers: Sequence[int]) -> int:
        """Have the forwarder do it. Raises SpoolError where none is there."""
        return await self._ask_for(ControlRequest(retry=list(numbers)))

    @override
    async def drop(self, numbers: Sequence[int]) -> int:
        """Have the forwarder do it. Raises SpoolError where none is there."""
        return await self._ask_for(ControlRequest(drop=list(numbers)))

    @override
    async def mark_users(self, marks: Sequence[UserMark], now: int) -> int:
        """Have the forwarder do it. Raises SpoolError where none is there."""
        number = 0
        for at in range(0, len(marks), _PAGE):
            number = await self._ask_for(ControlRequest(mark=list(marks[at : at + _PAGE]), now=now))
        return number

    @override
    async def lift_suppression(self, marks: Sequence[bytes], now: int) -> int:
        """Have the forwarder do it. Raises SpoolError where none is there."""
        number = 0
        for at in range(0, len(marks), _PAGE):
            number = await self._ask_for(ControlRequest(lift=list(marks[at : at + _PAGE]), now=now))
        return number

    @override
    async def awaits(self, number: int) -> bool:
        """Ask the forwarder. Raises SpoolError where none is there."""
        return bool(await self._ask_for(ControlRequest(awaits=number)))

    @override
    async def erase(self, events: Erasure) -> None:
        """Have the forwarder do it. Raises SpoolError where none is there."""
        size = max(1, len(events.events), len(events.parked), len(events.dead), len(events.history))
        for at in range(0, size, _PAGE):
            some = slice(at, at + _PAGE)
            page = Erasure(
                events.events[some],
                events.parked[some],
                events.dead[some],
                events.history[some],
                events.turned_away,
            )
            await self._ask_for(ControlRequest(erase=page))

    async def _ask_for(self, question: ControlRequest) -> int:
        place = self._log.place
        try:
            reply = await request(self._log.connection, question, _ASK_S)
        except NATS_ERRORS:
            raise SpoolError(f"no forwarder serves from {place}; start one, and say it again") from None
        if reply.error:
            raise SpoolError(reply.error)
        return reply.count

    @override
    async def close(self) -> None:
        await super().close()
        await self._log.close()
        self._folder.cleanup()


async def open_admin(place: StreamUrl, token: str) -> JetStreamAdmin:
    """Return the tool over what the stream holds now. Raises SpoolDamaged."""
    log = await open_log(place, token)
    folder = tempfile.TemporaryDirectory(prefix="forwarder-")
    try:
        path = Path(folder.name, "copy.db")
        with answering(place):
            began = await log.begin()
            copy = Replica(path, log)
            await copy.catch_up(began)
        copy.finish()
        return JetStreamAdmin(log, folder, path)
    except BaseException:
        await log.close()
        folder.cleanup()
        raise
