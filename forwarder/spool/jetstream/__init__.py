"""The spool in a NATS JetStream stream, for more than one machine.

What is accepted is durable once the stream has it. The forwarder that writes works on a copy of it, a SQLite
file; every commit waits for the stream. Others stand by, and one of them takes over when it is gone.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import msgspec
import structlog

from forwarder.errors import SpoolInUse, SpoolLost, SpoolTakenOver
from forwarder.spool.jetstream import stream
from forwarder.spool.jetstream.admin import open_admin
from forwarder.spool.jetstream.connection import NATS_ERRORS
from forwarder.spool.jetstream.control import Desk
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.opening import open_log, reason
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.jetstream.snapshot import EpochStarted
from forwarder.spool.jetstream.spool import JetStreamSpool
from forwarder.spool.jetstream.standby import Standby
from forwarder.spool.location import StreamUrl
from forwarder.spool.sqlite.lock import Lock

__all__ = ["open_admin", "open_jetstream"]

_PAUSE_S = 2.0
"""Most seconds that whoever lost a race for the stream waits before it stands by again."""
_LOCKED = 5
"""How often the copy may be in use by another process before that is no race but a mistake."""
_log = structlog.get_logger(__name__)


async def open_jetstream(
    place: StreamUrl, copy: Path, *, token: str, replicas: int, max_events: int, max_bytes: int
) -> JetStreamSpool:
    """Take the stream over once no other forwarder serves from it. ``copy``: this machine's copy, a file.

    ``replicas``: servers that hold each message, where the stream is made. Raises SpoolDamaged.
    """
    existed = await asyncio.to_thread(copy.exists)
    log = await open_log(place, token, make=replicas, existed=existed)
    try:
        return await _serving(log, copy, replicas, max_events, max_bytes)
    except BaseException:
        await log.close()
        raise


async def _serving(log: Log, path: Path, replicas: int, max_events: int, max_bytes: int) -> JetStreamSpool:
    """Stand by until this forwarder is the one that serves. Raises SpoolDamaged."""
    desk, raced, locked = Desk(log.connection), False, 0
    async with Standby(log) as standby:
        while True:
            end = await standby.wait(again=raced)
            try:
                await desk.open()
                lock = Lock(path)
                try:
                    copy = await _take_over(log, path, end, replicas)
                    return JetStreamSpool(
                        log, path, copy.contents, desk, lock, max_events=max_events, max_bytes=max_bytes
                    )
                except BaseException:
                    lock.release()
                    raise
            except SpoolLost:
                _log.info("another forwarder was faster; standing by", stream=str(log.place))
            except SpoolInUse as error:
                locked += 1
                if locked >= _LOCKED:
                    raise
                _log.warning("the copy is in use; standing by", why=str(error))
            except NATS_ERRORS as error:
                _log.warning("NATS does not answer; standing by", stream=str(log.place), why=reason(error))
            await desk.close()
            raced = True
            await asyncio.sleep(random.uniform(0, _PAUSE_S))


async def _take_over(log: Log, path: Path, end: int, replicas: int) -> Replica:
    """Return the copy of the stream, which nobody else can write any more.

    ``end``: where the stream ended when no forwarder was there. Raises SpoolLost where another one has
    written since, SpoolDamaged, and one of NATS_ERRORS.
    """
    state = await stream.find(log.connection)
    if state is None:
        await stream.make(log.connection, replicas, existed=True)
    opened = msgspec.msgpack.encode([EpochStarted()])
    while True:
        began, state = await log.begin(state), None
        if began.last_seq != end:
            raise SpoolTakenOver(f"another forwarder has taken over {log.place}")
        copy = Replica(path, log)
        try:
            await copy.catch_up(began)
            await log.append(opened)
            if log.whole or await log.first() == max(1, began.first_seq):  # all of it was there to be read
                copy.finish()
                _log.info("took over the stream", stream=str(log.place), messages=began.messages + 1)
                return copy
        finally:
            copy.close()
        end = log.last
