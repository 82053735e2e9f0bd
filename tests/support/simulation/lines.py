"""A line to try single cases on: little events in, batches out."""

import random

import orjson

from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.spool import StoredEvent
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination

NOW = 1_790_000_000_000
OK = UpstreamResponse(200, b'{"code":200}')
FAILED = UpstreamResponse(500)


def event(
    seq: int, user: str | None = "u1", kind: str = "track", device: str | None = None, at: int = NOW
) -> StoredEvent:
    """Make an event that was received at ``at``."""
    body = {"m": f"m{seq}", "u": user, "d": device, "kind": kind}
    return StoredEvent(seq, at, "demo", f"m{seq}", orjson.dumps(body))


def line(kept: Destination | None = None, **settings: int) -> Scheduler:
    """Make a line that takes up what is kept."""
    kept = kept or Destination()
    one = Scheduler(
        Planner(), None, SchedulerSettings(**{"linger_ms": 0, **settings}), kept.cursor, random.Random(1)
    )
    one.resume(kept.groups(), kept.aside())
    return one


def due(one: Scheduler, kept: Destination, now: int) -> list[Batch]:
    """Write down what is known, bring back what may come, and return what is to go, as the loop does."""
    kept.settle(one.settlement())
    while load := one.loader.load(now):
        one.loader.loaded(load[0], kept.group(*load), now)
    return one.due(now, False)


def sent(batches: list[Batch]) -> list[tuple[str, list[int]]]:
    """Return endpoint and seqs of each batch."""
    return [(batch.endpoint.name, [work.event.seq for work in batch.jobs]) for batch in batches]
