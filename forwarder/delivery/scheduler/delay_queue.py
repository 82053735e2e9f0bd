"""Events that wait in memory until a moment comes."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator

from forwarder.delivery.scheduler.job import Job


class DelayQueue:
    """The delay queue of one destination: jobs by the time when they are ready, ms since the epoch."""

    def __init__(self) -> None:
        self._timers: list[tuple[int, int, Job]] = []

    def add(self, job: Job) -> None:
        """Let the job wait until it is ready."""
        heapq.heappush(self._timers, (job.ready_at, job.event.seq, job))

    def due(self, now: int) -> Iterator[Job]:
        """Remove and yield the jobs that are ready."""
        while self._timers and self._timers[0][0] <= now:
            yield heapq.heappop(self._timers)[2]

    @property
    def next_at(self) -> int | None:
        """When the next one is due; None where none waits."""
        return self._timers[0][0] if self._timers else None

    def longest_first(self, now: int) -> list[Job]:
        """Return the jobs that still have to wait, those that wait longest first."""
        return [job for ready_at, _, job in sorted(self._timers, reverse=True) if ready_at > now]

    def keep(self, jobs: Container[Job]) -> None:
        """Forget all jobs but these."""
        self._timers = [timer for timer in self._timers if timer[2] in jobs]
        heapq.heapify(self._timers)
