"""A feed over events in memory, and the scheduler that it feeds."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

from forwarder.delivery import DestinationRoute, SchedulerSettings
from forwarder.delivery.clock import MonotonicClock
from forwarder.delivery.feed import EventFeed
from forwarder.spool import Parked, StoredEvent
from tests.support.simulation.lines import NOW, event, line
from tests.support.simulation.planner import Planner


class Accepted:
    """As much of a spool as a feed asks for, and what it was asked."""

    def __init__(self, events: Sequence[StoredEvent] = ()) -> None:
        self.events = list(events)
        self.asked: list[tuple[int, int]] = []
        self.rows: dict[str, list[Parked]] = {}
        self.asked_for: list[tuple[str, str, int, int]] = []
        self.handed: int | None = None
        """How many of the events that were read it hands on; None: all."""
        self.during: Callable[[], None] = lambda: None
        """What happens while events are read."""

    async def read(self, after: int, limit: int) -> list[StoredEvent]:
        self.asked.append((after, limit))
        found = [one for one in self.events if one.seq > after][:limit]
        self.during()
        return found

    def hand_on(self, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        return list(events)[: self.handed]

    async def parked(self, destination: str, group: str, after: int, limit: int) -> list[Parked]:
        self.asked_for.append((destination, group, after, limit))
        return self.rows[group]


class Fed:
    """A feed, the scheduler that it feeds, and what it said."""

    def __init__(self, events: Sequence[StoredEvent] = (), **settings: int) -> None:
        self.spool = cast(Any, Accepted(events))
        self.awake = asyncio.Event()
        self.faults: list[tuple[str, BaseException]] = []
        route = DestinationRoute("d", Planner(), None, SchedulerSettings(**{"linger_ms": 0, **settings}))
        self.clock = MonotonicClock(lambda: NOW)
        self.feed = EventFeed(route, self.spool, self.clock, self.awake, self.note)
        self.scheduler = line(None, **settings)

    def note(self, where: str, error: BaseException) -> None:
        self.faults.append((where, error))

    async def take(self) -> bool:
        """Take events; tell whether more were said to be there, as a worker hears it."""
        self.awake.clear()
        await self.feed.take(self.scheduler)
        return self.awake.is_set()

    @property
    def held(self) -> list[int]:
        return [job.event.seq for job in self.scheduler._tracker.window.new]


def events(*seqs: int) -> list[StoredEvent]:
    return [event(seq, f"u{seq}") for seq in seqs]
