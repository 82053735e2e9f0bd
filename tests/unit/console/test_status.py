"""The console's first page as values."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from forwarder.console.status import LATE_MS, Answered, Ended, Status, status
from forwarder.spool import Counts, Standing
from forwarder.spool.api import REFUSING_MS

NOTHING = Counts(0, 0, None, {})


def seen(counts: Counts = NOTHING, *, down: bool = False, trap: int = 0, why: str = "") -> Status:
    registry = CollectorRegistry()
    ended = ["outcome", "reason"]
    service = Counter("forwarder_door_events", "x", ["source", *ended], registry=registry)
    service.labels("web", "rejected", "no_event_name").inc(3)
    service.labels("forgotten", "rejected", "x").inc()
    requests = Counter(
        "forwarder_delivery_requests", "x", ["destination", "endpoint", "answer"], registry=registry
    )
    requests.labels("amplitude", "httpapi", 200).inc(2)
    Gauge("forwarder_destination_down", "x", ["destination"], registry=registry).labels("amplitude").set(down)
    Counter("forwarder_page_reports", "x", ["kind"], registry=registry).labels("trap").inc(trap)
    held_back = {"amplitude": why} if why else {}
    places = ["web"], ["amplitude", "other"]
    return status(registry.collect(), counts, *places, 1_000_000, held_back=held_back)


def test_what_ended_where() -> None:
    delivered = {("delivered", ""): 7}
    standings = {"amplitude": Standing(9, 2, delivered, 0, 2, 0), "other": Standing(9, 8, {}, 0, 0, 1)}
    found = seen(Counts(4, 400, 990_000, standings))
    [web] = found.sources
    amplitude, other = found.destinations
    assert web.ended == [Ended("rejected", "no_event_name", 3)]
    assert amplitude.ended == [Ended("delivered", "", 7)]
    assert amplitude.answered == [Answered("httpapi", "200", 2)]
    assert (amplitude.parked, amplitude.dead, other.parked, other.dead) == (2, 0, 0, 1)
    assert (found.waiting, found.waiting_bytes, found.oldest_ms) == (4, 400, 10_000)
    assert found.troubles == ["other has 1 dead letter"]


def test_troubles() -> None:
    assert seen().troubles == []
    refused = "unreachable: ConnectError: Connection refused (ECONNREFUSED)"
    assert seen(down=True, why=refused).troubles == [f"amplitude is held back: {refused}"]
    counts = Counts(1, 1, 1_000_000 - LATE_MS - 1, {"amplitude": Standing(2, 0, {}, 0, 0, 2)})
    assert seen(counts, down=True, trap=2).troubles == [
        "amplitude is held back: Amplitude fails or refuses",
        "amplitude has 2 dead letters",
        "the oldest event has waited for 5 minutes",
        "Python in the page was wrong 2 times; the compiled rules took over",
    ]


def test_refused_senders_are_told_as_long_as_it_is_so() -> None:
    told = ["senders are refused (429): the spool is full, or its disk is"]
    for refused_at, troubles in (
        (1_000_000, told),
        (1_000_000 - REFUSING_MS, told),
        (1_000_000 - REFUSING_MS - 1, []),
        (None, []),
    ):
        assert seen(Counts(0, 0, None, {}, refused_at)).troubles == troubles
