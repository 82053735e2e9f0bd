"""Parked events of one destination: users and devices that must wait, on disk instead of in memory.

A lane is a set of keys and the events parked under them. Lanes share no key, so the order inside a lane
is all the order there is to keep.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from forwarder.delivery.scheduler.job import Job
from forwarder.spool import MessageGroup, Parked

REDRIVEN = ""
"""The lane of dead letters that an operator sent again; it has no keys."""


@dataclass(slots=True)
class ParkedGroup:
    """One lane. ``in_memory``: its events that are in memory, by seq; ``resume_at``: ms since the epoch.

    ``scheduled``: whether it is on the agenda, which it is unless events of it are in memory.
    """

    name: str
    keys: set[str]
    events: int = 0
    resume_at: int = 0
    in_memory: dict[int, Job] = field(default_factory=dict)
    scheduled: bool = False


class Parking:
    """The lanes of one destination, and what has to be written about them."""

    def __init__(self, revive_ms: int) -> None:
        """``revive_ms``: how often the revived are looked for; the operator's command is another process."""
        self._revive_ms = revive_ms
        self._revived = ParkedGroup(REDRIVEN, set())
        self._lanes: dict[str, ParkedGroup] = {REDRIVEN: self._revived}
        self._of: dict[str, ParkedGroup] = {}
        # When to look at a lane again; entries that are no longer true are passed over.
        self._wake_queue: list[tuple[int, int, ParkedGroup]] = []
        self._numbers = count()
        self._schedule(self._revived)
        self.loaded_events = 0
        """Parked events that are in memory."""
        self._park: dict[int, Parked] = {}
        self._unpark: list[int] = []
        self._merge: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._lanes) - 1

    @property
    def at_rest(self) -> bool:
        """Whether no group has its time; that of the events which an operator sends again always has."""
        return not any(lane.scheduled for lane in self._lanes.values() if lane is not self._revived)

    @property
    def changed(self) -> bool:
        """Whether something is yet to be written."""
        return bool(self._park or self._unpark or self._merge)

    def changes(self) -> tuple[list[Parked], list[int], dict[str, str]]:
        """Return what is yet to be written: events to park, seqs of others to let go, lanes put together."""
        park, unpark, merge = list(self._park.values()), self._unpark, self._merge
        self._park, self._unpark, self._merge = {}, [], {}
        return park, unpark, merge

    @property
    def events(self) -> dict[str, int]:
        """Events parked, by lane."""
        return {name: lane.events for name, lane in self._lanes.items() if lane is not self._revived}

    def resume(self, lanes: Iterable[MessageGroup]) -> None:
        """Take up the lanes that the spool holds from earlier."""
        for kept in lanes:
            if kept.name != REDRIVEN:
                lane = self._lanes[kept.name] = ParkedGroup(kept.name, set(kept.keys), kept.events)
                self._of.update(dict.fromkeys(lane.keys, lane))
                self._schedule(lane)

    def group_for(self, keys: Iterable[str]) -> ParkedGroup | None:
        """Return the lane that one of the keys belongs to."""
        for key in keys:
            if lane := self._of.get(key):
                return lane
        return None

    def add(self, keys: Iterable[str], resume_at: int = 0) -> ParkedGroup:
        """Return the one lane all these keys belong to from now on, made or put together as needed."""
        keys = set(keys)
        found = {lane.name: lane for key in keys if (lane := self._of.get(key))}
        lane = next(iter(found.values()), None)
        if lane is None:
            lane = ParkedGroup(self._free_name(min(keys)), set())
            self._lanes[lane.name] = lane
        for other in found.values():
            if other is not lane:
                self._merge_into(lane, other)
        lane.keys |= keys
        lane.resume_at = max(lane.resume_at, resume_at)
        self._of.update(dict.fromkeys(lane.keys, lane))
        self._schedule(lane)
        return lane

    def _free_name(self, name: str) -> str:
        """Return a name that no lane has: one from earlier may be named after a key it no longer holds."""
        while name in self._lanes or name in self._merge:
            name += "+"
        return name

    def _merge_into(self, lane: ParkedGroup, other: ParkedGroup) -> None:
        lane.keys |= other.keys
        lane.in_memory.update(other.in_memory)
        lane.events += other.events
        lane.resume_at = max(lane.resume_at, other.resume_at)
        del self._lanes[other.name]
        self._merge[other.name] = lane.name
        for work in other.in_memory.values():
            work.group = lane.name
        for seq, parked in self._park.items():
            if parked.lane == other.name:
                self._park[seq] = parked._replace(lane=lane.name)

    def park(self, lane: ParkedGroup, work: Job) -> None:
        """Park the event in the lane: it leaves memory."""
        lane.events += 1
        if work.group is not None:
            self._remove(work)
        self._park[work.event.seq] = work.parked(lane.name)

    def loaded(self, lane: ParkedGroup, works: Sequence[Job], now: int) -> None:
        """Events of the lane are in memory now."""
        for work in works:
            work.group = lane.name
            lane.in_memory[work.event.seq] = work
        self.loaded_events += len(works)
        if lane is self._revived:
            lane.events += len(works)
            lane.resume_at = now + self._revive_ms

    def in_memory(self) -> list[Job]:
        """Return the parked events that are in memory."""
        return [work for lane in self._lanes.values() for work in lane.in_memory.values()]

    def finished(self, work: Job) -> None:
        """An event that was brought back needs its row no more."""
        self._unpark.append(work.event.seq)
        self._remove(work)

    def _remove(self, work: Job) -> None:
        """Take an event that was brought back out of its lane."""
        assert work.group is not None
        lane = self._lanes[work.group]
        del lane.in_memory[work.event.seq]
        self.loaded_events -= 1
        lane.events -= 1
        work.group = None
        if lane.events > 0 or lane is self._revived:
            self._schedule(lane)
            return
        del self._lanes[lane.name]
        for key in lane.keys:
            del self._of[key]

    def next_due(self, now: int) -> ParkedGroup | None:
        """Return a lane whose next events may be brought back: time has come and none is in memory.

        None while something about lanes is yet to be written: what is read would not be what is meant.
        """
        at = self.wake_at()
        return None if self.changed or at is None or at > now else self._wake_queue[0][2]

    def group_named(self, name: str) -> ParkedGroup | None:
        """Return the lane of that name, if there still is one."""
        return self._lanes.get(name)

    def wake_at(self) -> int | None:
        """Return when the next lane may be brought back, ms since the epoch."""
        while self._wake_queue:
            at, _, lane = self._wake_queue[0]
            if lane.in_memory or self._lanes.get(lane.name) is not lane:
                heapq.heappop(self._wake_queue)
                lane.scheduled = False
            elif lane.resume_at > at:
                heapq.heapreplace(self._wake_queue, (lane.resume_at, next(self._numbers), lane))
            else:
                return at
        return None

    def _schedule(self, lane: ParkedGroup) -> None:
        if not lane.in_memory and not lane.scheduled:
            lane.scheduled = True
            heapq.heappush(self._wake_queue, (lane.resume_at, next(self._numbers), lane))
