"""The sending of one batch: the request, the response, and what is counted and logged of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import httpx
import structlog

from forwarder import metrics
from forwarder.amplitude.wire.requests import Keys, encode
from forwarder.amplitude.wire.responses import Action, Decision, UpstreamResponse
from forwarder.delivery.client import post_request
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.circuit_breaker import CircuitState
from forwarder.delivery.scheduler.planning import Planner
from forwarder.delivery.scheduler.retry_policy import RetryPolicy
from forwarder.faults import fault_of

OUR_FAULT = "our own code failed, and delivery goes on"
STATUSES = range(100, 600)
"""Statuses that a metric tells apart; an answer may have any number."""


async def send_batch(http: httpx.AsyncClient, to: Planner, batch: Batch, timeout_ms: int) -> UpstreamResponse:
    """Send the batch and return the answer; where our own code fails over it, one that says so."""
    keys = Keys(to.api_key, to.secret_key)
    try:
        body = encode(batch.endpoint, batch.items, batch.min_id_length, keys)
        return await post_request(http, to.url(batch.endpoint), body, timeout_ms / 1000, keys)
    except Exception as error:
        return UpstreamResponse(0, fault_of(error).encode(), "fault")


class ResponseRecorder:
    """The recorder of a destination's responses in metrics and log. ``wall``: ms since the epoch."""

    def __init__(self, name: str, wall: Callable[[], int], log: structlog.stdlib.BoundLogger) -> None:
        self._name = name
        self._wall = wall
        self._log = log
        self._health = CircuitState.WELL

    def fault(self, where: str, what: str) -> None:
        """Count and log that our own code failed; ``where``: a name of ours, ``what``: type and place."""
        metrics.FAULTS.add(self._name, where)
        self._log.error(OUR_FAULT, where=where, fault=what)

    def answered(
        self, batch: Batch, answer: UpstreamResponse, decisions: Sequence[Decision], retry_policy: RetryPolicy
    ) -> None:
        """Count and log an answer: its status and our own words for it, for its text may name people."""
        first = decisions[0]
        endpoint = batch.endpoint.name.lower()
        status = answer.status if answer.status in STATUSES else "other"
        metrics.REQUESTS.add(self._name, endpoint, answer.failure or status)
        if first.action is Action.ACCEPTED:
            received_at = min(job.event.received_at for job in batch.jobs)
            metrics.LATENCY.add(self._name, max(0, self._wall() - received_at) / 1000)
        elif first.action is Action.FAULT:
            self.fault("post", first.reason.partition(": ")[2])
        else:
            self._log.warning(
                "not all was taken",
                endpoint=endpoint,
                items=len(batch.items),
                answer=answer.failure or answer.status,
                error=answer.body[:200].decode("utf-8", "replace") if answer.failure else None,
                why=dict(Counter(label_of(one) for one in decisions if one.action is not Action.ACCEPTED)),
            )
        if retry_policy.near_expiry:
            metrics.NEAR_EXPIRY.add(self._name, count=retry_policy.near_expiry)
            self._log.warning(
                "events near Amplitude's 7 days; later they would count twice",
                events=retry_policy.near_expiry,
            )
            retry_policy.near_expiry = 0
        if retry_policy.breaker.health is not self._health:
            self._health = retry_policy.breaker.health
            say = self._log.info if self._health is CircuitState.WELL else self._log.error
            say(f"destination is {self._health}", why=retry_policy.breaker.reason)


def label_of(decision: Decision) -> str:
    """Return the reason's part that is one of a few; what follows may be Amplitude's own words."""
    return decision.reason.partition(":")[0] or decision.action.value
