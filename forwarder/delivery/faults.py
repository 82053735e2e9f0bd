"""Events over which our own code failed: tried once more, then with fewer beside them, then given up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.job import Job

OUR_FAULT = "our fault"
"""The reason of a dead letter, before a colon."""


@dataclass(slots=True)
class Fault:
    """The fault over one event. ``level``: how often its batch was halved; ``over``: it is given up."""

    what: str
    tries: int = 0
    level: int = 0
    over: bool = False


class Faults(dict[int, Fault]):
    """The faults of one destination, by event. It outlives a scheduler that is made anew after a fault.

    A dict itself: each event asks three times whether there are any.
    """

    def note(self, batch: Batch, what: str) -> None:
        """Note that our code failed over a batch; ``what``: type and place."""
        alone, level = len(batch.jobs) == 1, batch.next_split_level()
        self._note((job.event.seq for job in batch.jobs), what, level, alone=alone)

    def note_events(self, seqs: Iterable[int], what: str) -> None:
        """Note that our code failed over each of these events by itself."""
        self._note(seqs, what, 0, alone=True)

    def _note(self, seqs: Iterable[int], what: str, level: int, *, alone: bool) -> None:
        for seq in seqs:
            fault = self.setdefault(seq, Fault(what))
            fault.tries, fault.what = fault.tries + 1, what
            if fault.tries > 1:
                fault.level = max(fault.level, level)
                fault.over = fault.over or alone

    def is_over(self, seq: int) -> bool:
        """Return whether the event is given up."""
        fault = self.get(seq)
        return fault is not None and fault.over

    def apply(self, job: Job) -> bool:
        """Give the event up, or have fewer beside it, as its faults want it; tell whether it is given up."""
        fault = self.get(job.event.seq)
        if fault is None:
            return False
        retry = job.retry_state()
        retry.split_level = max(retry.split_level, fault.level)
        if fault.over:
            reason = f"{OUR_FAULT}: {fault.what}"
            job.fail_rest(reason, None)
            retry.reason = reason
        return fault.over

    def tries(self, job: Job) -> int:
        """Return how often our code failed over the event."""
        fault = self.get(job.event.seq)
        return fault.tries if fault else 0

    def forget(self, seq: int) -> None:
        """Forget an event that has ended."""
        self.pop(seq, None)
