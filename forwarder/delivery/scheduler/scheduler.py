"""The order and the time of one destination's requests, as a machine without clock, network or disk.

Events go in through ``loader``, batches come out of ``due``, their responses go into ``answered``, and what
has to be written down comes out of ``settlement``. Tests drive it through thousands of bad days in seconds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from forwarder.amplitude.wire.responses import Action, Decision, UpstreamResponse
from forwarder.delivery.faults import OUR_FAULT, Faults
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.circuit_breaker import backoff_ms
from forwarder.delivery.scheduler.delay_queue import DelayQueue
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.loader import JobLoader
from forwarder.delivery.scheduler.planning import JobPlanner, Planner
from forwarder.delivery.scheduler.queue import JobQueue
from forwarder.delivery.scheduler.retry_policy import RetryPolicy
from forwarder.delivery.scheduler.settings import (
    MAX_GROUPS,
    PARK_MS,
    PATIENCE_MS,
    SchedulerSettings,
)
from forwarder.delivery.scheduler.tracker import JobTracker
from forwarder.faults import fault_of
from forwarder.spool import MessageGroup, Settlement
from forwarder.spool.suppression import NOBODY, Suppression


class Scheduler:
    """The scheduler of one destination. All times are ms since the epoch, given by the caller."""

    def __init__(
        self,
        planner: Planner,
        sources: frozenset[str] | None,
        settings: SchedulerSettings,
        cursor: int,
        rng: random.Random,
        faults: Faults | None = None,
        suppression: Suppression = NOBODY,
    ) -> None:
        """``faults``: what is known of events over which our own code failed, from an earlier scheduler.

        ``suppression``: the deleted users, whose events are passed over.
        """
        self.faults = Faults() if faults is None else faults
        self._rng = rng
        self._queue = JobQueue(settings)
        self._delayed = DelayQueue()
        self._tracker = JobTracker(settings, cursor, self.faults)
        self.checkpoint = self._tracker.checkpoint
        self.parking = self._tracker.parking
        self.retry_policy = RetryPolicy(settings.budget_ms, rng)
        self.breaker = self.retry_policy.breaker
        self.loader = JobLoader(
            JobPlanner(planner, sources, suppression, self.faults), self._tracker, self._queue, self.breaker
        )

    def resume(self, groups: Sequence[MessageGroup], aside: set[int]) -> None:
        """Go on where an earlier run ended: groups it parked, events above the cursor it set aside."""
        self._tracker.resume(groups, aside)

    # -- batches out

    def due(self, now: int, more: bool) -> list[Batch]:
        """Return the batches to send now. ``more``: further events are at hand, so batches may fill."""
        for job in self._delayed.due(now):
            self._queue.start_waiting(job, now)
        if self.loader.room() <= 0:
            self._make_room(now)
        patience = PATIENCE_MS if more and self.loader.room() > 0 else 0
        sent: list[Batch] = []
        while now >= self.breaker.until:
            batch = self._queue.batches.next(now, patience, alone=self.breaker.probing)
            if batch is None:
                break
            batch.sent_at = now
            sent.append(batch)
        return sent

    def wake_at(self) -> int | None:
        """Return when ``due`` or ``loader.load`` may have something next without anything else happening."""
        due_at = self._queue.batches.due_at(alone=self.breaker.probing)
        if due_at is not None:
            due_at = max(due_at, self.breaker.until)
        group_at = self.parking.wake_at() if self.loader.parked_room() > 0 else None
        return min((at for at in (self._delayed.next_at, due_at, group_at) if at is not None), default=None)

    # -- responses in

    def answered(self, batch: Batch, answer: UpstreamResponse, now: int) -> list[Decision]:
        """Act on the response to a batch; return the decision for each of its items.

        Where our own code fails over it, that is a failed try of the batch, and no more.
        """
        try:
            if answer.failure == "fault":
                decisions = self._blamed(batch, answer.body.decode(), now)
            else:
                decisions = self.retry_policy.apply(batch, answer, now)
        except Exception as error:
            decisions = self._blamed(batch, fault_of(error), now)
        self._tracker.note_sent(batch, answer, now)
        self._returned(batch, decisions, now)
        return decisions

    def _blamed(self, batch: Batch, what: str, now: int) -> list[Decision]:
        """Note that our own code failed over the batch, before or after it was sent."""
        self.faults.note(batch, what)
        for job in batch.jobs:
            retry = job.retry_state()
            retry.uncertain_since = retry.uncertain_since or now
            if not self.faults.apply(job):
                retry.ready_at = now + backoff_ms(self.faults.tries(job), self._rng)
        return [Decision(Action.FAULT, f"{OUR_FAULT}: {what}", may_be_accepted=True)] * len(batch.items)

    def _returned(self, batch: Batch, decisions: Sequence[Decision], now: int) -> None:
        """End the batch's jobs, or have them sent again when they may."""
        again: list[Job] = []
        for job in batch.jobs:
            job.placed = 0
            if job.done:
                self._tracker.finish(job)
            else:
                again.append(job)
        held = any(decision.action is Action.HOLD for decision in decisions)
        self._queue.complete(batch, again, now, held=held)
        for job in again:
            if job.ready_at > now:
                self._delay(job, now)

    # -- waiting

    def _delay(self, job: Job, now: int) -> None:
        """Keep a job until its time has come: in memory for a moment, else on disk."""
        if job.group is None and (job.ready_at - now <= PARK_MS or self.breaker.probing):
            self._delayed.add(job)
        else:
            self._set_aside(job)

    def _make_room(self, now: int) -> None:
        """Park jobs that must wait where they fill memory: those that wait longest first."""
        for job in self._delayed.longest_first(now):
            if not self._tracker.window.over_park_threshold or len(self.parking) >= MAX_GROUPS:
                break
            if job in self._tracker.window and not job.placed:
                self._set_aside(job)
        self._delayed.keep(self._tracker.window)

    def _set_aside(self, job: Job) -> None:
        """Park a job with all that wait behind it."""
        jobs, keys = self._queue.order.drain(job)
        self._tracker.park(jobs, keys, max((one.ready_at for one in jobs), default=job.ready_at))

    # -- what the spool has to learn

    def park_unfinished(self) -> None:
        """Do as ``JobTracker.park_unfinished``, at the end."""
        self._tracker.park_unfinished()

    def has_news(self) -> bool:
        """Return whether ``settlement`` has something to write."""
        return self._tracker.has_news()

    def settlement(self) -> Settlement:
        """Return what has become of events since the last call; the caller writes it."""
        return self._tracker.settlement()

    # -- what the watchdog asks

    @property
    def holds_events(self) -> bool:
        """Whether events are in memory."""
        return len(self._tracker.window) > 0 or self.parking.loaded_events > 0

    @property
    def at_rest(self) -> bool:
        """Whether no request is under way and no event has its time; an operator's may come all the same."""
        return self._queue.batches.idle and self._delayed.next_at is None and self.parking.at_rest

    def first_left(self, now: int) -> int:
        """Return the seq of the event that keeps the cursor, if it may be sent and is in no batch; else 0."""
        job = self._tracker.window.first
        if job is None or self.breaker.probing or now < self.breaker.until or job.ready_at > now:
            return 0
        return 0 if job in self._queue.batches else job.event.seq
