"""Faults inside: any function of delivery, its spool and a reload raises, before or after it did its work."""

from __future__ import annotations

import random
from types import FunctionType

from forwarder.amplitude.wire import requests
from forwarder.app import Forwarder
from forwarder.delivery import client, sending
from forwarder.delivery.faults import Faults
from forwarder.delivery.feed import EventFeed
from forwarder.delivery.in_flight import RequestsInFlight
from forwarder.delivery.restoring import SchedulerFactory
from forwarder.delivery.scheduler import planning
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.batching import Batching
from forwarder.delivery.scheduler.checkpoint import Checkpoint
from forwarder.delivery.scheduler.circuit_breaker import CircuitBreaker
from forwarder.delivery.scheduler.delay_queue import DelayQueue
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.linger import LingerPolicy
from forwarder.delivery.scheduler.loader import JobLoader
from forwarder.delivery.scheduler.ordering import KeyOrder
from forwarder.delivery.scheduler.parking import Parking
from forwarder.delivery.scheduler.planning import JobPlanner
from forwarder.delivery.scheduler.queue import JobQueue
from forwarder.delivery.scheduler.retry_policy import RetryPolicy
from forwarder.delivery.scheduler.retry_state import RetryState
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.scheduler.throttle import KeyThrottle
from forwarder.delivery.scheduler.tracker import JobTracker
from forwarder.delivery.scheduler.window import Window
from forwarder.delivery.sending import ResponseRecorder
from forwarder.delivery.service import DeliveryService
from forwarder.delivery.settling import SettlementWriter
from forwarder.delivery.tail import TailCache
from forwarder.delivery.turns import TurnTimes
from forwarder.delivery.watchdog import Watch
from forwarder.delivery.worker import Worker
from forwarder.errors import SpoolError
from tests.support.simulation.memory_spool import AsyncSpool
from tests.support.simulation.raising import Injected, Raising, Target

CLASSES: tuple[type, ...] = (
    *(
        AsyncSpool,
        Batch,
        Batching,
        CircuitBreaker,
        DeliveryService,
        Faults,
        LingerPolicy,
        Forwarder,
        TailCache,
        RetryPolicy,
        Parking,
        Scheduler,
    ),
    *(
        Window,
        ResponseRecorder,
        KeyOrder,
        KeyThrottle,
        Checkpoint,
        Worker,
        DelayQueue,
        RetryState,
        Watch,
        Job,
    ),
    *(EventFeed, RequestsInFlight, SettlementWriter, SchedulerFactory, TurnTimes),
    *(JobLoader, JobPlanner, JobQueue, JobTracker),
)
LEFT_OUT = {
    *("AsyncSpool.accept", "AsyncSpool.lost", "AsyncSpool.close", "AsyncSpool.end_within", "Forwarder.start"),
    *(
        "Forwarder.stop",
        "Forwarder.shown",
        "Forwarder.reload",
        "ResponseRecorder.fault",
        "Worker._fault",
        "DeliveryService.report",
    ),
    *("EventFeed.on_accepted", "DeliveryService.abandon", "DeliveryService.stop"),
}
"""What the test itself calls, what counts the faults, and the supervisors that end everything."""


class Injector(Raising):
    """Makes functions of delivery raise. ``rate``: how often; ``only``: nothing but this one."""

    def __init__(self, chance: random.Random, rate: float, only: str | None) -> None:
        super().__init__(on=True)
        self._chance = chance
        self._rate = rate
        self._only = only

    def error(self, name: str, moment: str) -> Exception | None:
        """See ``Raising``."""
        if self._only not in (None, name) or self._chance.random() >= self._rate:
            return None
        # A SpoolError says that nothing was written.
        if name.startswith("AsyncSpool") and moment == "before" and self._chance.random() < 0.5:
            return SpoolError("the disk says no")
        return Injected(name)


def targets() -> list[Target]:
    """Return everything that may raise: its name, what holds it, and under which attribute."""
    found: list[Target] = [
        ("encode", sending, "encode"),
        ("post_request", sending, "post_request"),
        ("plan_job", planning, "plan_job"),
        ("form_text", requests, "form_text"),
        ("http_client", client, "http_client"),
    ]
    for owner in CLASSES:
        for attribute, value in vars(owner).items():
            name = f"{owner.__name__}.{attribute}"
            if isinstance(value, FunctionType) and not attribute.startswith("__") and name not in LEFT_OUT:
                found.append((name, owner, attribute))
    return found
