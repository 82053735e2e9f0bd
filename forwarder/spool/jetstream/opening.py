"""Opening a stream, or only trying it, and what is reported where that fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import structlog
from nats.js.errors import APIError, ServiceUnavailableError

from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream import stream
from forwarder.spool.jetstream.connection import NATS_ERRORS, Connection
from forwarder.spool.jetstream.log import Log
from forwarder.spool.location import StreamUrl

T = TypeVar("T")
CONNECT_S, TRY_S = 10.0, 3.0
"""How long servers may take to be there: to be used, which may be started meanwhile, and to be tried."""
_AGAIN_S, _REPORT_S = 0.5, 30.0
"""How long after a failure NATS is asked again, and how often that is logged."""
_log = structlog.get_logger(__name__)


async def open_log(place: StreamUrl, token: str, make: int = 0, *, existed: bool = False) -> Log:
    """Return the log. Raises SpoolDamaged where there is none that can be used.

    ``token``: the servers' token, "" for none; ``make``: where the stream is missing it is made, and so many
    servers hold each message; 0: it is not; ``existed``: it was there once.
    """
    connection = Connection(place, token)
    try:
        await connection.open(CONNECT_S)
        await patiently(place, lambda: _opened(connection, make, existed=existed))
    except BaseException:
        await connection.close()
        raise
    return Log(connection, make)


async def _opened(connection: Connection, replicas: int, *, existed: bool) -> None:
    if await stream.is_there(connection):
        return
    if not replicas:
        raise SpoolDamaged(f"there is no stream {connection.place}; start the forwarder once")
    await stream.make(connection, replicas, existed=existed)


async def patiently(place: StreamUrl, what: Callable[[], Awaitable[T]]) -> T:
    """Return what NATS does, once it can: a leader may be in election, or a majority away.

    Raises SpoolDamaged where it refuses, and where JetStream does not answer although NATS does.
    """
    began, reported = time.monotonic(), 0.0
    while True:
        try:
            return await what()
        except NATS_ERRORS as error:
            now = time.monotonic()
            if _is_final(error) or (_has_no_jetstream(error) and now - began > CONNECT_S):
                raise unusable(place, error) from None
            if now - reported >= _REPORT_S:
                reported = now
                _log.warning("NATS does not answer; waiting for it", stream=str(place), why=reason(error))
        await asyncio.sleep(_AGAIN_S)


async def try_stream(place: StreamUrl, token: str) -> None:
    """See whether a forwarder could use the stream, or make it. Raises SpoolDamaged where it could not."""
    connection = Connection(place, token)
    try:
        await connection.open(TRY_S)
        with answering(place):
            await connection.call(lambda jetstream: jetstream.account_info())
            await stream.is_there(connection)
    finally:
        await connection.close()


@contextlib.contextmanager
def answering(place: StreamUrl) -> Iterator[None]:
    """Say in one line what NATS cannot do in the block, or that it does not answer. Raises SpoolDamaged."""
    try:
        yield
    except NATS_ERRORS as error:
        raise unusable(place, error) from None


def unusable(place: StreamUrl, error: BaseException) -> SpoolDamaged:
    """Return what an operator is told of NATS' error, with the mend that fits it."""
    mend = "NATS needs JetStream (nats-server -js)" if _has_no_jetstream(error) else "look at NATS' own log"
    return SpoolDamaged(f"{place} cannot be used: {reason(error)}; {mend}")


def reason(error: BaseException) -> str:
    """Return why NATS could not do something, in its own words."""
    return (error.description if isinstance(error, APIError) else str(error)) or "no answer"


def _has_no_jetstream(error: BaseException) -> bool:
    """Return whether nobody at all answers for JetStream, or says that it is not enabled."""
    if not isinstance(error, ServiceUnavailableError):
        return False
    return error.description is None or "not enabled" in error.description


def _is_final(error: BaseException) -> bool:
    """Return whether asking again is of no use: JetStream refuses what is asked."""
    code = error.code if isinstance(error, APIError) else None
    return code is not None and code < 500
