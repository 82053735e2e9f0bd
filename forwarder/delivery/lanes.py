"""Parked events of one destination: users and devices that must wait, on disk instead of in memory.

A lane is a set of keys and the events parked under them. Lanes share no key, so the order inside a lane
is all the order there is to keep.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from forwarder.delivery.work import Work
from forwarder.spool import Lane, Parked

REVIVED = ""
"""The lane of dead letters that an operator sent again; it has no keys."""


@dataclass(slots=True)
class Held:
    """One lane. ``here``: its events that are in memory, by seq; ``resume_at``: ms since the epoch.

    ``noted``: whether it is on the agenda, which it is unless events of it are in memory.
    """

    name: str
    keys: set[str]
    events: int = 0
    resume_at: int = 0
    here: dict[int, Work] = field(default_factory=dict)
    noted: bool = False


class Lanes:
    """The lanes of one destination, and what has to be written about them."""

    def __init__(self, revive_ms: int) -> None:
        """``revive_ms``: how often the revived are looked for; the operator's command is another process."""
        self._revive_ms = revive_ms
        self._revived = Held(REVIVED, set())
        self._lanes: dict[str, Held] = {REVIVED: self._revived}
        self._of: dict[str, Held] = {}
        # When to look at a lane again; entries that are no longer true are passed over.
        self._agenda: list[tuple[int, int, Held]] = []
        self._numbers = count()
        self._note(self._revived)
        self.here = 0
        """Parked events that are in memory."""
        self._park: dict[int, Parked] = {}
        self._unpark: list[int] = []
        self._merge: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._lanes) - 1

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

    def resume(self, lanes: Iterable[Lane]) -> None:
        """Take up the lanes that the spool holds from earlier."""
        for kept in lanes:
            if kept.name != REVIVED:
                lane = self._lanes[kept.name] = Held(kept.name, set(kept.keys), kept.events)
                self._of.update(dict.fromkeys(lane.keys, lane))
                self._note(lane)

    def of(self, keys: Iterable[str]) -> Held | None:
        """Return the lane that one of the keys belongs to."""
        for key in keys:
            if lane := self._of.get(key):
                return lane
        return None

    def add(self, keys: Iterable[str], resume_at: int = 0) -> Held:
        """Return the one lane all these keys belong to from now on, made or put together as needed."""
        keys = set(keys)
        found = {lane.name: lane for key in keys if (lane := self._of.get(key))}
        lane = next(iter(found.values()), None)
        if lane is None:
            lane = Held(self._free_name(min(keys)), set())
            self._lanes[lane.name] = lane
        for other in found.values():
            if other is not lane:
                self._absorb(lane, other)
        lane.keys |= keys
        lane.resume_at = max(lane.resume_at, resume_at)
        self._of.update(dict.fromkeys(lane.keys, lane))
        self._note(lane)
        return lane

    def _free_name(self, name: str) -> str:
        """Return a name that no lane has: one from earlier may be named after a key it no longer holds."""
        while name in self._lanes or name in self._merge:
            name += "+"
        return name

    def _absorb(self, lane: Held, other: Held) -> None:
        lane.keys |= other.keys
        lane.here.update(other.here)
        lane.events += other.events
        lane.resume_at = max(lane.resume_at, other.resume_at)
        del self._lanes[other.name]
        self._merge[other.name] = lane.name
        for work in other.here.values():
            work.lane = lane.name
        for seq, parked in self._park.items():
            if parked.lane == other.name:
                self._park[seq] = parked._replace(lane=lane.name)

    def put(self, lane: Held, work: Work) -> None:
        """Park the event in the lane: it leaves memory."""
        lane.events += 1
        if work.lane is not None:
            self._leave(work)
        self._park[work.event.seq] = work.parked(lane.name)

    def brought(self, lane: Held, works: Sequence[Work], now: int) -> None:
        """Events of the lane are in memory now."""
        for work in works:
            work.lane = lane.name
            lane.here[work.event.seq] = work
        self.here += len(works)
        if lane is self._revived:
            lane.events += len(works)
            lane.resume_at = now + self._revive_ms

    def brought_back(self) -> list[Work]:
        """Return the parked events that are in memory."""
        return [work for lane in self._lanes.values() for work in lane.here.values()]

    def finished(self, work: Work) -> None:
        """An event that was brought back needs its row no more."""
        self._unpark.append(work.event.seq)
        self._leave(work)

    def _leave(self, work: Work) -> None:
        """Take an event that was brought back out of its lane."""
        assert work.lane is not None
        lane = self._lanes[work.lane]
        del lane.here[work.event.seq]
        self.here -= 1
        lane.events -= 1
        work.lane = None
        if lane.events > 0 or lane is self._revived:
            self._note(lane)
            return
        del self._lanes[lane.name]
        for key in lane.keys:
            del self._of[key]

    def next_due(self, now: int) -> Held | None:
        """Return a lane whose next events may be brought back: time has come and none is in memory.

        None while something about lanes is yet to be written: what is read would not be what is meant.
        """
        at = self.wake_at()
        return None if self.changed or at is None or at > now else self._agenda[0][2]

    def named(self, name: str) -> Held | None:
        """Return the lane of that name, if there still is one."""
        return self._lanes.get(name)

    def wake_at(self) -> int | None:
        """Return when the next lane may be brought back, ms since the epoch."""
        while self._agenda:
            at, _, lane = self._agenda[0]
            if lane.here or self._lanes.get(lane.name) is not lane:
                heapq.heappop(self._agenda)
                lane.noted = False
            elif lane.resume_at > at:
                heapq.heapreplace(self._agenda, (lane.resume_at, next(self._numbers), lane))
            else:
                return at
        return None

    def _note(self, lane: Held) -> None:
        if not lane.here and not lane.noted:
            lane.noted = True
            heapq.heappush(self._agenda, (lane.resume_at, next(self._numbers), lane))
