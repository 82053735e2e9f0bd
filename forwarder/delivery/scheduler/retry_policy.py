"""What an answer means for the events of a batch and for the destination as a whole."""

from __future__ import annotations

import random
from itertools import islice

from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.responses import (
    ACCEPTED,
    Action,
    Decision,
    UpstreamResponse,
    is_accepted,
    read_response,
)
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.circuit_breaker import CircuitBreaker, CircuitState, backoff_ms
from forwarder.delivery.scheduler.job import Job

REGROUP_MS = 1_000
"""How long beyond the next probe the jobs of a failed batch wait: others make up that probe, if there are."""


class RetryPolicy:
    """The retry policy of one destination: what a response means for its jobs and its circuit breaker.

    ``budget_ms``: how long a job is tried that fails while others succeed.
    """

    def __init__(self, budget_ms: int, rng: random.Random) -> None:
        self._budget_ms = budget_ms
        self._rng = rng
        self.breaker = CircuitBreaker(rng)
        self.near_expiry = 0
        """Failed tries of events which Amplitude will soon not recognise any more."""

    def apply(self, batch: Batch, answer: UpstreamResponse, now: int) -> list[Decision]:
        """Note what the answer means; return the decision for each item of the batch."""
        if is_accepted(batch.endpoint, answer):
            self.breaker.good(now)
            for item in batch.items:
                item.done = True
            return [ACCEPTED] * len(batch.items)
        decisions = read_response(batch.endpoint, batch.items, answer)
        self._apply_to_destination(batch, decisions[0], now)
        pairs = zip(batch.items, decisions, strict=True)
        for job in batch.jobs:
            for item, decision in islice(pairs, job.placed):
                self._apply_to_item(job, item, decision, batch, answer, now)
            if decisions[0].action is Action.RETRY:
                self._apply_failure(job, decisions[0], batch, answer, now)
        return decisions

    def _apply_to_destination(self, batch: Batch, decision: Decision, now: int) -> None:
        breaker = self.breaker
        if decision.action is Action.STOP:
            breaker.stop(now, decision.reason)
        elif decision.action is Action.PAUSE:
            breaker.pause(now, decision.wait_ms)
        elif decision.action is not Action.RETRY:
            breaker.good(now)
        elif breaker.probing or not all(map(self._is_suspect, batch.jobs)):
            breaker.bad(now, decision.reason, destination_fault=decision.destination_fault)

    def _is_suspect(self, job: Job) -> bool:
        """Return whether the event has been failing while others got through: it may be at fault itself."""
        return job.retry is not None and 0 < job.retry.failing_since < self.breaker.last_good

    def _apply_to_item(
        self, job: Job, item: Item, decision: Decision, batch: Batch, answer: UpstreamResponse, now: int
    ) -> None:
        """Do what is decided of one item. Else it goes again when it may: RESEND, STOP, PAUSE, RETRY."""
        if decision.action is Action.DEAD:
            job.fail(item, decision.reason, answer)
        elif decision.action is Action.HALVE:
            job.retry_state().split_level = batch.next_split_level()
        elif decision.action is Action.HOLD:
            retry = job.retry_state()
            retry.ready_at = max(retry.ready_at, now + decision.wait_ms)

    def _apply_failure(
        self, job: Job, decision: Decision, batch: Batch, answer: UpstreamResponse, now: int
    ) -> None:
        """After a failed try the event is given up, or waits, or the destination as a whole does."""
        retry, breaker = job.retry_state(), self.breaker
        retry.failed(decision, now, breaker.last_good)
        self.near_expiry += retry.near_dedup_expiry(now)
        if why := retry.give_up_reason(decision, now, self._budget_ms):
            job.fail_rest(why, answer)
            return
        suspect = self._is_suspect(job)
        if decision.destination_fault and not suspect:
            return  # the destination waits
        if suspect or breaker.probing:
            retry.split_level = batch.next_split_level()  # one of them may be what fails the others
        if suspect or breaker.health is CircuitState.WELL:
            retry.ready_at = now + backoff_ms(retry.tries, self._rng)
        else:  # the next request to a destination that is down is made of others, where there are any
            retry.ready_at = breaker.until + REGROUP_MS
