"""How a scheduler uses memory, and what it makes of our own faults."""

import random
from typing import Any

import pytest

from forwarder.amplitude.wire.responses import Action, Decision, UpstreamResponse
from forwarder.delivery.faults import Faults
from forwarder.delivery.scheduler import scheduler
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.scheduler.settings import PARK_MS, PATIENCE_MS, SchedulerSettings
from forwarder.spool.suppression import FOR_EVER, Suppression, marks_for
from tests.support.simulation.lines import FAILED, NOW, OK, event, line, sent
from tests.support.simulation.planner import Planner

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
