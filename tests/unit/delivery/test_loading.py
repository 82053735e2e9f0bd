"""How many events a scheduler takes, from the spool and from parking, and what becomes of each."""

from collections.abc import Iterator

import pytest

from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.scheduler import loader
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.delivery.scheduler.settings import LOAD_EVENTS
from tests.support.simulation.groups import group, loads, rows
from tests.support.simulation.lines import NOW, OK, event, line, sent
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination

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
