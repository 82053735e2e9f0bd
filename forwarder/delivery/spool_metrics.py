"""The spool's counts as metrics, which go on over restarts."""

from __future__ import annotations

from prometheus_client import Counter

from forwarder import metrics
from forwarder.spool import Counts

_shown: dict[tuple[Counter, tuple[str, ...]], int] = {}
"""How far the counters that are made of the spool's counts have come."""


def show(counts: Counts, now: int) -> None:
    """Bring the spool's metrics up to date; ``now``: ms since the epoch."""
    metrics.SPOOL_EVENTS.set(counts.events)
    metrics.SPOOL_BYTES.set(counts.bytes)
    metrics.OLDEST_SECONDS.set(0 if counts.oldest_at is None else max(0, now - counts.oldest_at) / 1000)
    metrics.REFUSING.set(counts.is_refusing(now))
    for name, standing in counts.destinations.items():
        for bound, letters in standing.discarded.items():
            _raise(metrics.DISCARDED, (name, bound), letters)
        metrics.WAITING.labels(name).set(standing.waiting)
        metrics.PARKED.labels(name).set(standing.parked)
        metrics.DEAD.labels(name).set(standing.dead)
        _raise(metrics.ACCEPTED, (name,), standing.accepted)
        _raise(metrics.REDRIVEN, (name,), standing.redriven)
        for (outcome, reason), events in standing.ended.items():
            _raise(metrics.EVENTS, (name, outcome, reason), events)


def _raise(counter: Counter, labels: tuple[str, ...], to: int) -> None:
    shown = _shown.get((counter, labels), 0)
    if to < shown:  # the destination was away, and begins anew
        counter.remove(*labels)
        shown = 0
    counter.labels(*labels).inc(to - shown)
    _shown[counter, labels] = to
