"""Events on their way through delivery's own code, up to the requests that it makes."""

from collections.abc import Iterator, Mapping

import orjson

from forwarder.amplitude import AmplitudeDestination, Item
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.batching import Batching
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.planning import read_body
from forwarder.spool import StoredEvent
from forwarder.text import whole_value

NOW = 1_767_225_600_000


def stored(event: Mapping[str, object]) -> StoredEvent:
    """Return the event as the spool holds it."""
    return StoredEvent(1, NOW, "demo", "m", orjson.dumps(whole_value(dict(event))))


def job_of(event: Mapping[str, object], destination: AmplitudeDestination) -> Job:
    """Return the event as a job of the destination, whatever its integrations say."""
    whole = stored(event)
    items, _ = destination.items(read_body(whole.body))
    for item in items:
        item.drop_body(item.body.get("user_id"), item.body.get("device_id"))
    return Job(whole, items, ("u",))


def batches_of(job: Job, items: list[Item]) -> Iterator[Batch]:
    """Yield the batches that delivery makes of some of a job's items, with nothing else to send."""
    alone = Job(job.event, items, job.keys)
    while not alone.done:
        batching = Batching(2000, 1)
        batch = batching.open_for(alone)
        batching.add(batch, alone, 0)
        assert batch.items
        yield batch
        for item in batch.items:
            item.done = True
        alone.placed = 0
