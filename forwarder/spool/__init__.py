"""The durable queue between accepting and delivering."""

from pathlib import Path

from forwarder.spool.api import (
    DeadLetter,
    MessageGroup,
    NewDead,
    NewEvent,
    Parked,
    Settlement,
    Spool,
    StoredEvent,
)
from forwarder.spool.counts import Counts, Standing
from forwarder.spool.location import is_stream_url, parse_stream_url
from forwarder.spool.sqlite.spool import SqliteSpool


async def open_spool(
    place: str | Path,
    *,
    max_events: int,
    max_bytes: int,
    tool: bool = False,
    copy: str | Path = "spool-copy.db",
    token: str = "",
    replicas: int = 1,
) -> Spool:
    """Open the spool at a file's path, or in the JetStream stream that ``nats://host:4222/name`` names.

    ``max_events``, ``max_bytes``: beyond, ``append`` raises SpoolFull; what is parked counts too.
    ``tool``: look at a spool that a forwarder is serving from. The rest is for streams; see
    ``settings.SpoolSettings``. Raises SpoolDamaged.
    """
    if not is_stream_url(str(place)):
        return SqliteSpool(Path(place), max_events=max_events, max_bytes=max_bytes, tool=tool)
    from forwarder.spool import jetstream  # its client takes a while to import

    stream = parse_stream_url(str(place))
    if tool:
        return await jetstream.open_admin(stream, token)
    return await jetstream.open_jetstream(
        stream, Path(copy), token=token, replicas=replicas, max_events=max_events, max_bytes=max_bytes
    )


__all__ = [
    "Counts",
    "DeadLetter",
    "MessageGroup",
    "NewDead",
    "NewEvent",
    "Parked",
    "Settlement",
    "Spool",
    "Standing",
    "StoredEvent",
    "open_spool",
]
