"""How a scheduler uses memory, and what it makes of our own faults; order and shares of users and devices."""

import random
from typing import Any

import orjson
import pytest

from forwarder.amplitude.wire.responses import Action, Decision, UpstreamResponse
from forwarder.delivery.faults import Faults
from forwarder.delivery.scheduler import scheduler
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.ordering import KeyOrder
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.scheduler.settings import PARK_MS, PATIENCE_MS, SchedulerSettings
from forwarder.delivery.scheduler.throttle import KeyThrottle
from forwarder.delivery.scheduler.tracker import JobTracker
from forwarder.spool import MessageGroup
from forwarder.spool.suppression import FOR_EVER, Suppression, marks_for
from tests.support.simulation.lines import FAILED, NOW, OK, due, event, line, sent
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination


def planned(seq: int, user: str | None = "u1", device: str | None = None) -> Job:
    return plan_job(event(seq, user, device=device), Planner(), None)[0]


# -- what it is made of


def test_a_scheduler_goes_by_its_sources_the_deleted_users_and_faults_of_before() -> None:
    marks = [mark._replace(upto=9) for mark in marks_for(["gone"], [""], FOR_EVER)]
    faults = Faults()
    for _ in range(2):
        faults.note_events([3], "KeyError at x.py:1")
    settings = SchedulerSettings(linger_ms=0)
    suppression = Suppression(marks, "d")
    one = Scheduler(Planner(), frozenset({"demo"}), settings, 0, random.Random(1), faults, suppression)
    one.loader.take([event(1, "gone"), event(2, "u2"), event(3, "u3")], NOW)
    other = Scheduler(Planner(), frozenset({"other"}), settings, 0, random.Random(1))
    other.loader.take([event(1)], NOW)
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [2])]
    assert [letter.reason for letter in one.settlement().dead] == ["our fault: KeyError at x.py:1"]
    assert other.settlement().ended == {("filtered", "source not routed here"): 1}


# -- batches fill


@pytest.mark.parametrize(("window", "fills"), [(1, False), (2, True), (3, True)])
def test_batches_fill_while_more_is_at_hand_and_there_is_room_for_it(window: int, fills: bool) -> None:
    one = line(None, window=window)
    one.loader.take([event(1)], NOW)
    assert (one.due(NOW, True) == []) is fills
    if fills:
        assert one.due(NOW + PATIENCE_MS - 1, True) == []
        assert sent(one.due(NOW + PATIENCE_MS, True)) == [("HTTPAPI", [1])]


# -- memory


def failing(one: Scheduler, *seqs: int, now: int = NOW) -> None:
    """Let events fail each by itself, while others get through, so that they wait."""
    for batch in one.due(now, False):
        assert batch.jobs[0].event.seq in seqs
        one.breaker.good(now)
        one.answered(batch, FAILED, now)


def test_where_memory_is_full_those_that_wait_longest_wait_on_disk() -> None:
    one = line(None, window=8, batch_events=1, at_once=8)
    one.loader.take([event(n, f"u{n}") for n in range(1, 9)], NOW)
    failing(one, *range(1, 9))
    waits = {job.event.seq: job.ready_at for job in one._tracker.window.new}
    assert one.loader.room() == 0
    assert one.due(NOW, False) == []
    parked = [row.event.seq for row in one.settlement().park]
    assert len(parked) == 6, "down to a quarter of the window"
    assert parked == sorted(waits, key=waits.__getitem__, reverse=True)[:6]
    kept = {job.event.seq for job in one._tracker.window.new}
    assert kept == set(waits) - set(parked)
    assert one._delayed.next_at == min(waits[seq] for seq in kept)
    assert {job.event.seq for job in one._delayed.longest_first(NOW)} == kept, "the others are on disk"


def test_where_there_is_room_nobody_is_parked_for_it() -> None:
    one = line(None, window=9, batch_events=1, at_once=8)
    one.loader.take([event(n, f"u{n}") for n in range(1, 9)], NOW)
    failing(one, *range(1, 9))
    assert one.loader.room() == 1
    one.due(NOW, False)
    assert one.settlement().park == []


def test_whose_time_has_come_is_not_parked_for_room() -> None:
    one = line(None, window=8, batch_events=1, at_once=8)
    one.loader.take([event(n, f"u{n}") for n in range(1, 9)], NOW)
    failing(one, *range(1, 9))
    assert len(one.due(NOW + PARK_MS, False)) == 8
    assert one.settlement().park == []


@pytest.mark.parametrize(("most", "parked"), [(3, 3), (4, 4), (100, 6)])
def test_as_many_groups_are_made_as_there_may_be(
    most: int, parked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "MAX_GROUPS", most)
    one = line(None, window=8, batch_events=1, at_once=8)
    one.loader.take([event(n, f"u{n}") for n in range(1, 9)], NOW)
    failing(one, *range(1, 9))
    one.due(NOW, False)
    assert len(one.settlement().park) == parked


@pytest.mark.parametrize(("wait_ms", "parked"), [(PARK_MS, []), (PARK_MS + 1, [1])])
def test_who_has_to_wait_for_long_does_so_on_disk(
    wait_ms: int, parked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = line()
    one.loader.take([event(1, "u1")], NOW)
    [batch] = one.due(NOW, False)

    def hold(*_: object) -> list[Decision]:
        batch.jobs[0].retry_state().ready_at = NOW + wait_ms
        return [Decision(Action.HOLD, "throttled", wait_ms)]

    monkeypatch.setattr(one.retry_policy, "apply", hold)
    one.answered(batch, OK, NOW)
    assert [row.event.seq for row in one.settlement().park] == parked
    assert one._delayed.next_at == (None if parked else NOW + wait_ms)


def test_who_may_go_again_at_once_is_not_kept_waiting() -> None:
    one = line()
    one.loader.take([event(1, "u1")], NOW)
    [batch] = one.due(NOW, False)
    batch.jobs[0].retry_state().ready_at = NOW
    one.answered(batch, UpstreamResponse(429, b"{}"), NOW)
    assert one._delayed.next_at is None


# -- when something comes next


def test_a_scheduler_knows_when_something_is_due_next() -> None:
    one = line(None, linger_ms=50)
    one.loader.loaded("", [], NOW)
    assert one.wake_at() == NOW + 2_000, "an operator's dead letters are looked for"
    one.loader.take([event(1)], NOW)
    assert one.wake_at() == NOW + 50
    one.breaker.pause(NOW, 1_000)
    assert one.wake_at() == NOW + 1_000, "nothing may be sent before"


def test_while_one_request_at_a_time_is_tried_its_answer_comes_first() -> None:
    one = line(None, batch_events=1)
    one.breaker.stop(NOW, "credentials refused")
    one.loader.take([event(1, "u1"), event(2, "u2")], NOW)
    later = one.breaker.until
    assert len(one.due(later, False)) == 1
    assert one.wake_at() is None


def test_parked_events_are_not_woken_for_while_none_may_come_back() -> None:
    one = line(None, window=2, at_once=1, batch_events=1)
    assert one.loader.parked_room() == 1
    assert one.wake_at() == 0
    one.resume([], {5})
    assert one.wake_at() is None


# -- our own faults


def test_a_fault_over_an_answer_is_a_failed_try_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    one = line()
    one.loader.take([event(n, f"u{n}") for n in range(1, 4)], NOW)
    [batch] = one.due(NOW, False)

    def fails(*_: object) -> Any:
        raise KeyError("bob")

    monkeypatch.setattr(one.retry_policy, "apply", fails)
    decisions = one.answered(batch, OK, NOW)
    assert len(decisions) == 3
    [decision] = set(decisions)
    assert (decision.action, decision.may_be_accepted) == (Action.FAULT, True)
    assert decision.reason.startswith("our fault: KeyError at ")
    assert one.due(NOW, False) == []
    monkeypatch.undo()
    for job in batch.jobs:
        assert NOW + 750 <= job.ready_at <= NOW + 1_000
        assert job.retry is not None
        assert job.retry.uncertain_since == NOW
    now = NOW + 1_000
    [again] = one.due(now, False)
    assert len(again.jobs) == 3
    one.answered(again, UpstreamResponse(0, b"KeyError at x.py:1", "fault"), now)
    for job in batch.jobs:
        assert now + 1_500 <= job.ready_at <= now + 2_000, "each further one doubles the wait"
        assert job.retry is not None
        assert job.retry.uncertain_since == NOW, "the first try counts"


# -- the watchdog


def test_the_first_event_is_left_where_it_may_be_sent_and_is_in_no_batch() -> None:
    one = line(None, at_once=1)
    assert one.first_left(NOW) == 0
    one.loader.take([event(7, "u1")], NOW)
    assert one.first_left(NOW) == 0, "it is in a batch"
    [batch] = one.due(NOW, False)
    one._queue.batches.complete(batch)
    assert one.first_left(NOW) == 7
    batch.jobs[0].retry_state().ready_at = NOW + 5
    assert (one.first_left(NOW + 4), one.first_left(NOW + 5)) == (0, 7)
    one.breaker.pause(NOW, 9)
    assert (one.first_left(NOW + 8), one.first_left(NOW + 9)) == (0, 7)
    one.breaker.stop(NOW, "refused")
    assert one.first_left(one.breaker.until) == 0, "one at a time is tried"


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
