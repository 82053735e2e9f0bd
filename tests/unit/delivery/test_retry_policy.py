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
from forwarder.delivery.scheduler.circuit_breaker import STOPPED_MS, CircuitBreaker, CircuitState
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
