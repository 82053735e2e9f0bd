"""A spool in a stream: as another machine has it, as hands reach it, and a busy life of one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.js import JetStreamContext
from structlog.typing import EventDict

from forwarder.spool import NewDead, Parked, Settlement, Spool
from tests.support.spools import NOW, Where, event


def elsewhere(where: Where) -> Where:
    """Return the same stream as another machine has it."""
    folder = where.copy.with_name("elsewhere")
    folder.mkdir(exist_ok=True)
    return Where(where.place, folder / "copy.db")


async def everything(spool: Spool) -> object:
    """Return all that a spool tells of itself."""
    groups = [await spool.parked("one", group, 0, 100) for group in ("lane", "")]
    return await spool.read(0, 1000), groups, await spool.dead(), await spool.counts()


async def busy(spool: Spool) -> None:
    """Have events wait, end, be parked and die."""
    await spool.attach(["one"])
    for number in range(0, 40, 4):
        await spool.append([event(f"m{number + step}", b"x" * 100) for step in range(4)], NOW)
        a, b, _, d = await spool.read(number, 4)
        park = [Parked(a, "lane", ("u1",), b"state")]
        dead = [NewDead(b, "why", b"{}", b"")]
        await spool.settle("one", Settlement(d.seq, park, dead=dead, ended={("delivered", ""): 2}), NOW)
    await spool.retry([1, 2])
    await spool.drop([3])
    await spool.append([event("waits")], NOW)


@asynccontextmanager
async def by_hand(where: Where) -> AsyncIterator[tuple[JetStreamContext, str]]:
    """Give JetStream as an operator's tools have it, and the stream's name."""
    server, _, name = where.place.rpartition("/")
    connected = await nats.connect(server)
    yield connected.jetstream(), name
    await connected.close()


async def publish(where: Where, data: bytes) -> None:
    """Put a message onto the stream's subject."""
    async with by_hand(where) as (jetstream, name):
        await jetstream.publish(f"{name}.log", data)


def tells(lines: list[EventDict], what: str) -> int:
    """Return how many lines of the log tell of something."""
    return sum(what in line["event"] for line in lines)
