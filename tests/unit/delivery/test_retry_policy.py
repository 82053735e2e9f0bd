"""What an answer means for the destination as a whole, and for each event, beside others and alone."""

import random
from itertools import pairwise

import orjson
import pytest
import structlog
from structlog.testing import capture_logs

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.limits import DAY_MS
from forwarder.amplitude.wire.responses import Action, UpstreamResponse
from forwarder.delivery.faults import Faults
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.circuit_breaker import (
    STOPPED_MS,
    CircuitBreaker,
    CircuitState,
    backoff_ms,
)
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.retry_policy import REGROUP_MS, RetryPolicy
from forwarder.delivery.sending import ResponseRecorder
from tests.support.simulation.lines import FAILED, NOW, OK, due, event, line
from tests.support.simulation.spool import Destination

HOUR_MS = 3_600_000


def job(seq: int, *users: str) -> Job:
    """Make an event with one item for each user."""
    items = [Item(Endpoint.HTTPAPI, {}, data=b'{"n":%d}' % n, user_id=user) for n, user in enumerate(users)]
    return Job(event(seq), items, tuple(f"u{user}" for user in users))


def batch_of(*jobs: Job) -> Batch:
    """Put all items of the events into one batch."""
    batch = Batch(jobs[0].items[0], 0, 2000)
    for one in jobs:
        batch.jobs.append(one)
        for item in one.items:
            batch.add(item)
            one.placed += 1
    return batch


def policy() -> RetryPolicy:
    return RetryPolicy(DAY_MS, random.Random(1))


def test_an_event_that_fails_by_itself_hides_no_outage() -> None:
    one = policy()
    one.breaker.good(NOW)
    suspect = job(1, "bad")
    suspect.retry_state().failing_since = NOW - 1
    batch = batch_of(suspect, job(2, "new"))
    for _ in range(3):
        one.apply(batch, FAILED, NOW + 1)
    assert one.breaker.health is CircuitState.DOWN


def test_suspects_alone_are_no_outage() -> None:
    one = policy()
    one.breaker.good(NOW)
    suspect = job(1, "bad")
    suspect.retry_state().failing_since = NOW - 1
    for _ in range(9):
        one.apply(batch_of(suspect), FAILED, NOW + 1)
    assert one.breaker.health is CircuitState.WELL


@pytest.mark.parametrize("users", [("long", "short"), ("short", "long")])
def test_an_event_waits_for_the_longest_hold_of_its_items(users: tuple[str, str]) -> None:
    one, held = policy(), job(1, *users)
    said = {"throttled_users": {"short": 31}, "exceeded_daily_quota_users": {"long": 1}}
    decisions = one.apply(batch_of(held), UpstreamResponse(429, orjson.dumps(said)), NOW)
    assert [decision.action for decision in decisions] == [Action.HOLD, Action.HOLD]
    assert held.ready_at == NOW + HOUR_MS


def test_while_a_destination_is_down_probes_take_turns() -> None:
    one, kept, now = line(batch_events=1), Destination(), NOW
    one.loader.take(
        [event(1, "u1", at=NOW - 1_000), event(2, "u2")], NOW
    )  # the first would always be due first
    probes: list[int] = []
    while len(probes) < 6:
        for batch in due(one, kept, now):
            if one.breaker.probing:
                probes.append(batch.jobs[0].event.seq)
            one.answered(batch, FAILED, now)
        now = max(one.wake_at() or 0, one.breaker.until, now + 1)
    assert {tuple(sorted(pair)) for pair in pairwise(probes)} == {(1, 2)}, probes


def test_what_failed_while_the_destination_is_down_comes_after_what_waits_for_it() -> None:
    one = policy()
    for seq in range(1, 5):
        failed = job(seq, "u")
        one.apply(batch_of(failed), FAILED, NOW + seq)
        if one.breaker.health is CircuitState.DOWN:
            assert failed.ready_at == one.breaker.until + REGROUP_MS
            assert REGROUP_MS > 0
        else:
            assert failed.ready_at > NOW + seq
    assert one.breaker.health is CircuitState.DOWN


def test_a_good_answer_clears_the_failures_before_it() -> None:
    breaker = CircuitBreaker(random.Random(1))
    for _ in range(2):
        breaker.bad(NOW, "status 500", destination_fault=False)
    breaker.good(NOW)
    breaker.bad(NOW, "status 500", destination_fault=False)
    assert breaker.health is CircuitState.WELL


def test_a_pause_shortens_no_longer_one() -> None:
    breaker = CircuitBreaker(random.Random(1))
    breaker.stop(NOW, "invalid API key")
    breaker.pause(NOW, 60_000)
    assert breaker.until == NOW + STOPPED_MS


def test_sent_again_by_an_operator_an_event_keeps_when_it_may_have_been_taken() -> None:
    tried = job(1, "u1")
    state = tried.retry_state()
    state.tries, state.failing_since, state.spent_ms, state.counted_at = 3, NOW, 1_000, NOW
    state.uncertain_since = NOW - DAY_MS
    again = job(1, "u1")
    again.restore(tried.state(), anew=True)
    assert again.retry is not None
    assert again.retry.uncertain_since == NOW - DAY_MS
    assert (again.retry.tries, again.retry.failing_since, again.retry.spent_ms) == (0, 0, 0)


def test_the_answer_to_an_event_stays_with_it_when_our_own_code_then_fails() -> None:
    failed, faults = job(1, "u1", "u2"), Faults()
    failed.fail(failed.items[0], "invalid time", UpstreamResponse(400, b"time is no time"))
    for _ in range(2):
        faults.note_events([1], "TypeError at x.py:1")
    assert faults.apply(failed)
    letter = failed.dead()
    assert letter.reason == "our fault: TypeError at x.py:1"
    assert orjson.loads(letter.detail)["answer"]["body"] == "time is no time"


@pytest.mark.parametrize(
    ("answer", "health"),
    [
        (UpstreamResponse(400, b'{"error":"Invalid API key: k"}'), CircuitState.STOPPED),
        (UpstreamResponse(503), CircuitState.DOWN),
    ],
)
def test_the_log_says_once_that_a_destination_is_held_back(
    answer: UpstreamResponse, health: CircuitState
) -> None:
    one = policy()
    with capture_logs() as logs:
        recorder = ResponseRecorder("held", lambda: NOW, structlog.stdlib.get_logger())
        for _ in range(3):
            batch = batch_of(job(1, "u1"))
            recorder.answered(batch, answer, one.apply(batch, answer, NOW), one)
        assert one.breaker.health is health
        batch = batch_of(job(1, "u1"))
        recorder.answered(batch, OK, one.apply(batch, OK, NOW), one)
    said = [line["event"] for line in logs if line["event"].startswith("destination is")]
    assert said == [f"destination is {health}", "destination is well"]


# -- what is noted of an answer


def test_an_endpoint_has_answers_of_its_own() -> None:
    one = line()
    one.loader.take([event(1, kind="identify")], NOW)
    [batch] = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(429, b'{"throttled_users":{"u1":31}}'), NOW)
    [waiting] = [kept for kept in [one.settlement()] if kept.park]
    assert waiting.park[0].event.seq == 1
    assert one.parking.wake_at() is not None
    text = line()
    text.loader.take([event(1, kind="identify")], NOW)
    [batch] = text.due(NOW, False)
    text.answered(batch, UpstreamResponse(200, b"success"), NOW)
    assert text.settlement().ended == {("delivered", ""): 1}, "here a word will do, for there is no code"


@pytest.mark.parametrize(("endpoint", "seconds"), [(Endpoint.HTTPAPI, 30), (Endpoint.IDENTIFY, 15)])
def test_a_throttled_user_is_held_for_as_long_as_the_endpoint_says(endpoint: Endpoint, seconds: int) -> None:
    held = Job(event(1), [Item(endpoint, {}, data=b"{}", user_id="u1")], ("uu1",))
    policy().apply(batch_of(held), UpstreamResponse(429, b'{"throttled_users":{"u1":31}}'), NOW)
    assert held.ready_at == NOW + 1_000 * seconds
    taken = UpstreamResponse(200, b"success")
    done = [one.action for one in policy().apply(batch_of(held), taken, NOW)]
    assert (done == [Action.ACCEPTED]) is (endpoint is Endpoint.IDENTIFY), "events need Amplitude's own words"


def test_the_last_failure_is_why_it_is_down() -> None:
    one = policy()
    for seq in range(3):
        one.apply(batch_of(job(seq, "u1")), FAILED, NOW)
    assert (one.breaker.health, one.breaker.reason) == (CircuitState.DOWN, "status 500")


@pytest.mark.parametrize("answer", [UpstreamResponse(400, b'{"error":"no"}'), UpstreamResponse(500, b"oops")])
def test_a_dead_letter_keeps_the_answer_on_which_it_was_given_up(answer: UpstreamResponse) -> None:
    one = RetryPolicy(0, random.Random(1))
    dead = job(1, "u1")
    for at in range(3):
        one.breaker.good(NOW + 10 * at + 5)
        dead.placed = 0
        one.apply(batch_of(dead), answer, NOW + 10 * (at + 1))
    assert dead.done
    assert dead.retry is not None
    assert dead.retry.answer == answer


def test_every_item_that_is_refused_counts_as_a_good_answer_of_the_destination() -> None:
    one = policy()
    one.breaker.bad(NOW, "status 500", destination_fault=True)
    said = {"events_with_invalid_fields": {"time": [0]}}
    one.apply(batch_of(job(1, "u1")), UpstreamResponse(400, orjson.dumps(said)), NOW + 9)
    assert (one.breaker.last_good, one.breaker.until) == (NOW + 9, 0)


def test_why_a_destination_is_left_alone_is_kept() -> None:
    one = policy()
    one.apply(batch_of(job(1, "u1")), UpstreamResponse(401), NOW)
    assert (one.breaker.reason, one.breaker.until) == ("credentials refused", NOW + STOPPED_MS)


@pytest.mark.parametrize(
    ("failing_since", "last_good", "suspect"),
    [(NOW, NOW + 1, True), (NOW, NOW, False), (0, NOW, False), (1, NOW, True)],
)
def test_who_fails_since_others_succeeded_is_under_suspicion(
    failing_since: int, last_good: int, suspect: bool
) -> None:
    one, failed = policy(), job(1, "u1")
    one.breaker.good(last_good)
    failed.retry_state().failing_since = failing_since
    for _ in range(9):
        one.apply(batch_of(failed), FAILED, NOW + 9)
        failed.placed = 0
        failed.retry_state().failing_since = failing_since or 0
    assert (one.breaker.health is CircuitState.WELL) is suspect


def test_a_first_failure_may_be_the_destinations() -> None:
    one = policy()
    for seq in range(3):
        one.apply(batch_of(job(seq, "u1")), FAILED, NOW)
    assert one.breaker.health is CircuitState.DOWN


def test_each_try_near_the_end_of_amplitudes_memory_is_counted() -> None:
    one = policy()
    for seq in range(2):
        old = job(seq, "u1")
        old.retry_state().uncertain_since = NOW - 6 * DAY_MS - 1
        one.apply(batch_of(old), FAILED, NOW)
    assert one.near_expiry == 2


@pytest.mark.parametrize(
    ("tries", "most"), [(0, 1_000), (1, 1_000), (2, 2_000), (5, 16_000), (6, 30_000), (99, 30_000)]
)
def test_waits_double_up_to_half_a_minute_and_are_spread_by_a_quarter(tries: int, most: int) -> None:
    waits = [backoff_ms(tries, random.Random(seed)) for seed in range(200)]
    assert 0.75 * most <= min(waits) < 0.8 * most
    assert 0.95 * most < max(waits) <= most


def test_a_breaker_begins_and_begins_anew_closed() -> None:
    breaker = CircuitBreaker(random.Random(1))
    assert (breaker.health, breaker.until, breaker.last_good, breaker.reason) == (CircuitState.WELL, 0, 0, "")
    for _ in range(3):
        breaker.bad(NOW, "status 500", destination_fault=False)
    assert (breaker.health, breaker.reason, breaker.probing) == (CircuitState.DOWN, "status 500", True)
    assert breaker.until > NOW
    breaker.good(NOW + 1)
    state = breaker.health, breaker.until, breaker.last_good, breaker.reason
    assert state == (CircuitState.WELL, 0, NOW + 1, "")
    for _ in range(2):
        breaker.bad(NOW + 2, "status 500", destination_fault=False)
    assert (breaker.health, breaker.until) == (CircuitState.WELL, 0), "its events wait, others go on"
    breaker.bad(NOW + 2, "status 500", destination_fault=False)
    assert breaker.health is CircuitState.DOWN


def test_a_fault_that_is_surely_the_destinations_holds_everything_back_at_once() -> None:
    breaker = CircuitBreaker(random.Random(1))
    breaker.bad(NOW, "unreachable", destination_fault=True)
    assert (breaker.health, breaker.reason) == (CircuitState.WELL, "")
    assert NOW + 750 <= breaker.until <= NOW + 1_000
