"""Where each job is until it ends, in memory or parked, and what the spool has yet to learn of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.faults import Faults
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.checkpoint import Checkpoint
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.parking import Parking
from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.delivery.scheduler.window import Window
from forwarder.spool import MessageGroup, NewDead, Settlement
from forwarder.spool.history import MOST_ANSWER, SentBatch, spans_of


class JobTracker:
    """The tracker of one destination's jobs: window, parked groups, checkpoint and new dead letters."""

    def __init__(self, settings: SchedulerSettings, cursor: int, faults: Faults) -> None:
        """``cursor``: the destination's in the spool; ``faults``: those of events that end are forgotten."""
        self.window = Window(settings.window)
        self.parking = Parking(settings.redrive_ms)
        self.checkpoint = Checkpoint(cursor)
        self._dead: list[NewDead] = []
        self._sent: list[SentBatch] = []
        self._faults = faults

    def resume(self, groups: Sequence[MessageGroup], aside: set[int]) -> None:
        """Go on where an earlier run ended: groups it parked, events above the cursor it set aside."""
        self.parking.resume(groups)
        self.checkpoint.resume(aside)

    def park(self, jobs: Sequence[Job], keys: Iterable[str], resume_at: int) -> None:
        """Park jobs in the group of these ordering keys until ``resume_at``, ms since the epoch."""
        group = self.parking.add(keys, resume_at)
        for job in jobs:
            self.parking.park(group, job)
            if self.window.remove(job):
                self.checkpoint.set_aside(job.event.seq)

    def finish(self, job: Job, filtered: str = "") -> None:
        """Note that a job has ended: dead, ``filtered`` for a reason, or else delivered."""
        if self._faults:
            self._faults.forget(job.event.seq)
        if not self.window.remove(job):
            self.parking.finished(job)
        if job.reason:
            self._dead.append(job.dead())
            self.checkpoint.dead_lettered(job.event.seq, job.reason)
        else:
            self.checkpoint.ended(job.event.seq, filtered)

    def note_sent(self, batch: Batch, answer: UpstreamResponse, now: int) -> None:
        """Note that a batch was answered, for history. ``now``: ms since the epoch."""
        self._sent.append(
            SentBatch(
                batch.endpoint.value,
                batch.sent_at,
                now,
                answer.status,
                answer.failure,
                answer.body[:MOST_ANSWER],
                len(batch.items),
                spans_of(job.event.seq for job in batch.jobs),
            )
        )

    def park_unfinished(self) -> None:
        """Park what keeps the cursor before events that have ended, and what may have been sent.

        So nothing that was accepted by Amplitude is sent again after a stop. Only ``settlement`` may follow.
        """
        last = self.checkpoint.last_end()
        for job in [*self.window.new, *self.parking.in_memory()]:
            if job.has_past or (job.group is None and job.event.seq < last):
                self.park([job], job.keys, 0)

    def has_news(self) -> bool:
        """Return whether ``settlement`` has something to write."""
        return self.checkpoint.advance() or bool(self._dead or self._sent) or self.parking.changed

    def settlement(self) -> Settlement:
        """Return what has become of events since the last call; the caller writes it."""
        self.checkpoint.advance()
        park, unpark, merge = self.parking.changes()
        dead, self._dead = self._dead, []
        sent, self._sent = self._sent, []
        ended, ends = self.checkpoint.drain_counts(), self.checkpoint.drain_ends()
        return Settlement(self.checkpoint.cursor, park, unpark, dead, merge, ended, ends, sent)
