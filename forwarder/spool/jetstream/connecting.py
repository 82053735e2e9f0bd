"""Connecting to NATS, and seeing that a stream is one that keeps events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import nats
import nats.errors
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy
from nats.js.errors import APIError, NotFoundError

from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream.log import ANSWER_S, Log
from forwarder.spool.place import Place

CONNECT_S, TRY_S = 10.0, 3.0
"""How long servers may take to be there: to be used, which may be started meanwhile, and to be tried."""


async def open_log(place: Place, token: str, make: int = 0) -> Log:
    """Return the log. Raises SpoolDamaged where there is none that can be used.

    ``token``: the servers' token, "" for none; ``make``: where the stream is missing it is made, and so many
    servers hold each message; 0: it is not.
    """
    client = await _connected(place, token, CONNECT_S)
    try:
        with answering(place):
            if await _is_there(client, place):
                return Log(client, place)
            if not make:
                raise SpoolDamaged(f"there is no stream {place}; start the forwarder once")
            await client.jetstream(timeout=ANSWER_S).add_stream(
                name=place.stream, subjects=[place.log], num_replicas=make, discard=DiscardPolicy.NEW
            )
    except BaseException:
        await client.close()
        raise
    return Log(client, place)


async def try_stream(place: Place, token: str) -> None:
    """See whether a forwarder could use the stream, or make it. Raises SpoolDamaged where it could not."""
    client = await _connected(place, token, TRY_S)
    try:
        with answering(place):
            await client.jetstream(timeout=ANSWER_S).account_info()
            await _is_there(client, place)
    finally:
        await client.close()


@contextlib.contextmanager
def answering(place: Place) -> Iterator[None]:
    """Say in one line what NATS cannot do in the block, or that it does not answer. Raises SpoolDamaged."""
    try:
        yield
    except (nats.errors.Error, OSError) as error:
        why = (error.description if isinstance(error, APIError) else str(error)) or "no answer"
        raise SpoolDamaged(f"{place} cannot be used: {why}; NATS needs JetStream (nats-server -js)") from None


async def _connected(place: Place, token: str, patience_s: float) -> Client:
    """Return a client that comes back by itself whenever it loses its servers. Raises SpoolDamaged."""
    refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    why = "no answer"

    async def hear(error: Exception) -> None:
        nonlocal why
        why = str(error) or type(error).__name__
        if "authorization" in str(error).lower() and not refused.done():
            refused.set_result(None)

    connecting = asyncio.ensure_future(
        nats.connect(
            place.servers,
            name="forwarder",
            token=token or None,
            error_cb=hear,
            connect_timeout=2,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,
        )
    )
    await asyncio.wait((connecting, refused), timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
    if connecting.done():
        with contextlib.suppress(nats.errors.Error, OSError):  # which ``hear`` has heard of
            return connecting.result()
    connecting.cancel()
    raise SpoolDamaged(f"cannot connect to {place}: {why}; start NATS, or mend spool.path or spool.token")


async def _is_there(client: Client, place: Place) -> bool:
    """Tell whether the stream is there. Raises SpoolDamaged where it would not keep every event."""
    try:
        config = (await client.jetstream(timeout=ANSWER_S).stream_info(place.stream)).config
    except NotFoundError:
        return False
    if config.subjects != [place.log]:
        raise SpoolDamaged(f"{place} is a stream of other subjects; name another stream")
    bounded = max(config.max_msgs or 0, config.max_bytes or 0, config.max_msgs_per_subject or 0) > 0
    forgets = config.discard != DiscardPolicy.NEW and bounded
    if config.max_age or forgets or config.retention != RetentionPolicy.LIMITS:
        raise SpoolDamaged(
            f"{place} forgets events by itself; set its discard policy to new, its retention to limits and "
            "no maximum age"
        )
    return True
