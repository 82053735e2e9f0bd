"""The stream itself: whether it is there and keeps every event, and making it."""

from __future__ import annotations

import structlog
from nats.js.api import DiscardPolicy, RetentionPolicy, StreamState
from nats.js.errors import NotFoundError

from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream.connection import Connection

_log = structlog.get_logger(__name__)


async def is_there(connection: Connection) -> bool:
    """Return whether the stream is there. Raises as ``find`` does."""
    return await find(connection) is not None


async def find(connection: Connection) -> StreamState | None:
    """Return how much the stream holds, None where it is not there.

    Raises SpoolDamaged where it forgets events, and one of NATS_ERRORS.
    """
    place = connection.place
    try:
        found = await connection.ask(lambda stream: stream.stream_info(place.stream))
    except NotFoundError:
        return None
    config = found.config
    if config.subjects != [place.log]:
        raise SpoolDamaged(f"{place} is a stream of other subjects; name another stream")
    bounded = max(config.max_msgs or 0, config.max_bytes or 0, config.max_msgs_per_subject or 0) > 0
    forgets = config.discard != DiscardPolicy.NEW and bounded
    if config.max_age or forgets or config.retention != RetentionPolicy.LIMITS:
        raise SpoolDamaged(
            f"{place} forgets events by itself; set its discard policy to new, its retention to limits and "
            "no maximum age"
        )
    return found.state


async def make(connection: Connection, replicas: int, *, existed: bool) -> None:
    """Make the stream. ``existed``: there was one before, so that its absence is worth a warning.

    Raises one of NATS_ERRORS.
    """
    place = connection.place
    await connection.call(
        lambda stream: stream.add_stream(
            name=place.stream, subjects=[place.log], num_replicas=replicas, discard=DiscardPolicy.NEW
        )
    )
    if existed:
        _log.warning("the stream was deleted and is made again, empty", stream=str(place))
    else:
        _log.info("made the stream", stream=str(place), replicas=replicas)
