"""One destination's deliveries as a machine without clock, network or disk.

Events go in with ``take``, batches come out of ``due``, their answers go into ``answered``, and what has
to be written down comes out of ``settlement``. Tests drive it through thousands of bad days in seconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence

from forwarder.amplitude.answers import Action, Answer, Decision
from forwarder.delivery.batch import Batch
from forwarder.delivery.batches import Batches
from forwarder.delivery.breaker import backoff_ms
from forwarder.delivery.faults import OUR_FAULT, Faults
from forwarder.delivery.flow import Flow
from forwarder.delivery.judge import Judge
from forwarder.delivery.lanes import REVIVED, Lanes
from forwarder.delivery.line_settings import MOST_LANES, PAGE, PARK_MS, PATIENCE_MS, LineSettings
from forwarder.delivery.memory import Memory
from forwarder.delivery.order import Order
from forwarder.delivery.pace import Pace
from forwarder.delivery.planning import Planner, plan
from forwarder.delivery.progress import Progress
from forwarder.delivery.timers import Timers
from forwarder.delivery.work import Work
from forwarder.faults import fault_of
from forwarder.spool import Lane, NewDead, Parked, Settlement, Spooled

Spent = Callable[[int], bool]
"""Tells whether somebody else should have a turn, after so many bytes more have been written."""


def _never(_: int) -> bool:
    return False


class Line:
    """See the module. All times are ms since the epoch, given by the caller."""

    def __init__(
        self,
        planner: Planner,
        sources: frozenset[str] | None,
        settings: LineSettings,
        cursor: int,
        chance: random.Random,
        faults: Faults | None = None,
    ) -> None:
        """``faults``: what is known of events over which our own code failed, from an earlier line."""
        self.faults = Faults() if faults is None else faults
        self._chance = chance
        self._planner, self._sources = planner, sources
        self._memory = Memory(settings.window)
        self._order = Order()
        self._batches = Batches(settings.batch_events, settings.at_once)
        self._pace = Pace()
        self._flow = Flow(settings.linger_ms)
        self._timers = Timers()
        self._dead: list[NewDead] = []
        self.progress = Progress(cursor)
        self.lanes = Lanes(settings.revive_ms)
        self.judge = Judge(settings.budget_ms, chance)
        self.breaker = self.judge.breaker

    # -- events in

    def resume(self, lanes: Sequence[Lane], aside: set[int]) -> None:
        """Take up where an earlier life ended: lanes it parked, events above the cursor it set aside."""
        self.lanes.resume(lanes)
        self.progress.resume(aside)

    def room(self) -> int:
        """Return how many more events may be taken."""
        if len(self.lanes) >= MOST_LANES and not self.progress.rereading:
            return 0
        return self._memory.room

    def take(self, events: Sequence[Spooled], now: int) -> None:
        """Take events in order of seq."""
        for _ in self.taking(events, now):
            pass

    def taking(self, events: Sequence[Spooled], now: int, spent: Spent = _never) -> Iterator[None]:
        """Take events in order of seq, and yield whenever time for it is ``spent``.

        What finds no room in memory is not taken, and has to be read again.
        """
        self._flow.note(len(events), now)
        for event in events:
            if self._memory.full:
                return
            try:
                size = self._take(event, now)
            except Exception as error:
                self.faults.note_events([event.seq], fault_of(error))
                raise
            if spent(size):
                yield

    def _take(self, event: Spooled, now: int) -> int:
        """Take an event; return the bytes it needs."""
        if not self.progress.read(event.seq):
            return 0
        work, filtered = self._planned(event)
        if self.faults:
            self.faults.apply(work)
        self._memory.add(work, new=True)
        if not work.parts:
            self._finish(work, filtered)
        elif len(self.lanes) and self.lanes.of(work.keys):
            self._park([work], work.keys, 0)
        else:
            self._offer(work, now)
        return work.size

    def _planned(self, event: Spooled) -> tuple[Work, str]:
        if self.faults and self.faults.is_over(event.seq):
            return Work(event, [], (), size=len(event.body)), ""
        return plan(event, self._planner, self._sources)

    def load(self, now: int) -> tuple[str, int] | None:
        """Return a lane to bring events back from, and how many at most; None: nothing now."""
        most = self._space()
        lane = self.lanes.next_due(now) if most > 0 else None
        return None if lane is None else (lane.name, most)

    def _space(self) -> int:
        """Return how many parked events may be brought back."""
        if self._memory.full or self.progress.rereading:
            return 0
        if self.breaker.probing:  # a few of them, and only where nothing else could be tried
            return PAGE if self._batches.idle else 0
        half = self._memory.window // 2
        return 0 if self._order.waiting > half else min(PAGE, half - self.lanes.here)

    def loaded(self, name: str, rows: Sequence[Parked], now: int) -> None:
        """Take back parked events of a lane; nothing, where the lane was held again meanwhile."""
        for _ in self.loading(name, rows, now):
            pass

    def loading(self, name: str, rows: Sequence[Parked], now: int, spent: Spent = _never) -> Iterator[None]:
        """Do what ``loaded`` does, and yield whenever time for it is ``spent``; what finds no room stays."""
        planned: list[tuple[Work, str]] = []
        size = 0
        for row in rows:
            planned.append(self._planned(row.event))
            size += planned[-1][0].size
            if self._memory.filled_by(size):
                break
            if spent(planned[-1][0].size):
                yield
        lane = self.lanes.named(name)
        if lane is None or lane.resume_at > now or lane.here:
            return
        self.lanes.brought(lane, [work for work, _ in planned], now)
        for row, (work, filtered) in zip(rows, planned, strict=False):
            self._memory.add(work, new=False)
            work.restore(row.state, anew=name == REVIVED)
            if self.faults:
                self.faults.apply(work)
            if work.done:
                self._finish(work, filtered)
            elif name == REVIVED and self.lanes.of(work.keys):
                self._park([work], work.keys, 0)
            else:
                self._offer(work, now)

    # -- batches out

    def due(self, now: int, more: bool) -> list[Batch]:
        """Return the batches to send now. ``more``: further events are at hand, so batches may fill."""
        for work in self._timers.due(now):
            self._pull(work, now)
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
        lane_at = self.lanes.wake_at() if self._space() > 0 else None
        return min((at for at in (self._timers.next_at, due_at, lane_at) if at is not None), default=None)

    # -- answers in

    def answered(self, batch: Batch, answer: Answer, now: int) -> list[Decision]:
        """Act on the answer to a batch; return the decision for each of its items.

        Where our own code fails over it, that is a failed try of the batch, and no more.
        """
        try:
            if answer.failure == "fault":
                decisions = self._blamed(batch, answer.body.decode(), now)
            else:
                decisions = self.judge.judge(batch, answer, now)
        except Exception as error:
            decisions = self._blamed(batch, fault_of(error), now)
        self._returned(batch, decisions, now)
        return decisions

    def _blamed(self, batch: Batch, what: str, now: int) -> list[Decision]:
        """Our own code failed over the batch, before or after it was sent."""
        self.faults.note(batch, what)
        for work in batch.works:
            trouble = work.troubled()
            trouble.maybe_since = trouble.maybe_since or now
            if not self.faults.apply(work):
                trouble.ready_at = now + backoff_ms(self.faults.tries(work), self._chance)
        return [Decision(Action.FAULT, f"{OUR_FAULT}: {what}", maybe_taken=True)] * len(batch.parts)

    def _returned(self, batch: Batch, decisions: Sequence[Decision], now: int) -> None:
        """The batch's events have ended, or go again when they may."""
        self._batches.back(batch)
        again: list[Work] = []
        self._order.let_go(batch)
        for work in batch.works:
            work.placed = 0
            if work.done:
                self._finish(work, "")
            else:
                again.append(work)
        if again:
            self._order.wait_first(again)
        if self._pace or any(decision.action is Action.HOLD for decision in decisions):
            self._pace.adapt(batch, self._order, now)
        if self._order.waiting:
            for work in batch.works:
                if self._order.waits(work.keys):
                    self._pull(work, now)
        for work in again:
            if work.ready_at > now:
                self._hold(work, now)

    # -- order

    def _offer(self, work: Work, now: int) -> None:
        """Put a new event into a batch, or behind those it has to wait for."""
        order = self._order
        if (order.waiting and order.waits(work.keys)) or not self._joins(work, now):
            order.wait(work)

    def _pull(self, before: Work, now: int) -> None:
        """Put events that waited for one into batches, as far as order lets them."""
        for work in self._order.first(before.keys):
            if work.ready_at <= now and self._joins(work, now):
                self._order.take_out(work)

    def _joins(self, work: Work, now: int) -> bool:
        """Put an event into a batch if nothing before it is elsewhere; tell whether that is so."""
        batch = self._batches.place_for(work)
        if not self._order.free(work, batch) or not self._pace.fits(work, batch):
            return False
        if batch is None:
            batch = self._batches.begin(work)
        due_at = self._flow.due_at(work.event.received_at, now)
        whole = self._batches.fill(batch, work, due_at)
        self._order.hold(work, batch if whole else None)
        return True

    # -- waiting

    def _hold(self, work: Work, now: int) -> None:
        """Keep an event until its time has come: in memory for a moment, else on disk."""
        if work.lane is None and (work.ready_at - now <= PARK_MS or self.breaker.probing):
            self._timers.add(work)
        else:
            self._set_aside(work)

    def _make_room(self, now: int) -> None:
        """Park events that must wait where they fill memory: those that wait longest first."""
        for work in self._timers.longest_first(now):
            if not self._memory.crowded or len(self.lanes) >= MOST_LANES:
                break
            if work in self._memory and not work.placed:
                self._set_aside(work)
        self._timers.keep(self._memory)

    def _set_aside(self, work: Work) -> None:
        """Park an event with all that wait behind it."""
        works, keys = self._order.take_all(work)
        self._park(works, keys, max((one.ready_at for one in works), default=work.ready_at))

    def _park(self, works: Sequence[Work], keys: Iterable[str], resume_at: int) -> None:
        lane = self.lanes.add(keys, resume_at)
        for work in works:
            self.lanes.put(lane, work)
            if self._memory.remove(work):
                self.progress.aside(work.event.seq)

    # -- ends

    def _finish(self, work: Work, filtered: str) -> None:
        if self.faults:
            self.faults.forget(work.event.seq)
        if not self._memory.remove(work):
            self.lanes.finished(work)
        if work.reason:
            self._dead.append(work.dead())
            self.progress.died(work.event.seq, work.reason)
        else:
            self.progress.ended(work.event.seq, filtered)

    def leave(self) -> None:
        """Park what keeps the cursor before events that have ended, and what has a past of its own.

        So nothing that was taken is sent again after a stop. Only ``settlement`` may follow.
        """
        last = self.progress.last_end()
        for work in [*self._memory.new, *self.lanes.brought_back()]:
            if work.has_past or (work.lane is None and work.event.seq < last):
                self._park([work], work.keys, 0)

    # -- what the watchdog asks

    @property
    def holds_events(self) -> bool:
        """Whether events are in memory."""
        return len(self._memory) > 0 or self.lanes.here > 0

    @property
    def at_rest(self) -> bool:
        """Whether no request is under way and nothing is due at any time."""
        return not self._batches.under_way and self.wake_at() is None

    def first_left(self, now: int) -> int:
        """Return the seq of the event that keeps the cursor, if it may be sent and is in no batch; else 0."""
        work = self._memory.first
        if work is None or self.breaker.probing or now < self.breaker.until or work.ready_at > now:
            return 0
        return 0 if work in self._batches else work.event.seq

    def news(self) -> bool:
        """Tell whether ``settlement`` has something to write."""
        return self.progress.advance() or bool(self._dead) or self.lanes.changed

    def settlement(self) -> Settlement:
        """Return what has become of events since the last call; the caller writes it."""
        self.progress.advance()
        park, unpark, merge = self.lanes.changes()
        dead, self._dead = self._dead, []
        return Settlement(self.progress.cursor, park, unpark, dead, merge, self.progress.settled())
