"""The spool's counts and the destinations' health as metrics: what they are now, and nothing of before."""

from __future__ import annotations

from collections.abc import Mapping

from forwarder import metrics
from forwarder.delivery.health import DestinationHealth
from forwarder.spool import Counts


def show_counts(counts: Counts, now: int) -> None:
    """Set the spool's metrics; ``now``: ms since the epoch."""
    metrics.SPOOL_EVENTS.put(counts.events)
    metrics.SPOOL_BYTES.put(counts.bytes)
    metrics.OLDEST_SECONDS.put(0 if counts.oldest_at is None else max(0, now - counts.oldest_at) / 1000)
    metrics.REFUSING.put(counts.is_refusing(now))
    standings = counts.destinations.items()
    metrics.WAITING.replace({(name,): one.waiting for name, one in standings})
    metrics.PARKED.replace({(name,): one.parked for name, one in standings})
    metrics.DEAD.replace({(name,): one.dead for name, one in standings})
    metrics.ACCEPTED.replace({(name,): one.accepted for name, one in standings})
    metrics.REDRIVEN.replace({(name,): one.redriven for name, one in standings})
    metrics.EVENTS.replace(
        {(name, *end): events for name, one in standings for end, events in one.ended.items()}
    )
    metrics.DISCARDED.replace(
        {(name, bound): letters for name, one in standings for bound, letters in one.discarded.items()}
    )


def show_health(health: Mapping[str, DestinationHealth]) -> None:
    """Set the metrics of how destinations do."""
    metrics.DOWN.replace({(name,): one.held_back for name, one in health.items()})
    metrics.STALLED.replace({(name,): bool(one.stall) for name, one in health.items()})
