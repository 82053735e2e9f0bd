"""Who may go next: events that share a user or a device keep their order.

An event may join a batch when nothing before it with one of its keys is elsewhere: waiting, in another
batch, or only partly sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.job import Job


class KeyOrder:
    """Keys in use and the events that wait for them."""

    def __init__(self) -> None:
        self._holders: dict[str, Batch | Job] = {}
        self._waiting: dict[str, deque[Job]] = {}
        self.waiting = 0
        """Events that wait."""

    def is_free(self, job: Job, batch: Batch | None) -> bool:
        """Return whether nobody but ``batch`` (None: nobody at all) holds the event's keys."""
        holders = self._holders
        for key in job.keys:
            by = holders.get(key)
            if by is not None and by is not batch:
                return False
        return True

    def acquire(self, job: Job, whole: Batch | None) -> None:
        """Note that the event is in the batch ``whole``; or None, when items of it are yet to follow."""
        by = whole if whole is not None else job
        for key in job.keys:
            self._holders[key] = by

    def release(self, batch: Batch) -> None:
        """Note that the batch's jobs have left it."""
        holders = self._holders
        for job in batch.jobs:
            for key in job.keys:
                by = holders.get(key)
                if by is batch or by is job:
                    del holders[key]

    def has_waiting(self, keys: Iterable[str]) -> bool:
        """Return whether an event waits for one of the keys."""
        waiting = self._waiting
        for key in keys:  # noqa: SIM110 - half the time of any(), for every event
            if key in waiting:
                return True
        return False

    def enqueue(self, job: Job) -> None:
        """Put the event behind all that wait for its keys."""
        for key in job.keys:
            self._waiting.setdefault(key, deque()).append(job)
        self.waiting += 1

    def requeue_front(self, jobs: Iterable[Job]) -> None:
        """Put events, given in order, before all that wait for their keys."""
        for job in reversed(list(jobs)):
            for key in job.keys:
                self._waiting.setdefault(key, deque()).appendleft(job)
            self.waiting += 1

    def heads(self, keys: Iterable[str]) -> Iterator[Job]:
        """Yield waiting events that are the first of all their keys, as long as the taker takes them out."""
        waiting = self._waiting
        for key in keys:
            while queue := waiting.get(key):
                job = queue[0]
                if any(waiting[other][0] is not job for other in job.keys):
                    break
                yield job
                if waiting.get(key) and waiting[key][0] is job:
                    break

    def dequeue(self, job: Job) -> None:
        """The event waits no more; it is the first of all its keys."""
        for key in job.keys:
            queue = self._waiting[key]
            queue.popleft()
            if not queue:
                del self._waiting[key]
        self.waiting -= 1

    def drain(self, job: Job) -> tuple[list[Job], set[str]]:
        """Take out the event and all that wait behind it, however far; with all their keys."""
        keys, todo = set(job.keys), list(job.keys)
        found: dict[int, Job] = {}
        while todo:
            for other in self._waiting.pop(todo.pop(), ()):
                found[other.event.seq] = other
                todo += [key for key in other.keys if key not in keys]
                keys.update(other.keys)
        self.waiting -= len(found)
        return [found[seq] for seq in sorted(found)], keys
