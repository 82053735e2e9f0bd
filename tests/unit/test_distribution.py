"""Values counted in classes: as Prometheus' own histogram shows them, and the quantiles of them."""

import threading

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from forwarder.distribution import Distribution, quantile

BOUNDS = (0.025, 0.5, 1, 2.5, 86400)


def test_it_is_scraped_as_the_packages_own_histogram_is() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    own = Distribution("seconds", "How long.", "destination", BOUNDS, ours)
    other = Histogram("seconds", "How long.", ["destination"], buckets=BOUNDS, registry=theirs)
    for name, value in (("a", 0.025), ("a", 0.0251), ("a", 0), ("b", 2.5), ("b", 100_000), ("a", 1)):
        own.add(name, value)
        other.labels(name).observe(value)
    lines = generate_latest(theirs).decode().splitlines()
    assert generate_latest(ours).decode().splitlines() == [one for one in lines if "_created" not in one]


def test_no_value_is_lost_between_threads() -> None:
    own = Distribution("seconds", "How long.", "destination", BOUNDS, CollectorRegistry())

    def count() -> None:
        for _ in range(5_000):
            own.add("a", 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert own.values()["a"].counts == (0, 0, 20_000, 0, 0, 0)


@pytest.mark.parametrize(
    ("share", "counts", "value"),
    [
        (0.5, (0, 0, 0, 0), None),
        (0.5, (4, 0, 0, 0), 0.5),
        (0.5, (0, 4, 0, 0), 1.5),
        (0.95, (10, 0, 10, 0), 3.8),
        (0.5, (2, 0, 2, 0), 1.0),
        (0.5, (0, 0, 0, 3), 4.0),
        (1.0, (1, 1, 0, 0), 2.0),
    ],
)
def test_a_quantile_lies_where_values_are_spread_evenly_in_their_class(
    share: float, counts: tuple[int, ...], value: float | None
) -> None:
    found = quantile(share, (1, 2, 4), counts)
    assert found == (None if value is None else pytest.approx(value))
