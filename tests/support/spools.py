"""Where spools are, in files and in streams, and events for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from forwarder.spool import NewEvent, Spool, StoredEvent, open_spool
from tests.support.nats import Nats

HOUR = 3_600_000
NOW = 1_790_000_000_000


class Where(NamedTuple):
    """Where a spool is. ``copy``: a stream's copy."""

    place: str
    copy: Path

    async def open(self, max_events: int = 1000, max_bytes: int = 10**6, *, tool: bool = False) -> Spool:
        """Open the spool."""
        return await open_spool(
            self.place, max_events=max_events, max_bytes=max_bytes, tool=tool, copy=self.copy
        )


def at(path: Path) -> Where:
    """Return the place of a file."""
    return Where(str(path), path.with_name("copy.db"))


def somewhere(server: Nats | None, folder: Path) -> Where:
    """Return where a new spool may be: a stream of the server, or without one a file."""
    return Where(f"{server.url}/{uuid4().hex}", folder / "copy.db") if server else at(folder / "spool.db")


def event(name: str, body: bytes = b"{}") -> NewEvent:
    return NewEvent("demo", name, body)


def names(events: list[StoredEvent]) -> list[str]:
    return [found.message_id for found in events]


@asynccontextmanager
async def opened(where: Where, max_events: int = 1000, max_bytes: int = 10**6) -> AsyncIterator[Spool]:
    spool = await where.open(max_events, max_bytes)
    try:
        yield spool
    finally:
        await spool.close()


def spooled(folder: Path) -> list[dict[str, Any]]:
    """Return the events that a forwarder's spool holds."""
    return [json.loads(event.body) for event in asyncio.run(_read(folder))]


def spooled_ids(folder: Path) -> list[str]:
    """Return the message ids alone: to read events takes long where they are large or many."""
    return [event.message_id for event in asyncio.run(_read(folder))]


async def _read(folder: Path) -> list[StoredEvent]:
    spool = await open_spool(folder / "spool.db", max_events=1, max_bytes=1, tool=True)
    try:
        return await spool.read(0, 1_000_000)
    finally:
        await spool.close()
