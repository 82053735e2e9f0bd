"""What an answer means for the events of a batch and for the destination as a whole."""

from __future__ import annotations

import random
from itertools import islice

from forwarder.amplitude.answers import TAKEN, Action, Answer, Decision, is_taken, read_answer
from forwarder.delivery.batch import Batch
from forwarder.delivery.breaker import Breaker, Health, backoff_ms
from forwarder.delivery.work import Part, Work

TURN_MS = 1_000


class Judge:
    """One destination's. ``budget_ms``: how long an event is tried that fails while others succeed."""

    def __init__(self, budget_ms: int, chance: random.Random) -> None:
        self._budget_ms = budget_ms
        self._chance = chance
        self.breaker = Breaker(chance)
        self.near_horizon = 0
        """Failed tries of events which Amplitude will soon not recognise any more."""

    def judge(self, batch: Batch, answer: Answer, now: int) -> list[Decision]:
        """Note what the answer means; return the decision for each item of the batch."""
        if is_taken(batch.endpoint, answer):
            self.breaker.good(now)
            for part in batch.parts:
                part.done = True
            return [TAKEN] * len(batch.parts)
        decisions = read_answer(batch.endpoint, [part.sent for part in batch.parts], answer)
        self._of_destination(batch, decisions[0], now)
        pairs = zip(batch.parts, decisions, strict=True)
        for work in batch.works:
            for part, decision in islice(pairs, work.placed):
                self._of_part(work, part, decision, batch, answer, now)
            if decisions[0].action is Action.RETRY:
                self._of_failure(work, decisions[0], batch, answer, now)
        return decisions

    def _of_destination(self, batch: Batch, decision: Decision, now: int) -> None:
        breaker = self.breaker
        if decision.action is Action.STOP:
            breaker.stop(now, decision.reason)
        elif decision.action is Action.PAUSE:
            breaker.pause(now, decision.wait_ms)
        elif decision.action is not Action.RETRY:
            breaker.good(now)
        elif breaker.probing or not all(map(self._suspect, batch.works)):
            breaker.bad(now, decision.reason, innocent=decision.innocent)

    def _suspect(self, work: Work) -> bool:
        """Tell whether the event has been failing while others got through: it may be at fault itself."""
        return work.trouble is not None and 0 < work.trouble.failing_since < self.breaker.last_good

    def _of_part(
        self, work: Work, part: Part, decision: Decision, batch: Batch, answer: Answer, now: int
    ) -> None:
        """Do what is decided of one item. Else it goes again when it may: RESEND, STOP, PAUSE, RETRY."""
        if decision.action is Action.DEAD:
            work.fail(part, decision.reason, answer)
        elif decision.action is Action.HALVE:
            trouble = work.troubled()
            trouble.level = max(trouble.level, batch.halved())
        elif decision.action is Action.HOLD:
            trouble = work.troubled()
            trouble.ready_at = max(trouble.ready_at, now + decision.wait_ms)

    def _of_failure(self, work: Work, decision: Decision, batch: Batch, answer: Answer, now: int) -> None:
        """After a failed try the event is given up, or waits, or the destination as a whole does."""
        trouble, breaker = work.troubled(), self.breaker
        trouble.failed(decision, now, breaker.last_good)
        self.near_horizon += trouble.near_horizon(now)
        if why := trouble.over(decision, now, self._budget_ms):
            work.fail_rest(why, answer)
            return
        suspect = self._suspect(work)
        if decision.innocent and not suspect:
            return  # the destination waits
        if suspect or breaker.probing:
            trouble.level = max(trouble.level, batch.halved())  # one of them may be what fails the others
        if suspect or breaker.health is Health.WELL:
            trouble.ready_at = now + backoff_ms(trouble.tries, self._chance)
        else:  # the next request to a destination that is down is made of others, where there are any
            trouble.ready_at = breaker.until + TURN_MS
