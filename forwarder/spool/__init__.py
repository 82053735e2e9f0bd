"""The durable queue between accepting and delivering."""

from pathlib import Path

from forwarder.spool.interface import (
    Counts,
    DeadLetter,
    Lane,
    NewDead,
    NewEvent,
    Parked,
    Settlement,
    Spool,
    Spooled,
    Standing,
)
from forwarder.spool.sqlite import SqliteSpool


def open_spool(place: str | Path, *, max_events: int, max_bytes: int, tool: bool = False) -> Spool:
    """Open the spool at a file's path; to be called in a running event loop.

    ``max_events``, ``max_bytes``: beyond, ``append`` raises SpoolFull; what is parked or dead counts too.
    ``tool``: look at a spool that a forwarder is serving from. Raises SpoolDamaged.
    """
    return SqliteSpool(Path(place), max_events=max_events, max_bytes=max_bytes, tool=tool)


__all__ = [
    "Counts",
    "DeadLetter",
    "Lane",
    "NewDead",
    "NewEvent",
    "Parked",
    "Settlement",
    "Spool",
    "Spooled",
    "Standing",
    "open_spool",
]
