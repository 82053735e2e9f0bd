"""What giving events a session costs, and watching for the ends: CPU of the whole process, in turns.

The same events go through ingest and spool, with commits, in several ways that take turns. A turn is some ten
milliseconds, so whatever else the machine does meets all ways alike; what counts is the median of what a way
took beyond another in the same turn. Where sessions are kept, many devices are known before, whose rows
are as many as may be: each transaction lets go of old ones. All visitors are of these devices.
"""

from __future__ import annotations

import gc
import sqlite3
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

from forwarder.sessions.rows import SessionRow
from forwarder.spool.sqlite import session_rows
from tests.bench import load
from tests.support.sessions import MINUTE, START, Front, stamp
from tests.support.spools import at, opened

REQUEST = 100
"""Events of a request."""
EVENTS = 1_000
"""Events of a turn, each of another visitor."""
STAY = 20
"""Turns for which a visitor stays: a twentieth of the events begin a session."""
WAYS: dict[str, dict[str, Any]] = {
    "off": {"assign": "off"},
    "assigning": {"assign": "web"},
    "closing": {"assign": "web", "close": True},
    "off, given": {"assign": "off"},
    "given": {"assign": "web"},
}
"""The table of sessions of each way; where it is of given ids, the events bring those of a plugin."""


class Turn(NamedTuple):
    """The bodies of a turn's requests, without ids and with a plugin's. ``now``: ms since the epoch."""

    now: int
    without: list[bytes]
    given: list[bytes]


def turns(count: int, devices: int) -> Iterator[Turn]:
    """Yield turns, a minute apart, an hour after the last event of the ``devices`` that are known.

    In the first one all visitors are new.
    """
    began = START + 60 * MINUTE
    for number in range(count):
        now = began + number * MINUTE
        some = range(number * EVENTS, (number + 1) * EVENTS)
        without = page_events(some, devices)
        given = [{**event, "integrations": stamp(began)} for event in without]
        yield Turn(now, _bodies(without), _bodies(given))


def page_events(numbers: range, devices: int, session_id: int = 0) -> list[dict[str, Any]]:
    """Return a page's events at the moment at which they are sent, of so many devices.

    ``session_id``: what the plugin says, 0 where there is none.
    """
    made = []
    for number in numbers:
        visitor = number // EVENTS * EVENTS // STAY + number % EVENTS
        device, said = device_id(visitor * 7_919 % devices), stamp(session_id) if session_id else {}
        event = {**load.event(), "anonymousId": device, "messageId": f"{number:040}"}
        event |= {"context": {**event["context"], "library": {"name": "analytics.js"}}, "integrations": said}
        del event["timestamp"]
        made.append(event)
    return made


def _bodies(events: list[dict[str, Any]]) -> list[bytes]:
    return [Front.body(*events[first : first + REQUEST]) for first in range(0, len(events), REQUEST)]


def device_id(visitor: int) -> str:
    """Return a visitor's ``anonymousId``, as long as a UUID."""
    return f"{visitor:036}"


async def measure(folder: Path, known: Sequence[SessionRow], devices: int, count: int) -> dict[str, float]:
    """Return CPU microseconds of an event, by ``count`` turns. ``known``: rows of the known devices."""
    async with AsyncExitStack() as stack:
        fronts: dict[str, Front] = {}
        for name, session in WAYS.items():
            where = at(folder / name.replace(", ", "-") / "spool.db")
            where.copy.parent.mkdir()
            if session["assign"] != "off":
                await _fill(Path(where.place), known)
            spool = await stack.enter_async_context(opened(where, 10**7, 10**10))
            fronts[name] = Front(spool, session)
        gc.collect()
        gc.freeze()
        took: dict[str, list[float]] = {name: [] for name in WAYS}
        names = list(WAYS)
        for turn in turns(count + 1, devices):
            for name in names:
                bodies = turn.given if "given" in name else turn.without
                took[name].append(await _post(fronts[name], turn.now, bodies))
            names = [*names[1:], names[0]]
        for one in took.values():
            del one[0]
    return {
        "us/event off": statistics.median(took["off"]),
        "assigning us/event": _beyond(took, "assigning", "off"),
        "given id us/event": _beyond(took, "given", "off, given"),
        "watching us/event": _beyond(took, "closing", "assigning"),
    }


async def _fill(place: Path, rows: Sequence[SessionRow]) -> None:
    """Make a spool that holds these rows."""
    async with opened(at(place)):
        pass
    with closing(sqlite3.connect(place)) as database, database:
        for row in rows:
            session_rows.write(database, row, 0)


async def _post(front: Front, now: int, bodies: Sequence[bytes]) -> float:
    """Return the CPU microseconds of an event."""
    began = time.process_time()
    for number, body in enumerate(bodies):
        front.now = now + number * 1_000
        await front.post(body)
    return (time.process_time() - began) / EVENTS * 1e6


def _beyond(took: dict[str, list[float]], way: str, other: str) -> float:
    """Return how much more a way costs than another."""
    return statistics.median([one - two for one, two in zip(took[way], took[other], strict=True)])
