"""Order and shares of users and devices, and what a scheduler leaves at the end."""

import orjson

from forwarder.delivery.faults import Faults
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.ordering import KeyOrder
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.delivery.scheduler.throttle import KeyThrottle
from forwarder.delivery.scheduler.tracker import JobTracker
from forwarder.spool import MessageGroup
from tests.support.simulation.lines import FAILED, NOW, due, event, line
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination


def planned(seq: int, user: str | None = "u1", device: str | None = None) -> Job:
    return plan_job(event(seq, user, device=device), Planner(), None)[0]


# -- order


def test_as_many_wait_as_were_put_in_and_not_taken_out() -> None:
    order = KeyOrder()
    jobs = [planned(1, "a"), planned(2, "a"), planned(3, "b")]
    order.enqueue(jobs[1])
    order.requeue_front([jobs[0]])
    order.enqueue(jobs[2])
    assert order.waiting == 3
    assert [job.event.seq for job in order.heads(["ua"])] == [1]
    order.dequeue(jobs[0])
    assert order.waiting == 2
    assert order.has_waiting(["ux", "ua"])
    order.dequeue(jobs[1])
    assert (order.waiting, order.has_waiting(["ua"]), order.has_waiting(["ub"])) == (1, False, True)


def test_all_that_wait_behind_one_are_found_however_far() -> None:
    order = KeyOrder()
    chain = [
        planned(1, "a"),
        planned(2, "a", "x"),
        planned(3, "b", "x"),
        planned(4, "b", "y"),
        planned(5, "c"),
    ]
    for job in chain:
        order.enqueue(job)
    found, keys = order.drain(chain[0])
    assert [job.event.seq for job in found] == [1, 2, 3, 4]
    assert keys == {"ua", "ub", "dx", "dy"}
    assert order.waiting == 1
    assert order.has_waiting(["uc"])
    assert not order.has_waiting(keys)


def test_all_keys_of_one_are_followed() -> None:
    order = KeyOrder()
    jobs = [planned(1, "a", "x"), planned(2, "a", "m"), planned(3, "b", "x"), planned(4, "b", "m")]
    for job in jobs:
        order.enqueue(job)
    assert [job.event.seq for job in order.drain(jobs[0])[0]] == [1, 2, 3, 4]


# -- shares


def test_a_throttled_users_share_is_halved_and_forgotten_once_nothing_of_his_waits() -> None:
    one = line()
    one.loader.take([event(n, "u1") for n in range(1, 8)] + [event(8, "u2")], NOW)
    [batch] = one.due(NOW, False)
    throttle, order = KeyThrottle(), KeyOrder()
    assert not throttle
    jobs = [job for job in batch.jobs if "uu1" in job.keys]
    for job in jobs:
        job.retry_state().ready_at = NOW + 1
        order.enqueue(job)
    throttle.adapt(batch, order, NOW)
    assert throttle
    three = one._queue.batches
    open_batch = three.open_for(jobs[0])
    for job, fits in zip(jobs[:4], (True, True, True, False), strict=True):
        job.placed = 0
        assert throttle.fits(job, open_batch) is fits
        three.add(open_batch, job, NOW)
    assert throttle.fits(jobs[0], None), "in a new one anybody may go"
    assert throttle.fits(planned(9, "u2"), open_batch)
    for job in jobs:
        order.dequeue(job)
    throttle.adapt(batch, order, NOW + 1)
    assert not throttle


def test_who_may_go_again_at_once_keeps_his_share() -> None:
    one = line()
    one.loader.take([event(1, "u1"), event(2, "u1")], NOW)
    [batch] = one.due(NOW, False)
    throttle, order = KeyThrottle(), KeyOrder()
    for job in batch.jobs:
        job.retry_state().ready_at = NOW
        order.enqueue(job)
    throttle.adapt(batch, order, NOW)
    assert not throttle


# -- at the end


def tracker(*seqs: int) -> tuple[JobTracker, list[Job]]:
    one, jobs = JobTracker(SchedulerSettings(), 0, Faults()), [planned(seq, f"u{seq}") for seq in seqs]
    for job in jobs:
        one.checkpoint.read(job.event.seq)
        one.window.add(job, new=True)
    return one, jobs


def test_at_the_end_what_keeps_the_cursor_before_ended_events_is_parked() -> None:
    one, (first, second, third) = tracker(1, 2, 3)
    assert not one.has_news()
    one.finish(second)
    one.park_unfinished()
    assert [row.event.seq for row in one.settlement().park] == [1]
    assert one.checkpoint.cursor == 2
    third.retry_state().uncertain_since = NOW
    one.park_unfinished()
    assert [row.event.seq for row in one.settlement().park] == [3], "it may have been sent"
    assert first.group is None


def test_what_came_back_and_was_not_sent_stays_where_it_is_parked() -> None:
    one, (_, second) = tracker(1, 2)
    one.resume([MessageGroup("u0", frozenset({"u0"}), 1)], set())
    back = planned(0, "u0")
    group = one.parking.group_named("u0")
    assert group is not None
    one.parking.loaded(group, [back], NOW)
    one.window.add(back, new=False)
    one.finish(second)
    one.park_unfinished()
    assert [row.event.seq for row in one.settlement().park] == [1]


def test_a_dead_letter_alone_is_news() -> None:
    one = JobTracker(SchedulerSettings(), 0, Faults())
    one.resume([MessageGroup("u1", frozenset({"u1"}), 1)], set())
    back = planned(1, "u1")
    group = one.parking.group_named("u1")
    assert group is not None
    one.parking.loaded(group, [back], NOW)
    one.window.add(back, new=False)
    one.parking.changes()
    one._dead.append(back.dead())
    assert one.has_news()


def test_each_kind_of_news_is_written() -> None:
    one, (first, second) = tracker(1, 2)
    second.fail_rest("refused", None)
    one.finish(second)
    assert one.has_news()
    settlement = one.settlement()
    assert [letter.event.seq for letter in settlement.dead] == [2]
    assert not one.has_news()
    one.park([first], first.keys, 0)
    assert one.has_news()
    assert [row.event.seq for row in one.settlement().park] == [1]
    assert not one.has_news()
    one.checkpoint.set_aside(3)
    assert one.has_news()


def test_a_parked_event_keeps_what_it_has_tried() -> None:
    one, kept = line(), Destination()
    one.loader.take([event(1)], NOW)
    [batch] = one.due(NOW, False)
    one.answered(batch, FAILED, NOW)
    one.park_unfinished()
    kept.settle(one.settlement())
    assert orjson.loads(kept.parked[1].state)["tries"] == 1
    again = line(kept)
    [batch] = due(again, kept, NOW)
    assert batch.jobs[0].retry is not None
    assert batch.jobs[0].retry.tries == 1
