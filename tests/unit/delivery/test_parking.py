"""Parked groups: put together, read, and read again only once what was decided of them is written."""

import pytest

from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.parking import REDRIVEN, Parking
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.spool import MessageGroup, Parked
from tests.support.simulation.lines import NOW, due, event, line, sent
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination


def job(seq: int, user: str) -> Job:
    return plan_job(event(seq, user), Planner(), None)[0]


def test_events_parked_and_not_written_yet_follow_when_groups_become_one() -> None:
    parking = Parking(2_000)
    for seq, user in enumerate(("a", "b"), start=1):
        parking.park(parking.add([user]), job(seq, user))
    whole = parking.add(["a", "b"])
    park, _, merge = parking.changes()
    assert {one.event.seq: one.group for one in park} == {1: whole.name, 2: whole.name}
    assert merge == {({"a", "b"} - {whole.name}).pop(): whole.name}
    assert parking.events == {whole.name: 2}


def test_no_group_is_named_like_one_that_is_being_merged() -> None:
    parking = Parking(2_000)
    parking.resume([MessageGroup("a", frozenset({"x"}), 1), MessageGroup("b", frozenset({"y"}), 1)])
    kept = parking.add(["x", "y"])
    gone = ({"a", "b"} - {kept.name}).pop()
    assert parking.add([gone]).name == f"{gone}+"


def test_nothing_is_read_before_what_was_decided_is_written() -> None:
    parking = Parking(2_000)
    parking.park(parking.add(["a"], NOW), job(1, "a"))
    names = {REDRIVEN, "a"}
    assert parking.next_due(NOW) is None, "what is read would not be what is meant"
    parking.changes()
    due_now = parking.next_due(NOW)
    assert due_now is not None
    assert due_now.name in names


def test_a_group_that_is_held_again_while_it_is_read_stays_where_it_is() -> None:
    one = line()
    one.resume([MessageGroup("uu1", frozenset({"uu1"}), 1)], set())
    one.loader.loaded(REDRIVEN, [], NOW)
    assert one.loader.load(NOW) == ("uu1", 500)
    one.parking.add(["uu1"], NOW + 60_000)
    one.loader.loaded("uu1", [Parked(event(1, "u1"), "uu1", ("uu1",), b"")], NOW)
    assert one.due(NOW, False) == []
    assert one.parking.loaded_events == 0


@pytest.mark.parametrize("waiting", [True, False])
def test_an_event_that_is_sent_again_by_an_operator_passes_no_parked_one_of_its_user(waiting: bool) -> None:
    one, kept = line(Destination(cursor=9)), Destination(cursor=9)
    if waiting:
        one.resume([MessageGroup("uu1", frozenset({"uu1"}), 1)], set())
        one.parking.add(["uu1"], NOW + 60_000)
    kept.parked[9] = Parked(event(9, "u1"), REDRIVEN, (), b"")
    batches = due(one, kept, NOW)
    if waiting:
        assert batches == []
        assert [(parked.event.seq, parked.group) for parked in one.settlement().park] == [(9, "uu1")]
    else:
        assert sent(batches) == [("HTTPAPI", [9])]
