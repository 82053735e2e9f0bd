"""How many events a scheduler takes, from the spool and from parking, and what becomes of each."""

from collections.abc import Iterator
from typing import Any

import pytest

from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.scheduler import loader
from forwarder.delivery.scheduler.ordering import KeyOrder
from forwarder.delivery.scheduler.parking import REDRIVEN, Parking
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.scheduler.settings import LOAD_EVENTS
from forwarder.outcomes import Outcome
from forwarder.spool import MessageGroup, Parked, StoredEvent
from tests.support.simulation.lines import FAILED, NOW, OK, due, event, line, sent
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination


def group(name: str, *keys: str, events: int = 1) -> MessageGroup:
    return MessageGroup(name, frozenset(keys or (name,)), events)


def rows(name: str, *events: StoredEvent, state: bytes = b"") -> list[Parked]:
    return [Parked(one, name, (name,), state) for one in events]


def loads(one: Scheduler, now: int = NOW) -> tuple[str, int] | None:
    """Return what is loaded next beside what an operator sends again, of which there is nothing."""
    if (load := one.loader.load(now)) and load[0] == REDRIVEN:
        one.loader.loaded(REDRIVEN, [], now)
        load = one.loader.load(now)
    return load


# -- how many


def test_as_many_are_taken_as_the_window_holds() -> None:
    one = line(window=5)
    assert one.loader.room() == 5
    one.loader.take([event(n, f"u{n}") for n in range(1, 4)], NOW)
    assert one.loader.room() == 2


@pytest.mark.parametrize(("groups", "aside", "room"), [(2, set(), 5), (3, set(), 0), (3, {9}, 5)])
def test_beyond_so_many_groups_no_more_are_taken_but_those_that_were_read_before(
    groups: int, aside: set[int], room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "MAX_GROUPS", 3)
    one = line(window=5)
    one.resume([group(f"u{n}") for n in range(groups)], aside)
    assert one.loader.room() == room


def test_no_more_are_taken_while_the_destination_is_down_and_others_may_try_it() -> None:
    one = line(batch_events=1, window=9)
    one.loader.take([event(n, f"u{n}") for n in range(1, 5)], NOW)
    assert one.loader.room() == 5
    for batch in one.due(NOW, False):
        one.answered(batch, UpstreamResponse(503), NOW)
    assert one.breaker.probing
    assert one.loader.room() == 0
    now = one.breaker.until + 60_000
    [batch] = one.due(now, True)
    assert one.loader.room() == 0, "one tries it"
    one.answered(batch, OK, now)
    assert one.loader.room() == 6
    alone = line(window=9)
    alone.breaker.stop(NOW, "credentials refused")
    assert alone.loader.room() == 9, "there is nothing else to try it with"


def test_half_of_the_window_is_for_events_that_come_back() -> None:
    one = line(window=9)
    assert one.loader.parked_room() == 4
    one.resume([group("uu1", events=3), group("uu2")], set())
    assert loads(one) == ("uu1", 4)
    one.loader.loaded("uu1", rows("uu1", *[event(n, "u1") for n in (1, 2, 3)]), NOW)
    assert one.loader.parked_room() == 1
    assert loads(one) == ("uu2", 1)
    assert line(window=100_000).loader.parked_room() == LOAD_EVENTS


@pytest.mark.parametrize(("waiting", "room"), [(3, 3), (4, 0)])
def test_where_half_of_the_window_waits_for_others_none_come_back(waiting: int, room: int) -> None:
    one = line(window=6, batch_events=1, at_once=1)
    one.loader.take([event(n, "u1") for n in range(1, waiting + 2)], NOW)
    assert one.loader.parked_room() == room


def test_none_come_back_while_memory_is_full_or_earlier_ones_are_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = line(Destination(cursor=3))
    one.resume([], {5})
    assert one.loader.parked_room() == 0
    one.loader.take([event(4), event(5)], NOW)
    assert one.loader.parked_room() == LOAD_EVENTS
    monkeypatch.setattr("forwarder.delivery.scheduler.window.MAX_WINDOW_BYTES", 1)
    assert one.loader.parked_room() == 0


def test_while_the_destination_is_down_some_come_back_where_nothing_else_can_be_tried() -> None:
    one = line(batch_events=1)
    one.loader.take([event(n, f"u{n}") for n in range(1, 4)], NOW)
    for batch in one.due(NOW, False):
        one.answered(batch, UpstreamResponse(503), NOW)
    assert one.breaker.probing
    assert one.loader.parked_room() == 0
    alone = line(window=10)
    alone.breaker.stop(NOW, "credentials refused")
    assert alone.loader.parked_room() == LOAD_EVENTS


# -- taking


def test_what_finds_no_room_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    one = line()
    size = plan_job(event(1), Planner(), None)[0].size
    monkeypatch.setattr("forwarder.delivery.scheduler.window.MAX_WINDOW_BYTES", size + 1)
    one.loader.take([event(n, "u1") for n in range(1, 5)], NOW)
    assert one.checkpoint.read_to == 2


def test_a_turn_is_given_after_each_event_that_used_up_its_time() -> None:
    one, sizes = line(), list[int]()

    def spent(size: int) -> bool:
        sizes.append(size)
        return len(sizes) == 2

    taking: Iterator[None] = one.loader.taking([event(n, f"u{n}") for n in range(1, 4)], NOW, spent)
    next(taking)
    assert (len(sizes), one.checkpoint.read_to) == (2, 2)
    assert next(taking, "over") == "over"
    expected = [plan_job(event(n, f"u{n}"), Planner(), None)[0].size for n in range(1, 4)]
    assert sizes == expected
    assert all(size > 0 for size in sizes)


def test_an_event_that_was_set_aside_costs_nothing() -> None:
    one, sizes = line(), list[int]()
    one.resume([], {1})

    def spent(size: int) -> bool:
        sizes.append(size)
        return False

    assert list(one.loader.taking([event(1)], NOW, spent)) == []
    assert sizes == [0]
    assert not one.holds_events


def test_an_event_over_which_our_own_code_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    one = line()

    def fails(*_: object, **__: object) -> None:
        raise KeyError("bob")

    monkeypatch.setattr(one._tracker.window, "add", fails)
    for _ in range(2):
        with pytest.raises(KeyError):
            one.loader.take([event(1)], NOW)
    assert one.faults.is_over(1)
    monkeypatch.undo()
    one.loader.take([event(1), event(2, "u2")], NOW)
    [letter] = one.settlement().dead
    assert letter.reason.startswith("our fault: KeyError at ")
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [2])]
    assert not one.faults, "it has ended"


def test_an_event_of_a_user_who_is_parked_is_parked_behind() -> None:
    one = line()
    one.resume([group("uu1")], set())
    one.parking.add(["uu1"], NOW + 60_000)
    one.loader.take([event(5, "u1"), event(6, "u2"), event(7, "u1", "filtered")], NOW)
    settlement = one.settlement()
    assert [(row.event.seq, row.group) for row in settlement.park] == [(5, "uu1")]
    assert one.parking.events == {"uu1": 2}
    assert settlement.ended == {}
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [6])]


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
