"""Parked events of one destination: users and devices that must wait, on disk instead of in memory.

A lane is a set of keys and the events parked under them. Lanes share no key, so the order inside a lane
is all the order there is to keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from forwarder.delivery.work import Work
from forwarder.spool import Lane, Parked

PAGE = 500
"""Events of a lane brought back at once."""
REVIVED = ""
"""The lane of dead letters that an operator sent again; it has no keys."""
REVIVE_MS = 2_000
"""How often that lane is looked at: the operator's command runs in a process of its own."""


@dataclass(slots=True)
class Held:
    """One lane. ``here``: its events that are in memory, by seq; ``resume_at``: ms since the epoch."""

    name: str
    keys: set[str]
    events: int = 0
    resume_at: int = 0
    here: dict[int, Work] = field(default_factory=dict)


class Lanes:
    """The lanes of one destination, and what has to be written about them."""

    def __init__(self) -> None:
        self._lanes: dict[str, Held] = {}
        self._of: dict[str, Held] = {}
        self._revived = Held(REVIVED, set())
        self.park: dict[int, Parked] = {}
        self.unpark: list[int] = []
        self.merge: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._lanes)

    @property
    def changed(self) -> bool:
        """Whether something is yet to be written."""
        return bool(self.park or self.unpark or self.merge)

    @property
    def busy(self) -> bool:
        """Whether parked events are in memory."""
        return any(lane.here for lane in self._all())

    @property
    def events(self) -> dict[str, int]:
        """Events parked, by lane."""
        return {lane.name: lane.events for lane in self._lanes.values()}

    def resume(self, lanes: Iterable[Lane]) -> None:
        """Take up the lanes that the spool holds from earlier."""
        for kept in lanes:
            if kept.name == REVIVED:
                continue
            lane = self._lanes.get(kept.name)
            if lane is None:
                lane = self._lanes[kept.name] = Held(kept.name, set(kept.keys))
                self._of.update(dict.fromkeys(lane.keys, lane))
            lane.events = kept.events

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
            lane = Held(min(keys), set())
            self._lanes[lane.name] = lane
        for other in found.values():
            if other is not lane:
                self._absorb(lane, other)
        lane.keys |= keys
        lane.resume_at = max(lane.resume_at, resume_at)
        self._of.update(dict.fromkeys(lane.keys, lane))
        return lane

    def _absorb(self, lane: Held, other: Held) -> None:
        lane.keys |= other.keys
        lane.here.update(other.here)
        lane.events += other.events
        lane.resume_at = max(lane.resume_at, other.resume_at)
        del self._lanes[other.name]
        self.merge[other.name] = lane.name
        for work in other.here.values():
            work.lane = lane.name
        for seq, parked in self.park.items():
            if parked.lane == other.name:
                self.park[seq] = parked._replace(lane=lane.name)

    def put(self, lane: Held, work: Work) -> None:
        """Park the event in the lane: it leaves memory."""
        seq = work.event.seq
        if work.lane is None or work.lane == REVIVED:
            lane.events += 1
        self._revived.here.pop(seq, None)
        lane.here.pop(seq, None)
        self.park[seq] = work.parked(lane.name)

    def named(self, name: str) -> Held | None:
        """Return the lane of that name, or the one it became part of."""
        while name in self.merge:
            name = self.merge[name]
        return self._revived if name == REVIVED else self._lanes.get(name)

    def brought(self, lane: Held, works: Sequence[Work], now: int) -> None:
        """Events of the lane are in memory now."""
        for work in works:
            work.lane = lane.name
            lane.here[work.event.seq] = work
        if lane is self._revived:
            lane.resume_at = now + REVIVE_MS

    def finished(self, seq: int, name: str) -> None:
        """An event that was brought back from the named lane needs its row no more."""
        self.unpark.append(seq)
        if name == REVIVED:
            del self._revived.here[seq]
            return
        lane = self._lanes[name]
        del lane.here[seq]
        lane.events -= 1
        if lane.events <= 0:
            del self._lanes[name]
            for key in lane.keys:
                self._of.pop(key, None)

    def due(self, now: int) -> list[Held]:
        """Return lanes whose next events may be brought back: time has come and none is in memory.

        None while something about lanes is yet to be written: what is read would not be what is meant.
        """
        if self.changed:
            return []
        return [lane for lane in self._all() if lane.resume_at <= now and not lane.here]

    def wake_at(self) -> int:
        """Return when the next lane may be brought back, ms since the epoch."""
        return min((lane.resume_at for lane in self._all() if not lane.here), default=self._revived.resume_at)

    def _all(self) -> Iterator[Held]:
        yield self._revived
        yield from self._lanes.values()
