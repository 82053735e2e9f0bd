"""One destination's deliveries as a machine without clock, network or disk.

Events go in with ``take``, batches come out of ``due``, their answers go into ``answered``, and what has
to be written down comes out of ``settlement``. Tests drive it through thousands of bad days in seconds.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from forwarder.amplitude.answers import Action, Answer, Decision, read_answer
from forwarder.amplitude.endpoints import Endpoint
from forwarder.delivery.batch import Batch
from forwarder.delivery.breaker import Breaker, Health, backoff_ms
from forwarder.delivery.lanes import PAGE, Lanes
from forwarder.delivery.order import Order
from forwarder.delivery.work import Part, Planner, Work, plan
from forwarder.outcomes import Outcome
from forwarder.spool import Lane, NewDead, Parked, Settlement, Spooled

DAY_MS = 24 * 3600 * 1000
HORIZON_MS = 7 * DAY_MS
"""Amplitude recognises an insert id for so long; later, sending again may count twice."""
TURN_MS = 1_000
PATIENCE_MS = 1_000
"""How long a batch that is due may go on filling while more events are at hand."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a destination is served; times in ms.

    ``linger_ms``: how long an event may wait for company; ``batch_events``: most events per request;
    ``at_once``: requests in flight; ``window``: events in memory; ``budget_ms``: how long an event is
    tried that fails while others succeed; ``timeout_ms``: how long an answer may take.
    """

    linger_ms: int = 50
    batch_events: int = 2000
    at_once: int = 4
    window: int = 10_000
    budget_ms: int = DAY_MS
    timeout_ms: int = 30_000


class Line:
    """See the module. All times are ms since the epoch, given by the caller."""

    def __init__(
        self,
        planner: Planner,
        sources: frozenset[str] | None,
        settings: LineSettings,
        cursor: int,
        chance: random.Random,
    ) -> None:
        self._planner = planner
        self._sources = sources
        self._settings = settings
        self._chance = chance
        self.read_to = cursor
        """The highest seq taken so far."""
        self._written = cursor
        self._aside: set[int] = set()
        self._unfinished: dict[int, None] = {}
        self._order = Order()
        self._open: dict[tuple[Endpoint, float | None, int], Batch] = {}
        self._full: deque[Batch] = deque()
        self._timers: list[tuple[int, int, Work]] = []
        self._pace: dict[str, int] = {}
        self._dead: list[NewDead] = []
        self.lanes = Lanes()
        self.breaker = Breaker(chance)
        self.in_flight = 0
        self.outcomes: Counter[tuple[Outcome, str]] = Counter()
        """Outcomes with reasons since the last ``settlement``'s taker cleared them."""
        self.near_horizon = 0
        """Events whose first try is so old that Amplitude will soon not recognise them."""

    # -- events in

    def resume(self, lanes: Sequence[Lane], aside: set[int]) -> None:
        """Take up where an earlier life ended: lanes it parked, events above the cursor it set aside."""
        self.lanes.resume(lanes)
        self._aside = aside

    def room(self) -> int:
        """Return how many more events may be taken."""
        return self._settings.window - len(self._unfinished)

    def take(self, events: Sequence[Spooled], now: int) -> None:
        """Take events in order of seq."""
        for event in events:
            self.read_to = event.seq
            if event.seq in self._aside:
                continue
            work, filtered = plan(event, self._planner, self._sources)
            self._unfinished[event.seq] = None
            if not work.parts:
                self._finish(work, filtered)
            elif self.lanes and self.lanes.of(work.keys):
                self._park([work], set(work.keys), 0)
            else:
                self._offer(work, now)

    def loads(self, now: int) -> list[tuple[str, int]]:
        """Return the lanes to bring events back from, each with how many."""
        due = self.lanes.due(now) if self._has_space() else []
        return [(lane.name, PAGE) for lane in due[: 1 if self.breaker.probing else None]]

    def _has_space(self) -> bool:
        """Tell whether bringing parked events back makes sense."""
        if self.breaker.probing:
            return not self._unfinished and not self.lanes.busy
        return self._order.waiting <= self._settings.window // 2

    def loaded(self, name: str, rows: Sequence[Parked], now: int) -> None:
        """Take back parked events of a lane; nothing, where the lane was held again meanwhile."""
        lane = self.lanes.named(name)
        if lane is None or lane.resume_at > now or lane.here:
            return
        planned = [plan(row.event, self._planner, self._sources) for row in rows]
        self.lanes.brought(lane, [work for work, _ in planned], now)
        for row, (work, filtered) in zip(rows, planned, strict=True):
            work.restore(row.state)
            if all(part.done for part in work.parts):
                self._finish(work, filtered)
            else:
                self._offer(work, now)

    # -- batches out

    def due(self, now: int, more: bool) -> list[Batch]:
        """Return the batches to send now. ``more``: further events are at hand, so batches may fill."""
        self._wake(now)
        # While the destination is down, what it failed on may be its fault: only the last resort then.
        if len(self._unfinished) >= self._settings.window // (1 if self.breaker.probing else 2):
            self._make_room(now)
        sent: list[Batch] = []
        most = 1 if self.breaker.probing else self._settings.at_once
        while self.in_flight < most and now >= self.breaker.until:
            batch = self._next(now, more and self.room() > 0)
            if batch is None:
                break
            self.in_flight += 1
            sent.append(batch)
        return sent

    def _next(self, now: int, more: bool) -> Batch | None:
        if self._full:
            return self._full.popleft()
        for place, batch in self._open.items():
            if batch.parts and batch.due_at + (PATIENCE_MS if more else 0) <= now:
                batch.full = True
                return self._open.pop(place)
        return None

    def wake_at(self) -> int | None:
        """Return when ``due`` or ``loads`` may have something next without anything else happening."""
        times = [batch.due_at for batch in self._open.values() if batch.parts]
        if self._full:
            times.append(0)
        if self.in_flight >= (1 if self.breaker.probing else self._settings.at_once):
            times = []  # an answer comes first
        times = [max(time, self.breaker.until) for time in times]
        if self._timers:
            times.append(self._timers[0][0])
        if self._has_space():
            times.append(self.lanes.wake_at())
        return min(times, default=None)

    # -- answers in

    def answered(self, batch: Batch, answer: Answer, now: int) -> list[Decision]:
        """Act on the answer to a batch; return the decision for each of its items."""
        self.in_flight -= 1
        decisions = read_answer(batch.endpoint, [part.sent for part in batch.parts], answer)
        self._judge(batch, decisions, now)
        again: list[Work] = []
        index = 0
        for work in batch.works:
            self._order.let_go(work, batch)
            for part in batch.parts[index : index + work.placed]:
                self._decide(work, part, decisions[index], batch, answer, now)
                index += 1
            work.placed = 0
            if all(part.done for part in work.parts):
                self._finish(work, "")
            else:
                again.append(work)
        if again:
            self._order.wait_first(again)
        if any(decision.action is Action.HOLD for decision in decisions) or self._pace:
            self._set_pace(batch, now)
        for work in batch.works:
            self._pull(work.keys, now)
        for work in again:
            if work.ready_at > now:
                self._hold(work)
        return decisions

    def _suspect(self, work: Work) -> bool:
        """Tell whether the event has been failing while others got through: it may be at fault itself."""
        return 0 < work.failing_since < self.breaker.last_good

    def _judge(self, batch: Batch, decisions: Sequence[Decision], now: int) -> None:
        """See what the answer says about the destination as a whole."""
        for decision in decisions[:1]:
            if decision.action is Action.STOP:
                self.breaker.stop(now, decision.reason)
            elif decision.action is Action.RETRY:
                if self.breaker.probing or not all(map(self._suspect, batch.works)):
                    self.breaker.bad(now, decision.reason)
            elif decision.reason == "project throttled":
                self.breaker.pause(now, decision.wait_ms)
            elif decision.reason != "forbidden":
                self.breaker.good(now)

    def _decide(
        self, work: Work, part: Part, decision: Decision, batch: Batch, answer: Answer, now: int
    ) -> None:
        action = decision.action
        if action is Action.TAKEN:
            part.done = True
        elif action is Action.DEAD:
            work.fail(part, decision.reason, answer)
        elif action is Action.HALVE:
            work.level = max(work.level, batch.halved())
        elif action is Action.HOLD and decision.reason != "project throttled":
            work.ready_at = max(work.ready_at, now + decision.wait_ms)
        elif action is Action.RETRY:
            self._retry(work, decision, batch, answer, now)

    def _retry(self, work: Work, decision: Decision, batch: Batch, answer: Answer, now: int) -> None:
        work.tries += 1
        if decision.maybe_taken and not work.maybe_since:
            work.maybe_since = now
        if not work.failing_since:
            work.failing_since = now
        since = max(work.failing_since, self.breaker.recovered_at)
        suspect = self._suspect(work)
        if suspect or self.breaker.probing:  # one of them may be what fails the others
            work.level = max(work.level, batch.halved())
        if self.breaker.last_good > since and now - since > self._settings.budget_ms:
            hours = self._settings.budget_ms / 3_600_000
            work.fail_rest(f"gave up after {hours:g} h: {decision.reason}", answer)
        if work.maybe_since and now - work.maybe_since > HORIZON_MS - DAY_MS:
            self.near_horizon += 1
            if now - work.maybe_since > HORIZON_MS:
                work.fail_rest("sending again may count twice: first tried over 7 days ago", answer)
        if suspect or self.breaker.health is Health.WELL:
            work.ready_at = now + backoff_ms(work.tries, self._chance)
        else:  # the next request to a destination that is down is made of others, where there are any
            work.ready_at = self.breaker.until + TURN_MS

    def _hold(self, work: Work) -> None:
        """Keep an event until its time has come: in memory, or where it came from."""
        if work.lane is None:
            heapq.heappush(self._timers, (work.ready_at, work.event.seq, work))
        else:
            self._set_aside(work)

    # -- order

    def _offer(self, work: Work, now: int) -> None:
        """Put a new event into a batch, or behind those it has to wait for."""
        batch = self._batch(work)
        if self._order.may_join(work, batch) and self._fits_pace(work, batch):
            self._fill(work, batch, now)
        else:
            self._order.wait(work)

    def _pull(self, keys: Sequence[str], now: int) -> None:
        """Put waiting events with these keys into batches, as far as order lets them."""
        for work in self._order.first(keys):
            if work.ready_at > now:
                continue
            batch = self._batch(work)
            if self._order.free(work, batch) and self._fits_pace(work, batch):
                self._order.take_out(work)
                self._fill(work, batch, now)

    def _wake(self, now: int) -> None:
        while self._timers and self._timers[0][0] <= now:
            _, _, work = heapq.heappop(self._timers)
            self._pull(work.keys, now)

    def _batch(self, work: Work) -> Batch:
        """Return the open batch for the event's next part."""
        part = next(part for part in work.parts if not part.done)
        place = (part.endpoint, part.min_id_length, work.level)
        batch = self._open.get(place)
        if batch is not None and not batch.takes(part):
            self._close(batch)
            batch = None
        if batch is None:
            batch = self._open[place] = Batch(part, work.level, self._settings.batch_events)
        return batch

    def _close(self, batch: Batch) -> None:
        batch.full = True
        del self._open[batch.endpoint, batch.min_id_length, batch.level]
        self._full.append(batch)

    def _fill(self, work: Work, batch: Batch, now: int) -> None:
        """Put the event's parts into the batch, as many as may go together."""
        # Lingering counts from acceptance: an event that had to wait for others does not linger again.
        due_at = max(now, min(now, work.event.received_at) + self._settings.linger_ms)
        batch.due_at = min(batch.due_at, due_at) if batch.parts else due_at
        whole = True
        for part in work.parts:
            if part.done:
                continue
            fits = not batch.full and batch.takes(part) and batch.endpoint is part.endpoint
            if not fits or part.min_id_length != batch.min_id_length or (part.after_previous and work.placed):
                whole = False
                break
            batch.add(part)
            work.placed += 1
        batch.works.append(work)
        self._order.hold(work, batch if whole else None)
        if batch.full:
            self._close(batch)

    def _fits_pace(self, work: Work, batch: Batch) -> bool:
        """Tell whether a user or device that was throttled has not too much in the batch already."""
        if not self._pace:
            return True
        for key in work.keys:
            pace = self._pace.get(key)
            if pace is not None and sum(key in other.keys for other in batch.works) >= pace:
                return False
        return True

    def _set_pace(self, batch: Batch, now: int) -> None:
        """Let throttled users and devices send half as many at once, until nothing of them waits."""
        shares = Counter(key for work in batch.works for key in work.keys)
        for work in batch.works:
            if work.ready_at > now:
                self._pace.update((key, max(1, shares[key] // 2)) for key in work.keys)
        for key in shares:
            if key in self._pace and not self._order.waits(key):
                del self._pace[key]

    # -- parking

    def _make_room(self, now: int) -> None:
        """Park events that must wait, with all that wait behind them, where they fill the window."""
        for ready_at, _, work in sorted(self._timers, reverse=True):
            if len(self._unfinished) <= self._settings.window // 4:
                break
            if ready_at > now and work.event.seq in self._unfinished and not work.placed:
                self._set_aside(work)
        self._timers = [timer for timer in self._timers if timer[2].event.seq in self._unfinished]
        heapq.heapify(self._timers)

    def _set_aside(self, work: Work) -> None:
        works, keys = self._order.take_all(work)
        self._park(works, keys, max((one.ready_at for one in works), default=work.ready_at))

    def _park(self, works: Sequence[Work], keys: set[str], resume_at: int) -> None:
        lane = self.lanes.add(keys, resume_at)
        for work in works:
            self.lanes.put(lane, work)
            self._unfinished.pop(work.event.seq, None)

    # -- ends

    def _finish(self, work: Work, filtered: str) -> None:
        seq = work.event.seq
        if work.lane is None:
            del self._unfinished[seq]
        else:
            self.lanes.finished(seq, work.lane)
        if work.reason:
            self._dead.append(work.dead())
            self.outcomes[Outcome.DEAD, work.reason] += 1
        elif filtered:
            self.outcomes[Outcome.FILTERED, filtered] += 1
        else:
            self.outcomes[Outcome.DELIVERED, ""] += 1

    def news(self) -> bool:
        """Tell whether ``settlement`` has something to write."""
        lanes = self.lanes
        return bool(
            self._dead or lanes.park or lanes.unpark or lanes.merge or self._cursor() != self._written
        )

    def _cursor(self) -> int:
        return next(iter(self._unfinished), self.read_to + 1) - 1

    def settlement(self) -> Settlement:
        """Return what has become of events since the last call; the caller writes it."""
        lanes = self.lanes
        settlement = Settlement(
            self._cursor(), list(lanes.park.values()), lanes.unpark, self._dead, lanes.merge
        )
        self._written = settlement.cursor
        lanes.park, lanes.unpark, lanes.merge, self._dead = {}, [], {}, []
        return settlement
