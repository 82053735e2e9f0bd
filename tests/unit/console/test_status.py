"""The console's first page as values."""

from forwarder.console.figures import Figures, figures_now
from forwarder.console.status import LATE_MS, Answered, Ended, Status, status
from forwarder.delivery.health import DestinationHealth
from forwarder.delivery.watchdog import Stall
from forwarder.http.metrics import count_events, count_report
from forwarder.outcomes import Outcome
from forwarder.spool import Counts, Standing
from forwarder.spool.counts import REFUSING_MS

NOTHING = Counts(0, 0, None, {})


def seen(counts: Counts = NOTHING, *, down: bool = False, trap: int = 0, why: str = "") -> Status:
    figures = Figures(
        ingest={("web", "rejected", "no_event_name"): 3, ("forgotten", "rejected", "x"): 1},
        requests={("amplitude", "httpapi", "200"): 2},
        reports={("trap",): trap},
    )
    health = {"amplitude": DestinationHealth(down, why)}
    return status(figures, counts, ["web"], ["amplitude", "other"], 1_000_000, health=health)


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
    assert (found.spool.waiting, found.spool.waiting_bytes, found.spool.oldest_ms) == (4, 400, 10_000)
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


def test_faults_and_stalls_name_their_destination() -> None:
    figures = Figures(faults={("amplitude", "turn"): 2, ("amplitude", "post"): 1, ("", "loop"): 4}, strays=5)
    health = {"amplitude": DestinationHealth(stall=Stall.DUE)}
    found = status(figures, NOTHING, [], ["amplitude"], 0, "the stream does not answer", health)
    assert found.troubles == [
        "no event can be accepted: the stream does not answer",
        "5 messages of the stream were passed over: no forwarder wrote them",
        "amplitude has work and does nothing: see the log, and restart the forwarder",
        "amplitude: the forwarder's own code failed (3); the log says where",
        "our own code failed 4 times outside of destinations; the log has the places",
    ]


def test_the_figures_are_what_was_counted() -> None:
    count_events("figured", Outcome.REJECTED, "unknown_type", 2)
    count_events("figured", Outcome.REJECTED, "unknown_type", 1)
    before = figures_now().reports.get(("other",), 0)
    count_report({"no": "text"})
    found = figures_now()
    assert found.ingest["figured", "rejected", "unknown_type"] == 3
    assert found.reports["other",] == before + 1
