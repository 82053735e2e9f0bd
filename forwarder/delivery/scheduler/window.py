"""The events that one destination's line has in memory, and for how many more there is room."""

from __future__ import annotations

from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.settings import MAX_WINDOW_BYTES


class Window:
    """The window of one destination: its events and all that was written for them, in events and in bytes.

    ``window``: the most events that come one after another; parked ones that are back count apart.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._new: dict[int, Job] = {}
        self._bytes = 0

    def __contains__(self, job: object) -> bool:
        return isinstance(job, Job) and job.event.seq in self._new

    @property
    def first(self) -> Job | None:
        """The event that keeps the cursor where it is: the first of those not parked since they were read."""
        return next(iter(self._new.values()), None)

    def __len__(self) -> int:
        return len(self._new)

    @property
    def new(self) -> list[Job]:
        """The events that have not been parked since they were read."""
        return list(self._new.values())

    @property
    def full(self) -> bool:
        """Whether the events take as many bytes as they may."""
        return self._bytes >= MAX_WINDOW_BYTES

    def filled_by(self, size: int) -> bool:
        """Tell whether so many bytes more would fill it."""
        return self._bytes + size >= MAX_WINDOW_BYTES

    @property
    def room(self) -> int:
        """How many more may be read."""
        return 0 if self.full else self.window - len(self._new)

    @property
    def over_park_threshold(self) -> bool:
        """Whether those that wait had better do so on disk."""
        return len(self._new) > self.window // 4

    def add(self, job: Job, *, new: bool) -> None:
        """Take in an event; ``new``: it was not parked."""
        if new:
            self._new[job.event.seq] = job
        self._bytes += job.size

    def remove(self, job: Job) -> bool:
        """Let go of an event; tell whether it was new, else it is one of a group's."""
        self._bytes -= job.size
        return self._new.pop(job.event.seq, None) is not None
