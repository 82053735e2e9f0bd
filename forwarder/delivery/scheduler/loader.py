"""How events become jobs of a scheduler: those just accepted, and those that come back from being parked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from forwarder.delivery.scheduler.circuit_breaker import CircuitBreaker
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.parking import REDRIVEN
from forwarder.delivery.scheduler.planning import JobPlanner
from forwarder.delivery.scheduler.queue import JobQueue
from forwarder.delivery.scheduler.settings import LOAD_EVENTS, MAX_GROUPS
from forwarder.delivery.scheduler.tracker import JobTracker
from forwarder.faults import fault_of
from forwarder.spool import Parked, StoredEvent

Spent = Callable[[int], bool]
"""Tells whether somebody else should have a turn, after so many bytes more have been written."""


def _never(_: int) -> bool:
    return False


class JobLoader:
    """The loader of one scheduler: makes jobs of events. Times are ms since the epoch."""

    def __init__(
        self, planner: JobPlanner, tracker: JobTracker, queue: JobQueue, breaker: CircuitBreaker
    ) -> None:
        self._planner = planner
        self._faults = planner.faults
        self._tracker = tracker
        self._window, self._parking = tracker.window, tracker.parking
        self._queue = queue
        self._breaker = breaker

    def room(self) -> int:
        """Return how many more accepted events may be taken.

        None while the destination is down and something is there to try it with: sessions of events that
        were not taken still follow what comes late.
        """
        if self._breaker.probing and not self._queue.batches.idle:
            return 0
        if len(self._parking) >= MAX_GROUPS and not self._tracker.checkpoint.rereading:
            return 0
        return self._window.room

    def parked_room(self) -> int:
        """Return how many parked events may be brought back."""
        if self._window.full or self._tracker.checkpoint.rereading:
            return 0
        if self._breaker.probing:  # a few of them, and only where nothing else could be tried
            return LOAD_EVENTS if self._queue.batches.idle else 0
        half = self._window.window // 2
        return 0 if self._queue.order.waiting > half else min(LOAD_EVENTS, half - self._parking.loaded_events)

    def take(self, events: Sequence[StoredEvent], now: int) -> None:
        """Take events in order of seq."""
        for _ in self.taking(events, now):
            pass

    def taking(self, events: Sequence[StoredEvent], now: int, spent: Spent = _never) -> Iterator[None]:
        """Take events in order of seq, and yield whenever time for it is ``spent``.

        What finds no room in memory is not taken, and has to be read again.
        """
        self._queue.linger.record_arrivals(len(events), now)
        for event in events:
            if self._window.full:
                return
            try:
                size = self._take(event, now)
            except Exception as error:
                self._faults.note_events([event.seq], fault_of(error))
                raise
            if spent(size):
                yield

    def _take(self, event: StoredEvent, now: int) -> int:
        """Take an event; return the bytes it needs."""
        if not self._tracker.checkpoint.read(event.seq):
            return 0
        job, filtered = self._planner.plan(event)
        if self._faults:
            self._faults.apply(job)
        self._window.add(job, new=True)
        if not job.items:
            self._tracker.finish(job, filtered)
        elif len(self._parking) and self._parking.group_for(job.keys):
            self._tracker.park([job], job.keys, 0)
        else:
            self._queue.enqueue(job, now)
        return job.size

    def load(self, now: int) -> tuple[str, int] | None:
        """Return a group to bring events back from, and how many at most; None: nothing now."""
        most = self.parked_room()
        group = self._parking.next_due(now) if most > 0 else None
        return None if group is None else (group.name, most)

    def loaded(self, name: str, rows: Sequence[Parked], now: int) -> None:
        """Take back parked events of a group; nothing, where the group was held again meanwhile."""
        for _ in self.loading(name, rows, now):
            pass

    def loading(self, name: str, rows: Sequence[Parked], now: int, spent: Spent = _never) -> Iterator[None]:
        """Do what ``loaded`` does, and yield whenever time for it is ``spent``; what finds no room stays."""
        planned: list[tuple[Job, str]] = []
        size = 0
        for row in rows:
            planned.append(self._planner.plan(row.event))
            size += planned[-1][0].size
            if self._window.filled_by(size):
                break
            if spent(planned[-1][0].size):
                yield
        group = self._parking.group_named(name)
        if group is None or group.resume_at > now or group.in_memory:
            return
        self._parking.loaded(group, [job for job, _ in planned], now)
        for row, (job, filtered) in zip(rows, planned, strict=False):
            self._window.add(job, new=False)
            job.restore(row.state, anew=name == REDRIVEN)
            self._requeue(job, filtered, now, redriven=name == REDRIVEN)

    def _requeue(self, job: Job, filtered: str, now: int, *, redriven: bool) -> None:
        """Have a parked job sent or ended; a ``redriven`` one parks with what its users and devices have."""
        if self._faults:
            self._faults.apply(job)
        if job.done:
            self._tracker.finish(job, filtered)
        elif redriven and self._parking.group_for(job.keys):
            self._tracker.park([job], job.keys, 0)
        else:
            self._queue.enqueue(job, now)
