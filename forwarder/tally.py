"""Numbers that the forwarder counts, as values: the console reads them, and ``/metrics`` is made of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

Labels = tuple[str, ...]


class Tally(Collector):
    """A number for each combination of labels. Any thread may count; ``values`` is what is counted so far."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        kind: Literal["counter", "gauge"] = "counter",
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        """``kind``: a counter grows with what happens, and Prometheus' name for it ends in ``_total``."""
        self.name, self._text, self._labels, self._kind = name, text, tuple(labels), kind
        self._values: dict[Labels, float] = {} if labels else {(): 0}
        self._lock = threading.Lock()  # a count is read and written again: two threads would lose one
        registry.register(self)

    def add(self, *labels: object, count: int = 1) -> None:
        """Count so many more; ``labels``: a value for each label, of which there are few: never sent text."""
        key = tuple(map(str, labels))
        with self._lock:
            self._values[key] = self._values.get(key, 0) + count

    def put(self, value: float) -> None:
        """Set the number of a tally without labels."""
        self._values[()] = value

    def replace(self, values: Mapping[Labels, float]) -> None:
        """Set all numbers to those of ``values``; combinations of labels that are not in it are forgotten."""
        self._values = dict(values)

    def values(self) -> dict[Labels, int]:
        """Return the numbers, in whole ones, in the order in which their labels first came."""
        with self._lock:
            return {labels: int(value) for labels, value in self._values.items()}

    def describe(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield the metric's name and help, for the registry."""
        yield self._family()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield the metric with its numbers, for the registry."""
        family = self._family()
        with self._lock:
            for labels, value in self._values.items():
                family.add_metric(labels, value)
        yield family

    def _family(self) -> CounterMetricFamily | GaugeMetricFamily:
        made = CounterMetricFamily if self._kind == "counter" else GaugeMetricFamily
        return made(self.name, self._text, labels=self._labels)
