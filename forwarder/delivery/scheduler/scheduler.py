"""One destination's deliveries as a machine without clock, network or disk.

Events go in with ``take``, batches come out of ``due``, their answers go into ``answered``, and what has
to be written down comes out of ``settlement``. Tests drive it through thousands of bad days in seconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence

from forwarder.amplitude.wire.responses import Action, Decision, UpstreamResponse
from forwarder.delivery.faults import OUR_FAULT, Faults
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.batching import Batching
from forwarder.delivery.scheduler.checkpoint import Checkpoint
from forwarder.delivery.scheduler.circuit_breaker import backoff_ms
from forwarder.delivery.scheduler.delay_queue import DelayQueue
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.linger import LingerPolicy
from forwarder.delivery.scheduler.ordering import KeyOrder
from forwarder.delivery.scheduler.parking import REDRIVEN, Parking
from forwarder.delivery.scheduler.planning import Planner, plan_job
from forwarder.delivery.scheduler.retry_policy import RetryPolicy
from forwarder.delivery.scheduler.settings import (
    LOAD_EVENTS,
    MAX_GROUPS,
    PARK_MS,
    PATIENCE_MS,
    SchedulerSettings,
)
from forwarder.delivery.scheduler.throttle import KeyThrottle
from forwarder.delivery.scheduler.window import Window
from forwarder.faults import fault_of
from forwarder.spool import MessageGroup, NewDead, Parked, Settlement, StoredEvent
from forwarder.spool.suppression import NOBODY, Suppression

Spent = Callable[[int], bool]
"""Tells whether somebody else should have a turn, after so many bytes more have been written."""


def _never(_: int) -> bool:
    return False


class Scheduler:
    """See the module. All times are ms since the epoch, given by the caller."""

    def __init__(
        self,
        planner: Planner,
        sources: frozenset[str] | None,
        settings: SchedulerSettings,
        cursor: int,
        chance: random.Random,
        faults: Faults | None = None,
        suppression: Suppression = NOBODY,
    ) -> None:
        """``faults``: what is known of events over which our own code failed, from an earlier line.

        ``suppression``: the deleted users, whose events are passed over.
        """
        self._suppression = suppression
        self.faults = Faults() if faults is None else faults
        self._chance = chance
        self._planner, self._sources = planner, sources
        self._window = Window(settings.window)
        self._order = KeyOrder()
        self._batches = Batching(settings.batch_events, settings.at_once)
        self._throttle = KeyThrottle()
        self._linger = LingerPolicy(settings.linger_ms)
        self._delayed = DelayQueue()
        self._dead: list[NewDead] = []
        self.checkpoint = Checkpoint(cursor)
        self.parking = Parking(settings.redrive_ms)
        self.retry_policy = RetryPolicy(settings.budget_ms, chance)
        self.breaker = self.retry_policy.breaker

    # -- events in

    def resume(self, groups: Sequence[MessageGroup], aside: set[int]) -> None:
        """Take up where an earlier life ended: groups it parked, events above the cursor it set aside."""
        self.parking.resume(groups)
        self.checkpoint.resume(aside)

    def room(self) -> int:
        """Return how many more events may be taken."""
        if len(self.parking) >= MAX_GROUPS and not self.checkpoint.rereading:
            return 0
        return self._window.room

    def take(self, events: Sequence[StoredEvent], now: int) -> None:
        """Take events in order of seq."""
        for _ in self.taking(events, now):
            pass

    def taking(self, events: Sequence[StoredEvent], now: int, spent: Spent = _never) -> Iterator[None]:
        """Take events in order of seq, and yield whenever time for it is ``spent``.

        What finds no room in memory is not taken, and has to be read again.
        """
        self._linger.record_arrivals(len(events), now)
        for event in events:
            if self._window.full:
                return
            try:
                size = self._take(event, now)
            except Exception as error:
                self.faults.note_events([event.seq], fault_of(error))
                raise
            if spent(size):
                yield

    def _take(self, event: StoredEvent, now: int) -> int:
        """Take an event; return the bytes it needs."""
        if not self.checkpoint.read(event.seq):
            return 0
        work, filtered = self._planned(event)
        if self.faults:
            self.faults.apply(work)
        self._window.add(work, new=True)
        if not work.items:
            self._finish(work, filtered)
        elif len(self.parking) and self.parking.group_for(work.keys):
            self._park([work], work.keys, 0)
        else:
            self._enqueue(work, now)
        return work.size

    def _planned(self, event: StoredEvent) -> tuple[Job, str]:
        if self.faults and self.faults.is_over(event.seq):
            return Job(event, [], (), size=len(event.body)), ""
        return plan_job(event, self._planner, self._sources, self._suppression)

    def load(self, now: int) -> tuple[str, int] | None:
        """Return a group to bring events back from, and how many at most; None: nothing now."""
        most = self._space()
        group = self.parking.next_due(now) if most > 0 else None
        return None if group is None else (group.name, most)

    def _space(self) -> int:
        """Return how many parked events may be brought back."""
        if self._window.full or self.checkpoint.rereading:
            return 0
        if self.breaker.probing:  # a few of them, and only where nothing else could be tried
            return LOAD_EVENTS if self._batches.idle else 0
        half = self._window.window // 2
        return 0 if self._order.waiting > half else min(LOAD_EVENTS, half - self.parking.loaded_events)

    def loaded(self, name: str, rows: Sequence[Parked], now: int) -> None:
        """Take back parked events of a group; nothing, where the group was held again meanwhile."""
        for _ in self.loading(name, rows, now):
            pass

    def loading(self, name: str, rows: Sequence[Parked], now: int, spent: Spent = _never) -> Iterator[None]:
        """Do what ``loaded`` does, and yield whenever time for it is ``spent``; what finds no room stays."""
        planned: list[tuple[Job, str]] = []
        size = 0
        for row in rows:
            planned.append(self._planned(row.event))
            size += planned[-1][0].size
            if self._window.filled_by(size):
                break
            if spent(planned[-1][0].size):
                yield
        group = self.parking.group_named(name)
        if group is None or group.resume_at > now or group.in_memory:
            return
        self.parking.loaded(group, [work for work, _ in planned], now)
        for row, (work, filtered) in zip(rows, planned, strict=False):
            self._window.add(work, new=False)
            work.restore(row.state, anew=name == REDRIVEN)
            if self.faults:
                self.faults.apply(work)
            if work.done:
                self._finish(work, filtered)
            elif name == REDRIVEN and self.parking.group_for(work.keys):
                self._park([work], work.keys, 0)
            else:
                self._enqueue(work, now)

    # -- batches out

    def due(self, now: int, more: bool) -> list[Batch]:
        """Return the batches to send now. ``more``: further events are at hand, so batches may fill."""
        for work in self._delayed.due(now):
            self._start_waiting(work, now)
        if self.room() <= 0:
            self._make_room(now)
        patience = PATIENCE_MS if more and self.room() > 0 else 0
        sent: list[Batch] = []
        while now >= self.breaker.until:
            batch = self._batches.next(now, patience, alone=self.breaker.probing)
            if batch is None:
                break
            sent.append(batch)
        return sent

    def wake_at(self) -> int | None:
        """Return when ``due`` or ``load`` may have something next without anything else happening."""
        due_at = self._batches.due_at(alone=self.breaker.probing)
        if due_at is not None:
            due_at = max(due_at, self.breaker.until)
        group_at = self.parking.wake_at() if self._space() > 0 else None
        return min((at for at in (self._delayed.next_at, due_at, group_at) if at is not None), default=None)

    # -- answers in

    def answered(self, batch: Batch, answer: UpstreamResponse, now: int) -> list[Decision]:
        """Act on the answer to a batch; return the decision for each of its items.

        Where our own code fails over it, that is a failed try of the batch, and no more.
        """
        try:
            if answer.failure == "fault":
                decisions = self._blamed(batch, answer.body.decode(), now)
            else:
                decisions = self.retry_policy.apply(batch, answer, now)
        except Exception as error:
            decisions = self._blamed(batch, fault_of(error), now)
        self._returned(batch, decisions, now)
        return decisions

    def _blamed(self, batch: Batch, what: str, now: int) -> list[Decision]:
        """Our own code failed over the batch, before or after it was sent."""
        self.faults.note(batch, what)
        for work in batch.jobs:
            trouble = work.retry_state()
            trouble.uncertain_since = trouble.uncertain_since or now
            if not self.faults.apply(work):
                trouble.ready_at = now + backoff_ms(self.faults.tries(work), self._chance)
        return [Decision(Action.FAULT, f"{OUR_FAULT}: {what}", maybe_taken=True)] * len(batch.job_items)

    def _returned(self, batch: Batch, decisions: Sequence[Decision], now: int) -> None:
        """The batch's events have ended, or go again when they may."""
        self._batches.complete(batch)
        again: list[Job] = []
        self._order.release(batch)
        for work in batch.jobs:
            work.placed = 0
            if work.done:
                self._finish(work, "")
            else:
                again.append(work)
        if again:
            self._order.requeue_front(again)
        if self._throttle or any(decision.action is Action.HOLD for decision in decisions):
            self._throttle.adapt(batch, self._order, now)
        if self._order.waiting:
            for work in batch.jobs:
                if self._order.has_waiting(work.keys):
                    self._start_waiting(work, now)
        for work in again:
            if work.ready_at > now:
                self._delay(work, now)

    # -- order

    def _enqueue(self, work: Job, now: int) -> None:
        """Put a new event into a batch, or behind those it has to wait for."""
        order = self._order
        if (order.waiting and order.has_waiting(work.keys)) or not self._try_batch(work, now):
            order.enqueue(work)

    def _start_waiting(self, before: Job, now: int) -> None:
        """Put events that waited for one into batches, as far as order lets them."""
        for work in self._order.heads(before.keys):
            if work.ready_at <= now and self._try_batch(work, now):
                self._order.dequeue(work)

    def _try_batch(self, work: Job, now: int) -> bool:
        """Put an event into a batch if nothing before it is elsewhere; tell whether that is so."""
        batch = self._batches.find_open(work)
        if not self._order.is_free(work, batch) or not self._throttle.fits(work, batch):
            return False
        if batch is None:
            batch = self._batches.open_for(work)
        due_at = self._linger.due_at(work.event.received_at, now)
        whole = self._batches.add(batch, work, due_at)
        self._order.acquire(work, batch if whole else None)
        return True

    # -- waiting

    def _delay(self, work: Job, now: int) -> None:
        """Keep an event until its time has come: in memory for a moment, else on disk."""
        if work.group is None and (work.ready_at - now <= PARK_MS or self.breaker.probing):
            self._delayed.add(work)
        else:
            self._set_aside(work)

    def _make_room(self, now: int) -> None:
        """Park events that must wait where they fill memory: those that wait longest first."""
        for work in self._delayed.longest_first(now):
            if not self._window.over_park_threshold or len(self.parking) >= MAX_GROUPS:
                break
            if work in self._window and not work.placed:
                self._set_aside(work)
        self._delayed.keep(self._window)

    def _set_aside(self, work: Job) -> None:
        """Park an event with all that wait behind it."""
        works, keys = self._order.drain(work)
        self._park(works, keys, max((one.ready_at for one in works), default=work.ready_at))

    def _park(self, works: Sequence[Job], keys: Iterable[str], resume_at: int) -> None:
        group = self.parking.add(keys, resume_at)
        for work in works:
            self.parking.park(group, work)
            if self._window.remove(work):
                self.checkpoint.set_aside(work.event.seq)

    # -- ends

    def _finish(self, work: Job, filtered: str) -> None:
        if self.faults:
            self.faults.forget(work.event.seq)
        if not self._window.remove(work):
            self.parking.finished(work)
        if work.reason:
            self._dead.append(work.dead())
            self.checkpoint.dead_lettered(work.event.seq, work.reason)
        else:
            self.checkpoint.ended(work.event.seq, filtered)

    def park_unfinished(self) -> None:
        """Park what keeps the cursor before events that have ended, and what has a past of its own.

        So nothing that was taken is sent again after a stop. Only ``settlement`` may follow.
        """
        last = self.checkpoint.last_end()
        for work in [*self._window.new, *self.parking.in_memory()]:
            if work.has_past or (work.group is None and work.event.seq < last):
                self._park([work], work.keys, 0)

    # -- what the watchdog asks

    @property
    def holds_events(self) -> bool:
        """Whether events are in memory."""
        return len(self._window) > 0 or self.parking.loaded_events > 0

    @property
    def at_rest(self) -> bool:
        """Whether no request is under way and no event has its time; an operator's may come all the same."""
        return self._batches.idle and self._delayed.next_at is None and self.parking.at_rest

    def first_left(self, now: int) -> int:
        """Return the seq of the event that keeps the cursor, if it may be sent and is in no batch; else 0."""
        work = self._window.first
        if work is None or self.breaker.probing or now < self.breaker.until or work.ready_at > now:
            return 0
        return 0 if work in self._batches else work.event.seq

    def has_news(self) -> bool:
        """Tell whether ``settlement`` has something to write."""
        return self.checkpoint.advance() or bool(self._dead) or self.parking.changed

    def settlement(self) -> Settlement:
        """Return what has become of events since the last call; the caller writes it."""
        self.checkpoint.advance()
        park, unpark, merge = self.parking.changes()
        dead, self._dead = self._dead, []
        return Settlement(self.checkpoint.cursor, park, unpark, dead, merge, self.checkpoint.drain_counts())
