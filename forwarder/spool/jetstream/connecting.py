"""Connecting to NATS, and seeing that a stream is one that keeps events."""

from __future__ import annotations

import asyncio

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy
from nats.js.errors import NotFoundError

from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream.log import ANSWER_S, Log
from forwarder.spool.place import Place

_log = structlog.get_logger(__name__)
CONNECT_S = 10.0


async def open_log(place: Place, token: str, make: int = 0) -> Log:
    """Return the log. Raises SpoolDamaged where there is none that can be used.

    ``token``: the servers' token, "" for none; ``make``: where the stream is missing it is made, and so many
    servers hold each message; 0: it is not.
    """

    async def tell(error: Exception) -> None:
        _log.debug("NATS", why=str(error) or type(error).__name__)

    connecting = nats.connect(
        place.servers,
        name="forwarder",
        token=token or None,
        error_cb=tell,
        connect_timeout=2,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,
    )
    try:
        client = await asyncio.wait_for(connecting, CONNECT_S)
    except (TimeoutError, nats.errors.Error, OSError) as error:
        why = str(error) or "no answer"
        raise SpoolDamaged(
            f"cannot connect to {place}: {why}; start NATS, or mend spool.path or spool.token"
        ) from None
    log = Log(client, place)
    try:
        await _check(client, place, make)
    except (nats.errors.Error, OSError) as error:
        await log.close()
        raise SpoolDamaged(
            f"{place} cannot be used: {error}; NATS needs JetStream (nats-server -js)"
        ) from None
    except SpoolDamaged:
        await log.close()
        raise
    return log


async def _check(client: Client, place: Place, make: int) -> None:
    """See that the stream is there and forgets nothing by itself."""
    stream = client.jetstream(timeout=ANSWER_S)
    try:
        config = (await stream.stream_info(place.stream)).config
    except NotFoundError:
        if not make:
            raise SpoolDamaged(f"there is no stream {place}; start the forwarder once") from None
        await stream.add_stream(
            name=place.stream, subjects=[place.log], num_replicas=make, discard=DiscardPolicy.NEW
        )
        return
    if config.subjects != [place.log]:
        raise SpoolDamaged(f"{place} is a stream of other subjects; name another stream")
    bounded = max(config.max_msgs or 0, config.max_bytes or 0, config.max_msgs_per_subject or 0) > 0
    forgets = config.discard != DiscardPolicy.NEW and bounded
    if config.max_age or forgets or config.retention != RetentionPolicy.LIMITS:
        raise SpoolDamaged(
            f"{place} forgets events by itself; set its discard policy to new, its retention to limits and "
            "no maximum age"
        )
