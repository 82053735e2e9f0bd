"""How long things take, counted in classes: the console reads it, and ``/metrics`` is made of it."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import REGISTRY
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry


class Classes(NamedTuple):
    """Counts by class, and the sum of all values. The last class is of what is above every bound."""

    counts: tuple[int, ...]
    total: float


class Distribution(Collector):
    """Values counted in classes, for each value of one label. Any thread may add."""

    def __init__(
        self,
        name: str,
        text: str,
        label: str,
        bounds: Sequence[float],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        """``bounds``: the highest value of each class, ascending; one more class is of all above."""
        self.name, self._text, self.label, self.bounds = name, text, label, tuple(bounds)
        self._values: dict[str, Classes] = {}
        self._lock = threading.Lock()  # counts are read and written again: two threads would lose one
        registry.register(self)

    def add(self, label: str, value: float) -> None:
        """Count a value."""
        place = bisect_left(self.bounds, value)
        with self._lock:
            counts, total = self._values.get(label) or Classes((0,) * (len(self.bounds) + 1), 0.0)
            self._values[label] = Classes(
                (*counts[:place], counts[place] + 1, *counts[place + 1 :]), total + value
            )

    def values(self) -> Mapping[str, Classes]:
        """Return what is counted so far."""
        with self._lock:
            return dict(self._values)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Yield the metric's name and help, for the registry."""
        yield self._family()

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the metric with its numbers, for the registry."""
        family = self._family()
        for label, classes in self.values().items():
            upto, buckets = 0, []
            for bound, count in zip((*map(float, self.bounds), float("inf")), classes.counts, strict=True):
                upto += count
                buckets.append(("+Inf" if bound == float("inf") else str(bound), float(upto)))
            family.add_metric([label], buckets, classes.total)
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self.name, self._text, labels=[self.label])


def quantile(share: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """Return about the value below which a share of what was counted lies; None where nothing was.

    In its class values count as spread evenly, as Prometheus' histogram_quantile takes them; above the
    highest bound it is that bound.
    """
    left = share * sum(counts)
    if not left:
        return None
    lowest = 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and left <= count:
            return lowest + (bound - lowest) * left / count
        left -= count
        lowest = bound
    return lowest
