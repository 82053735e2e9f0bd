"""The batches of one destination: being filled, full, under way."""

from __future__ import annotations

from collections import deque
from operator import attrgetter

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.job import Job

BatchKey = tuple[Endpoint, float | None, int]
"""What shares a batch: endpoint, shortest id allowed, level."""


class Batching:
    """At most ``at_once`` are under way; doubtful ones, which were halved, take half of that at most.

    So events that Amplitude chokes on, each until a time-out, never fill all places.
    """

    def __init__(self, most_events: int, at_once: int) -> None:
        self._most_events = most_events
        self._at_once = at_once
        self._open: dict[BatchKey, Batch] = {}
        self._full: tuple[deque[Batch], deque[Batch]] = deque(), deque()
        self._sent: set[Batch] = set()
        self._doubtful = 0

    @property
    def under_way(self) -> int:
        """How many have been sent and not been answered."""
        return len(self._sent)

    def __contains__(self, job: object) -> bool:
        batches = (*self._sent, *self._open.values(), *self._full[0], *self._full[1])
        return any(one is job for batch in batches for one in batch.jobs)

    @property
    def idle(self) -> bool:
        """Whether there is no batch at all."""
        return not (self._sent or self._open or any(self._full))

    def find_open(self, job: Job) -> Batch | None:
        """Return the open batch that the event's next item fits into, None where there is none."""
        item = job.items[0]
        if item.done:
            item = job.next_item
        batch = self._open.get((item.endpoint, item.min_id_length, job.split_level))
        return batch if batch is not None and batch.fits(item) else None

    def open_for(self, job: Job) -> Batch:
        """Open a batch for the event's next item; the one before it goes as it is."""
        item = job.next_item
        place = (item.endpoint, item.min_id_length, job.split_level)
        if place in self._open:
            self._close(place)
        batch = self._open[place] = Batch(item, job.split_level, self._most_events)
        return batch

    def add(self, batch: Batch, job: Job, due_at: int) -> bool:
        """Put the event's items into the batch it has its place in, as many as may go together.

        Tell whether that is all of them.
        """
        batch.due_at = min(batch.due_at, due_at) if batch.items else due_at
        batch.jobs.append(job)
        for item in job.items:
            if item.done:
                continue
            if job.placed:
                kind = item.endpoint is batch.endpoint and item.min_id_length == batch.min_id_length
                if not kind or item.after_previous or not batch.fits(item):
                    whole = False
                    break
            batch.add(item)
            job.placed += 1
        else:
            whole = True
        if batch.full:
            self._close((batch.endpoint, batch.min_id_length, batch.split_level))
        return whole

    def _close(self, place: BatchKey) -> None:
        batch = self._open.pop(place)
        batch.full = True
        self._full[batch.split_level > 0].append(batch)

    def next(self, now: int, patience_ms: int, *, alone: bool) -> Batch | None:
        """Return the batch that should go now, if one may: the one that is due longest.

        ``patience_ms``: how long after that one may go on filling; ``alone``: only one may be under way.
        """
        ready = [queue[0] for queue in self._full if queue]
        ready += [batch for batch in self._open.values() if batch.due_at + patience_ms <= now]
        ready = [batch for batch in ready if self._may_go(batch, alone)]
        if not ready:
            return None
        batch = min(ready, key=attrgetter("due_at"))
        if batch.full:
            self._full[batch.split_level > 0].popleft()
        else:
            del self._open[batch.endpoint, batch.min_id_length, batch.split_level]
            batch.full = True
        self._sent.add(batch)
        self._doubtful += batch.split_level > 0
        return batch

    def _may_go(self, batch: Batch, alone: bool) -> bool:
        most = 1 if alone else self._at_once
        return len(self._sent) < most and (not batch.split_level or self._doubtful < max(1, most // 2))

    def complete(self, batch: Batch) -> None:
        """Note that a batch that was under way has its response."""
        self._sent.remove(batch)
        self._doubtful -= batch.split_level > 0

    def due_at(self, *, alone: bool) -> int | None:
        """Return when the next batch may go, ms since the epoch; None: an answer or an event comes first."""
        times = [0 for queue in self._full if queue and self._may_go(queue[0], alone)]
        times += [batch.due_at for batch in self._open.values() if self._may_go(batch, alone)]
        return min(times, default=None)
