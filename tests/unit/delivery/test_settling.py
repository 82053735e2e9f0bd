"""Settlements are written once and in order; what metrics say afterwards; what follows our own faults."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from forwarder import metrics
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.faults import Faults
from forwarder.delivery.health import DestinationHealth
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.settling import SettlementWriter
from forwarder.delivery.state_metrics import show_counts, show_health
from forwarder.delivery.turns import FAULT_RETRY_S, TurnTimes
from forwarder.delivery.watchdog import Stall
from forwarder.errors import SpoolFull
from forwarder.spool import Counts, Settlement, Standing
from tests.support.simulation.lines import NOW, OK, event, line


class Book:
    """A spool that writes settlements down, unless it has to raise first."""

    def __init__(self, *raises: Exception) -> None:
        self.raises = list(raises)
        self.written: list[tuple[str, Settlement, int]] = []

    async def settle(self, destination: str, settlement: Settlement, now: int) -> None:
        if self.raises:
            raise self.raises.pop(0)
        self.written.append((destination, settlement, now))


def writer(book: Any) -> SettlementWriter:
    return SettlementWriter("d", book, lambda: NOW + 7)


async def test_what_has_become_of_events_is_written_once() -> None:
    book, one = Book(), line()
    writes = writer(book)
    await writes.write(one)
    assert book.written == [], "there is nothing to write"
    one.loader.take([event(1)], NOW)
    [batch] = one.due(NOW, False)
    one.answered(batch, OK, NOW)
    await writes.write(one)
    await writes.write(one)
    [(name, written, when)] = book.written
    assert (name, written[:6], when) == ("d", (1, [], [], [], {}, {("delivered", ""): 1}), NOW + 7)
    assert written.ends == [("delivered", "", 1, 1)]
    assert written.sent == [("/2/httpapi", NOW, NOW, 200, "", OK.body, 1, [(1, 1)])]


async def test_what_a_full_spool_refused_is_written_before_anything_later() -> None:
    book, one = Book(SpoolFull("full", 1)), line()
    writes = writer(book)
    one.loader.take([event(1, kind="invalid")], NOW)
    with pytest.raises(SpoolFull):
        await writes.write(one)
    assert not one.faults, "no event is at fault"
    one.loader.take([event(2, kind="filtered")], NOW)
    await writes.write(one)
    await writes.write(one)
    assert [(written.cursor, len(written.dead)) for _, written, _ in book.written] == [(1, 1), (2, 0)]


async def test_what_was_refused_is_forgotten_with_its_scheduler() -> None:
    book, one = Book(SpoolFull("full", 1)), line()
    writes = writer(book)
    one.loader.take([event(1, kind="filtered")], NOW)
    with pytest.raises(SpoolFull):
        await writes.write(one)
    writes.restart()
    await writes.write(line())
    assert book.written == []


async def test_events_that_cannot_be_written_count_as_faults_of_ours() -> None:
    book, one = Book(UnicodeEncodeError("utf-8", "x", 0, 1, "no")), line(batch_events=1)
    one.loader.take([event(1, kind="invalid"), event(2, "u2"), event(3, "u3")], NOW)
    second, third = one.due(NOW, False)
    one.answered(second, UpstreamResponse(429, b'{"throttled_users":{"u2":31}}'), NOW)
    one.answered(third, OK, NOW)
    with pytest.raises(UnicodeEncodeError):
        await writer(book).write(one)
    for seq in (1, 2):
        noted = Job(event(seq), [], ())
        assert one.faults.tries(noted) == 1
        one.faults.note_events([seq], "again")
        assert one.faults.apply(noted)
    assert one.faults.tries(Job(event(3), [], ())) == 0


async def test_the_fault_that_is_noted_has_type_and_place() -> None:
    book, one = Book(KeyError("bob"), KeyError("bob")), line()
    writes = writer(book)
    one.loader.take([event(1, kind="invalid")], NOW)
    for _ in range(2):
        with pytest.raises(KeyError):
            await writes.write(one)
    dead = Job(event(1), [], ())
    one.faults.apply(dead)
    assert dead.reason.startswith("our fault: KeyError at ")
    assert "bob" not in dead.reason


# -- metrics


def test_the_spools_metrics_are_its_counts() -> None:
    standing = Standing(9, 4, {("delivered", ""): 3, ("dead", "invalid fields"): 2}, 1, 2, 5, {"age": 6})
    show_counts(Counts(7, 8, NOW - 2_500, {"shown": standing}, refused_at=NOW), NOW)
    assert metrics.SPOOL_EVENTS.values() == {(): 7}
    assert metrics.SPOOL_BYTES.values() == {(): 8}
    assert REGISTRY.get_sample_value(metrics.OLDEST_SECONDS.name) == 2.5
    assert metrics.REFUSING.values() == {(): 1}
    for tally, number in (
        (metrics.WAITING, 4),
        (metrics.PARKED, 2),
        (metrics.DEAD, 5),
        (metrics.ACCEPTED, 9),
        (metrics.REDRIVEN, 1),
    ):
        assert tally.values() == {("shown",): number}, tally.name
    assert metrics.EVENTS.values() == {("shown", "delivered", ""): 3, ("shown", "dead", "invalid fields"): 2}
    assert metrics.DISCARDED.values() == {("shown", "age"): 6}


@pytest.mark.parametrize("oldest_at", [None, NOW + 1])
def test_an_empty_spool_has_no_oldest_event_and_refuses_nobody(oldest_at: int | None) -> None:
    show_counts(Counts(0, 0, NOW - 9_000, {}, refused_at=NOW), NOW)
    show_counts(Counts(0, 0, oldest_at, {}), NOW)
    assert REGISTRY.get_sample_value(metrics.OLDEST_SECONDS.name) == 0
    assert metrics.REFUSING.values() == {(): 0}
    assert metrics.WAITING.values() == {}


def test_the_health_of_destinations_is_shown_as_ones_and_noughts() -> None:
    show_health({"a": DestinationHealth(held_back=True), "b": DestinationHealth(stall=Stall.DUE)})
    assert metrics.DOWN.values() == {("a",): 1, ("b",): 0}
    assert metrics.STALLED.values() == {("a",): 0, ("b",): 1}


# -- turns


def test_a_fault_of_ours_is_waited_after_for_longer_each_time_until_a_turn_ends_well() -> None:
    times = TurnTimes()
    assert (times.since, times.failing_since, times.turned_at) == (0, 0, 0)
    waits = [times.wait_after_fault_s() for _ in range(6)]
    assert waits == [*FAULT_RETRY_S, FAULT_RETRY_S[-1], FAULT_RETRY_S[-1]]
    times.went_well(NOW)
    assert times.wait_after_fault_s() == FAULT_RETRY_S[0]


def test_failures_in_a_row_began_with_the_first() -> None:
    times = TurnTimes()
    times.failed(NOW)
    times.failed(NOW + 9)
    assert (times.failing_since, times.turned_at) == (NOW, 0)
    times.went_well(NOW + 10)
    assert (times.failing_since, times.turned_at) == (0, NOW + 10)
    times.failed(NOW + 11)
    assert times.failing_since == NOW + 11


# -- faults


def faulty(faults: Faults, seq: int = 1) -> Job:
    one = Job(event(seq), [], ())
    faults.apply(one)
    return one


def test_an_event_alone_is_given_up_at_the_second_fault() -> None:
    faults = Faults()
    assert not faults
    assert not faults.is_over(1)
    faults.note_events([1, 2], "first")
    assert faults
    assert not faults.is_over(1)
    faults.note_events([1], "second")
    assert (faults.is_over(1), faults.is_over(2)) == (True, False)
    assert faulty(faults).reason == "our fault: second"
    assert (faulty(faults, 2).reason, faulty(faults, 2).split_level) == ("", 0)
    assert (faults.tries(Job(event(1), [], ())), faults.tries(Job(event(9), [], ()))) == (2, 0)
    faults.forget(1)
    faults.forget(1)
    assert not faults.is_over(1)


def test_events_in_one_batch_are_tried_once_more_and_then_with_fewer_beside_them() -> None:
    one, faults = line(), Faults()
    one.loader.take([event(n, f"u{n}") for n in range(1, 9)], NOW)
    [batch] = one.due(NOW, False)
    faults.note(batch, "first")
    assert faulty(faults).split_level == 0, "the first time it may be chance"
    faults.note(batch, "second")
    level = faulty(faults).split_level
    assert level == batch.next_split_level() > 0
    faults.note_events([1], "alone")
    assert faults.is_over(1)
    assert not faults.is_over(2)
    small = line(batch_events=2)
    small.loader.take([event(n, f"u{n}") for n in range(1, 3)], NOW)
    [pair] = small.due(NOW, False)
    faults.note(pair, "in a pair")
    assert faulty(faults, 2).split_level == pair.next_split_level() > level
    faults.note(batch, "as many again")
    assert faulty(faults, 2).split_level == pair.next_split_level(), "it never grows again"
    assert not faults.is_over(2)


def test_an_event_alone_in_a_batch_is_given_up_with_all_its_items() -> None:
    one = line()
    one.loader.take([event(1, kind="both")], NOW)
    [batch] = one.due(NOW, False)
    [job] = batch.jobs
    assert not one.faults.apply(job)
    for what in ("first", "second"):
        one.faults.note(batch, what)
    assert one.faults.apply(job)
    assert [(item.done, item.reason) for item in job.items] == [(True, "our fault: second")] * 2


def test_who_is_halved_already_is_halved_no_less() -> None:
    faults, one = Faults(), Job(event(1), [], ())
    faults.note_events([1], "first")
    one.retry_state().split_level = 7
    assert not faults.apply(one)
    assert one.split_level == 7


def test_one_who_was_given_up_stays_so_whoever_is_beside_it() -> None:
    faults, one = Faults(), line()
    for _ in range(2):
        faults.note_events([1], "alone")
    one.loader.take([event(n, f"u{n}") for n in range(1, 4)], NOW)
    [batch] = one.due(NOW, False)
    faults.note(batch, "beside others")
    assert faults.is_over(1)
