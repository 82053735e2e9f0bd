"""The spool in a NATS JetStream stream, for more than one machine.

What is accepted is durable once the stream has it. The forwarder that writes works on a copy of it, a SQLite
file; every commit waits for the stream. Others stand by, and one of them takes over when it is gone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import nats.errors
import structlog

from forwarder.errors import SpoolLost
from forwarder.spool.jetstream.connecting import answering, open_log
from forwarder.spool.jetstream.copy import Copy
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.questions import Question, ask
from forwarder.spool.jetstream.serving import JetStreamSpool
from forwarder.spool.jetstream.snapshot import Opened
from forwarder.spool.jetstream.tool import open_tool
from forwarder.spool.lock import Lock
from forwarder.spool.place import Place

__all__ = ["open_jetstream", "open_tool"]

_LOOK_S, _GONE = 1.0, 3
"""How often a forwarder that stands by looks for the other, and how often in vain before it takes over."""
_log = structlog.get_logger(__name__)


async def open_jetstream(
    place: Place, copy: Path, *, token: str, replicas: int, max_events: int, max_bytes: int
) -> JetStreamSpool:
    """Take the stream over once no other forwarder serves from it. ``copy``: this machine's copy, a file.

    ``replicas``: servers that hold each message, where the stream is made. Raises SpoolDamaged.
    """
    log = await open_log(place, token, make=replicas)
    try:
        await _stand_by(log)
        lock = Lock(copy)
        try:
            with answering(place):
                filled = await _taken_over(log, copy)
        finally:
            lock.release()
        spool = JetStreamSpool(log, copy, filled.contents, max_events=max_events, max_bytes=max_bytes)
        with answering(place):
            await spool.serve()
    except BaseException:
        await log.close()
        raise
    return spool


async def _stand_by(log: Log) -> None:
    """Return once the forwarder that writes, if there is one, does not answer any more."""
    missed, told = 0, False
    while missed < _GONE:
        try:
            await ask(log.client, log.place, Question(), _LOOK_S)
        except nats.errors.NoRespondersError:
            if not told:
                return
            missed += 1
        except (nats.errors.Error, OSError):
            missed += 1
        else:
            missed = 0
            if not told:
                _log.info("standing by: another forwarder serves from this stream", stream=str(log.place))
            told = True
        await asyncio.sleep(_LOOK_S)


async def _taken_over(log: Log, path: Path) -> Copy:
    """Return the copy of the stream, which nobody else can write any more."""
    opened = msgspec.msgpack.encode([Opened()])
    while True:
        began = await log.begin()
        copy = Copy(path, log)
        try:
            await copy.catch_up()
            await log.append(opened)
            if await log.first() == began:  # nothing was let go of while it was read
                copy.finish()
                _log.info("took over the stream", stream=str(log.place), messages=log.last + 1 - began)
                return copy
        except SpoolLost:  # the other one is not quite gone: once more
            pass
        finally:
            copy.close()
