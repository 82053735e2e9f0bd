"""What was counted since the forwarder started, as the console needs it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from forwarder import metrics
from forwarder.http import metrics as ingest_metrics


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts by their labels, since the forwarder started.

    ``ingest``: events that ended there, by source, outcome and reason; ``reports``: of pages, by kind;
    ``requests``: to Amplitude, by destination, endpoint and answer; ``warnings``: by destination and kind;
    ``faults``: of our own code, by destination ("" for none) and where; ``strays``: messages of the stream
    that no forwarder wrote; ``latency``: requests by class of ``metrics.LATENCY``, by destination.
    """

    ingest: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    reports: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    requests: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    warnings: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    faults: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    strays: int = 0
    latency: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


_STARTED: Final = time.monotonic()


def running_ms() -> int:
    """Return for how long this process counts, in ms."""
    return round((time.monotonic() - _STARTED) * 1000)


def figures_now() -> Figures:
    """Return what this process has counted."""
    return Figures(
        ingest=ingest_metrics.EVENTS.values(),
        reports=ingest_metrics.REPORTS.values(),
        requests=metrics.REQUESTS.values(),
        warnings=metrics.WARNINGS.values(),
        faults=metrics.FAULTS.values(),
        strays=metrics.STRAYS.values()[()],
        latency={name: one.counts for name, one in metrics.LATENCY.values().items()},
    )
