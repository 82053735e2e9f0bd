"""The jobs that may be sent: each joins a batch, or waits until those before it have left theirs."""

from __future__ import annotations

from collections.abc import Sequence

from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.batching import Batching
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.linger import LingerPolicy
from forwarder.delivery.scheduler.ordering import KeyOrder
from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.delivery.scheduler.throttle import KeyThrottle


class JobQueue:
    """The queue of one destination's jobs, in which each ordering key has an order of its own.

    All times are ms since the epoch.
    """

    def __init__(self, settings: SchedulerSettings) -> None:
        self.order = KeyOrder()
        self.batches = Batching(settings.batch_events, settings.at_once)
        self.linger = LingerPolicy(settings.linger_ms)
        self._throttle = KeyThrottle()

    def enqueue(self, job: Job, now: int) -> None:
        """Put a new job into a batch, or behind those that it has to wait for."""
        order = self.order
        if (order.waiting and order.has_waiting(job.keys)) or not self._try_batch(job, now):
            order.enqueue(job)

    def start_waiting(self, before: Job, now: int) -> None:
        """Put jobs that waited for one into batches, as far as order lets them."""
        for job in self.order.heads(before.keys):
            if job.ready_at <= now and self._try_batch(job, now):
                self.order.dequeue(job)

    def complete(self, batch: Batch, again: Sequence[Job], now: int, *, held: bool) -> None:
        """Take back a batch that was answered; those of its jobs that go again stay before all others.

        ``held``: the answer throttles users or devices.
        """
        self.batches.complete(batch)
        self.order.release(batch)
        if again:
            self.order.requeue_front(again)
        if self._throttle or held:
            self._throttle.adapt(batch, self.order, now)
        if self.order.waiting:
            for job in batch.jobs:
                if self.order.has_waiting(job.keys):
                    self.start_waiting(job, now)

    def _try_batch(self, job: Job, now: int) -> bool:
        """Put a job into a batch if nothing before it is elsewhere; tell whether that is so."""
        batch = self.batches.find_open(job)
        if not self.order.is_free(job, batch) or not self._throttle.fits(job, batch):
            return False
        if batch is None:
            batch = self.batches.open_for(job)
        due_at = self.linger.due_at(job.event.received_at, now)
        whole = self.batches.add(batch, job, due_at)
        self.order.acquire(job, batch if whole else None)
        return True
