"""Users and devices that were throttled send less at once, until nothing of them waits."""

from __future__ import annotations

from collections import Counter

from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.ordering import KeyOrder


class KeyThrottle:
    """The throttle of a destination's ordering keys: how many jobs of one may share a batch.

    Each time Amplitude throttles a user or device, its share is halved.
    """

    def __init__(self) -> None:
        self._most: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._most)

    def fits(self, job: Job, batch: Batch | None) -> bool:
        """Return whether the batch, None for a new one, may take another of the event's user and device."""
        if not self._most or batch is None:
            return True
        for key in job.keys:
            most = self._most.get(key)
            if most is not None and sum(key in other.keys for other in batch.jobs) >= most:
                return False
        return True

    def adapt(self, batch: Batch, order: KeyOrder, now: int) -> None:
        """Halve the shares of keys that have to wait after a batch; forget keys for which nothing waits."""
        shares = Counter(key for job in batch.jobs for key in job.keys)
        for job in batch.jobs:
            if job.ready_at > now:
                self._most.update((key, max(1, shares[key] // 2)) for key in job.keys)
        for key in shares:
            if key in self._most and not order.has_waiting((key,)):
                del self._most[key]
