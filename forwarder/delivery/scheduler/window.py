"""The jobs that one destination has in memory, and for how many more there is room."""

from __future__ import annotations

from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.settings import MAX_WINDOW_BYTES


class Window:
    """The window of one destination: jobs in memory, bounded in number and in bytes.

    ``window``: most jobs of events that were never parked; those back from parking count in bytes only.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._new: dict[int, Job] = {}
        self._bytes = 0

    def __contains__(self, job: object) -> bool:
        return isinstance(job, Job) and job.event.seq in self._new

    @property
    def first(self) -> Job | None:
        """The job that keeps the cursor where it is: the first that was not parked since it was read."""
        return next(iter(self._new.values()), None)

    def __len__(self) -> int:
        return len(self._new)

    @property
    def new(self) -> list[Job]:
        """The jobs that have not been parked since their events were read."""
        return list(self._new.values())

    @property
    def full(self) -> bool:
        """Whether the events take as many bytes as they may."""
        return self._bytes >= MAX_WINDOW_BYTES

    def filled_by(self, size: int) -> bool:
        """Return whether so many bytes more would fill it."""
        return self._bytes + size >= MAX_WINDOW_BYTES

    @property
    def room(self) -> int:
        """How many more may be read."""
        return 0 if self.full else self.window - len(self._new)

    @property
    def over_park_threshold(self) -> bool:
        """Whether jobs that wait had better do so on disk: a quarter of the window is full."""
        return len(self._new) > self.window // 4

    def add(self, job: Job, *, new: bool) -> None:
        """Add a job; ``new``: its event was not parked."""
        if new:
            self._new[job.event.seq] = job
        self._bytes += job.size

    def remove(self, job: Job) -> bool:
        """Remove a job; return whether its event was new, else it is one of a group's."""
        self._bytes -= job.size
        return self._new.pop(job.event.seq, None) is not None
