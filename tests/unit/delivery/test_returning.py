"""Parked events come back: when, as far as memory goes, and in whose order."""

from typing import Any

import pytest

from forwarder.delivery.scheduler.ordering import KeyOrder
from forwarder.delivery.scheduler.parking import REDRIVEN, Parking
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.outcomes import Outcome
from tests.support.simulation.groups import group, loads, rows
from tests.support.simulation.lines import FAILED, NOW, OK, due, event, line, sent
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination

# -- coming back


def test_a_group_comes_back_when_its_time_has_come_and_not_while_some_of_it_is_in_memory() -> None:
    one = line()
    one.resume([group("uu1", events=2)], set())
    one.parking.add(["uu1"], NOW + 1_000)
    assert loads(one, NOW + 999) is None
    assert loads(one, NOW + 1_000) == ("uu1", 500)
    one.loader.loaded("uu1", rows("uu1", event(1)), NOW + 1_000)
    assert loads(one, NOW + 1_500) is None
    [batch] = one.due(NOW + 1_000, False)
    one.answered(batch, OK, NOW + 1_000)
    assert one.settlement().unpark == [1]
    assert loads(one, NOW + 1_500) == ("uu1", 500)


def test_what_is_filtered_by_now_ends_as_such() -> None:
    one = line(Destination(cursor=9))
    one.resume([group("uu1", events=2)], set())
    loads(one)
    one.loader.loaded("uu1", rows("uu1", event(1, kind="filtered"), event(2)), NOW)
    settlement = one.settlement()
    assert (settlement.unpark, settlement.ended) == ([1], {(Outcome.FILTERED, "no trigger matched"): 1})
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [2])]


def test_what_is_read_after_its_group_is_gone_or_taken_stays_where_it_is() -> None:
    one = line()
    one.loader.loaded("unknown", rows("unknown", event(1)), NOW)
    assert not one.holds_events
    one.resume([group("uu1", events=2)], set())
    loads(one)
    one.loader.loaded("uu1", rows("uu1", event(1)), NOW)
    one.loader.loaded("uu1", rows("uu1", event(2)), NOW)
    assert one.parking.loaded_events == 1


def test_what_comes_back_is_brought_back_as_far_as_memory_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    one, sizes = line(), list[int]()
    one.resume([group("uu1", events=4)], set())
    loads(one)
    size = plan_job(event(1), Planner(), None)[0].size
    monkeypatch.setattr("forwarder.delivery.scheduler.window.MAX_WINDOW_BYTES", 2 * size)
    given = rows("uu1", *[event(n) for n in range(1, 5)])

    def spent(size: int) -> bool:
        sizes.append(size)
        return True

    turns = list(one.loader.loading("uu1", given, NOW, spent))
    assert (one.parking.loaded_events, len(turns), sizes) == (2, 1, [size])


def test_one_who_was_given_up_while_parked_is_a_dead_letter() -> None:
    one = line()
    one.resume([group("uu1")], set())
    for _ in range(2):
        one.faults.note_events([1], "TypeError at x.py:1")
    loads(one)
    one.loader.loaded("uu1", rows("uu1", event(1)), NOW)
    [letter] = one.settlement().dead
    assert letter.reason == "our fault: TypeError at x.py:1"


# -- order and parking


def test_only_whose_keys_are_all_free_goes_on() -> None:
    order, jobs = KeyOrder(), {}
    for seq, user, device in ((1, "a", "x"), (2, "b", "x"), (3, "b", "y"), (4, "c", None)):
        jobs[seq] = plan_job(event(seq, user, device=device), Planner(), None)[0]
        order.enqueue(jobs[seq])
    assert list(order.heads(["ub", "ua"])) == [jobs[1]], "2 waits for 1, and who looks for b goes on to a"
    assert order.waiting == 4
    order.dequeue(jobs[1])
    assert list(order.heads(["ub", "uc"])) == [jobs[2], jobs[4]]


def test_a_parked_group_that_is_put_together_comes_back_once() -> None:
    parking = Parking(60_000)
    parking.resume([group("a", "x"), group("b", "y")])
    parking.changes()
    one = parking.add(["x", "y"], NOW)
    parking.changes()
    redriven = parking.next_due(NOW)
    assert redriven is not None
    parking.loaded(redriven, [], NOW)
    assert parking.next_due(NOW) is one
    assert parking.next_due(NOW - 1) is None
    assert (len(parking), parking.events) == (1, {one.name: 2})


def test_jobs_in_memory_follow_their_group_into_another() -> None:
    one = line(batch_events=1)
    one.resume([group("uu1"), group("uu2")], set())
    for name, seq in (("uu1", 1), ("uu2", 2)):
        assert loads(one) == (name, 500)
        one.loader.loaded(name, rows(name, event(seq, name[1:])), NOW)
    batches = one.due(NOW, False)
    assert sent(batches) == [("HTTPAPI", [1]), ("HTTPAPI", [2])]
    whole = one.parking.add(["uu1", "uu2"])
    assert set(whole.in_memory) == {1, 2}
    for batch in batches:
        one.answered(batch, OK, NOW)
    settlement = one.settlement()
    assert sorted(settlement.unpark) == [1, 2]
    assert one.parking.events == {}
    assert one.parking.group_for(["uu1", "uu2"]) is None
    assert one.parking.at_rest


def test_a_group_rests_only_while_its_events_are_in_memory() -> None:
    parking = Parking(60_000)
    rests = [parking.at_rest]  # an operator's may come all the same
    parking.resume([group("a", "x", events=2)])
    assert [*rests, parking.at_rest] == [True, False]
    redriven: Any = parking.group_named(REDRIVEN)
    parking.loaded(redriven, [], NOW)
    found: Any = parking.group_named("a")
    job = plan_job(event(1, "x"), Planner(), None)[0]
    parking.loaded(found, [job], NOW)
    parking.wake_at()
    assert (parking.at_rest, parking.in_memory(), parking.loaded_events) == (True, [job], 1)
    parking.finished(job)
    assert (parking.at_rest, parking.in_memory(), parking.loaded_events) == (False, [], 0)
    assert parking.wake_at() == 0


def test_what_an_operator_sends_again_is_looked_for_now_and_then() -> None:
    one = line(redrive_ms=2_000)
    assert one.loader.load(NOW) == (REDRIVEN, 500)
    one.loader.loaded(REDRIVEN, [], NOW)
    assert one.loader.load(NOW + 1_999) is None
    assert one.wake_at() == NOW + 2_000
    assert one.loader.load(NOW + 2_000) == (REDRIVEN, 500)


def test_an_event_that_failed_again_is_parked_where_it_was() -> None:
    kept = Destination(cursor=1)
    one = line(kept)
    one.resume([group("uu1")], set())
    kept.parked[1] = rows("uu1", event(1, "u1"))[0]
    loads(one)
    one.loader.loaded("uu1", list(kept.parked.values()), NOW)
    [batch] = one.due(NOW, False)
    one.breaker.good(NOW)
    one.answered(batch, FAILED, NOW)
    settlement = one.settlement()
    [row] = settlement.park
    assert (row.event.seq, row.group, settlement.unpark) == (1, "uu1", [])
    kept.settle(settlement)
    assert due(one, kept, NOW) == []
    assert sent(due(one, kept, NOW + 1_000)) == [("HTTPAPI", [1])]
