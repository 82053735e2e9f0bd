"""Parked events of one destination: users and devices that must wait, on disk instead of in memory.

A message group is a set of ordering keys and the events parked under them. Groups share no key, so
that the order inside of each is all the order there is to keep.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from forwarder.delivery.scheduler.job import Job
from forwarder.spool import MessageGroup, Parked

REDRIVEN = ""
"""The group of dead letters that an operator sent again; it has no keys."""


@dataclass(slots=True)
class ParkedGroup:
    """A message group and its parked events.

    ``in_memory``: jobs of its events that are in memory, by seq; ``resume_at``: when they may be sent, ms
    since the epoch; ``scheduled``: whether it is in the wake queue, as long as no job of it is in memory.
    """

    name: str
    keys: set[str]
    events: int = 0
    resume_at: int = 0
    in_memory: dict[int, Job] = field(default_factory=dict)
    scheduled: bool = False


class Parking:
    """The parking of one destination: its message groups, and what the spool has to learn of them."""

    def __init__(self, redrive_ms: int) -> None:
        """``redrive_ms``: how often redriven ones are looked for: another process redrives them."""
        self._redrive_ms = redrive_ms
        self._redriven = ParkedGroup(REDRIVEN, set())
        self._groups: dict[str, ParkedGroup] = {REDRIVEN: self._redriven}
        self._of: dict[str, ParkedGroup] = {}
        # When to look at a group again; entries that are no longer true are passed over.
        self._wake_queue: list[tuple[int, int, ParkedGroup]] = []
        self._numbers = count()
        self._schedule(self._redriven)
        self.loaded_events = 0
        """Parked events that are in memory."""
        self._park: dict[int, Parked] = {}
        self._unpark: list[int] = []
        self._merge: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._groups) - 1

    @property
    def at_rest(self) -> bool:
        """Whether no group has its time; that of the events which an operator sends again always has."""
        return not any(group.scheduled for group in self._groups.values() if group is not self._redriven)

    @property
    def changed(self) -> bool:
        """Whether something is yet to be written."""
        return bool(self._park or self._unpark or self._merge)

    def changes(self) -> tuple[list[Parked], list[int], dict[str, str]]:
        """Return what is yet to be written: events to park, seqs no longer parked, merged groups."""
        park, unpark, merge = list(self._park.values()), self._unpark, self._merge
        self._park, self._unpark, self._merge = {}, [], {}
        return park, unpark, merge

    @property
    def events(self) -> dict[str, int]:
        """Events parked, by group."""
        return {name: group.events for name, group in self._groups.items() if group is not self._redriven}

    def resume(self, groups: Iterable[MessageGroup]) -> None:
        """Take up the groups that the spool holds from earlier."""
        for kept in groups:
            if kept.name != REDRIVEN:
                group = self._groups[kept.name] = ParkedGroup(kept.name, set(kept.keys), kept.events)
                self._of.update(dict.fromkeys(group.keys, group))
                self._schedule(group)

    def group_for(self, keys: Iterable[str]) -> ParkedGroup | None:
        """Return the group that one of the keys belongs to."""
        for key in keys:
            if group := self._of.get(key):
                return group
        return None

    def add(self, keys: Iterable[str], resume_at: int = 0) -> ParkedGroup:
        """Return the one group all these keys belong to from now on, made or put together as needed."""
        keys = set(keys)
        found = {group.name: group for key in keys if (group := self._of.get(key))}
        group = next(iter(found.values()), None)
        if group is None:
            group = ParkedGroup(self._free_name(min(keys)), set())
            self._groups[group.name] = group
        for other in found.values():
            if other is not group:
                self._merge_into(group, other)
        group.keys |= keys
        group.resume_at = max(group.resume_at, resume_at)
        self._of.update(dict.fromkeys(group.keys, group))
        self._schedule(group)
        return group

    def _free_name(self, name: str) -> str:
        """Return a name that no group has: one from earlier may be named after a key it no longer holds."""
        while name in self._groups or name in self._merge:
            name += "+"
        return name

    def _merge_into(self, group: ParkedGroup, other: ParkedGroup) -> None:
        group.keys |= other.keys
        group.in_memory.update(other.in_memory)
        group.events += other.events
        group.resume_at = max(group.resume_at, other.resume_at)
        del self._groups[other.name]
        self._merge[other.name] = group.name
        for job in other.in_memory.values():
            job.group = group.name
        for seq, parked in self._park.items():
            if parked.group == other.name:
                self._park[seq] = parked._replace(group=group.name)

    def park(self, group: ParkedGroup, job: Job) -> None:
        """Park the event in the group: it leaves memory."""
        group.events += 1
        if job.group is not None:
            self._remove(job)
        self._park[job.event.seq] = job.parked(group.name)

    def loaded(self, group: ParkedGroup, jobs: Sequence[Job], now: int) -> None:
        """Note that jobs of the group are in memory now."""
        for job in jobs:
            job.group = group.name
            group.in_memory[job.event.seq] = job
        self.loaded_events += len(jobs)
        if group is self._redriven:
            group.events += len(jobs)
            group.resume_at = now + self._redrive_ms

    def in_memory(self) -> list[Job]:
        """Return the parked events that are in memory."""
        return [job for group in self._groups.values() for job in group.in_memory.values()]

    def finished(self, job: Job) -> None:
        """Note that a job that came back from parking has ended: its row is not needed any more."""
        self._unpark.append(job.event.seq)
        self._remove(job)

    def _remove(self, job: Job) -> None:
        """Remove a job that came back from parking from its group."""
        assert job.group is not None
        group = self._groups[job.group]
        del group.in_memory[job.event.seq]
        self.loaded_events -= 1
        group.events -= 1
        job.group = None
        if group.events > 0 or group is self._redriven:
            self._schedule(group)
            return
        del self._groups[group.name]
        for key in group.keys:
            del self._of[key]

    def next_due(self, now: int) -> ParkedGroup | None:
        """Return a group whose next events may be brought back: time has come and none is in memory.

        None while something about groups is yet to be written: what is read would not be what is meant.
        """
        at = self.wake_at()
        return None if self.changed or at is None or at > now else self._wake_queue[0][2]

    def group_named(self, name: str) -> ParkedGroup | None:
        """Return the group of that name, if there still is one."""
        return self._groups.get(name)

    def wake_at(self) -> int | None:
        """Return when the next group may be brought back, ms since the epoch."""
        while self._wake_queue:
            at, _, group = self._wake_queue[0]
            if group.in_memory or self._groups.get(group.name) is not group:
                heapq.heappop(self._wake_queue)
                group.scheduled = False
            elif group.resume_at > at:
                heapq.heapreplace(self._wake_queue, (group.resume_at, next(self._numbers), group))
            else:
                return at
        return None

    def _schedule(self, group: ParkedGroup) -> None:
        if not group.in_memory and not group.scheduled:
            group.scheduled = True
            heapq.heappush(self._wake_queue, (group.resume_at, next(self._numbers), group))
