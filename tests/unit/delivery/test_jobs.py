"""How far one event and one destination have come, and what outlives a restart of it."""

import orjson
import pytest

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.limits import DAY_MS, INSERT_ID_WINDOW_MS
from forwarder.amplitude.wire.responses import Action, Decision, UpstreamResponse
from forwarder.delivery.scheduler.checkpoint import Checkpoint
from forwarder.delivery.scheduler.job import LONGEST_ERROR, MOST_DETAIL, MOST_ERRORS, Job
from forwarder.delivery.scheduler.retry_state import MAX_GAP_MS, RetryState
from forwarder.outcomes import Outcome
from tests.support.simulation.lines import NOW, event

HOUR_MS = 3_600_000
FAILED = Decision(Action.RETRY, "status 503")
MAYBE = Decision(Action.RETRY, "status 500", may_be_accepted=True)


def job(*items: bytes, follows: tuple[int, ...] = ()) -> Job:
    made = [Item(Endpoint.HTTPAPI, {}, None, n in follows, data=data) for n, data in enumerate(items)]
    return Job(event(1), made, ("uu1", "dd1"))


# -- one job


def test_a_job_is_done_with_its_last_item() -> None:
    one = job(b"1", b"2")
    assert (one.done, one.has_past, one.next_item) == (False, False, one.items[0])
    one.items[0].done = True
    assert (one.done, one.has_past, one.next_item) == (False, True, one.items[1])
    one.items[1].done = True
    assert one.done
    assert job().done
    with pytest.raises(AssertionError):
        _ = one.next_item


def test_without_failures_it_may_be_sent_at_once() -> None:
    one = job(b"1")
    assert (one.split_level, one.ready_at, one.reason, one.retry) == (0, 0, "", None)
    state = one.retry_state()
    state.split_level, state.ready_at, state.reason = 3, NOW, "why"
    assert one.retry_state() is state
    assert (one.split_level, one.ready_at, one.reason, one.has_past) == (3, NOW, "why", False)
    state.uncertain_since = NOW
    assert one.has_past


def test_items_that_follow_only_the_success_of_one_fail_with_it() -> None:
    one = job(b"0", b"1", b"2", b"3", b"4", follows=(1, 2, 4))
    one.items[2].done = True
    answer = UpstreamResponse(400, b"no")
    one.fail(one.items[0], "refused", answer)
    before = "the item before it failed"
    assert [(item.done, item.reason) for item in one.items] == [
        (True, "refused"),
        (True, before),
        (True, ""),
        (False, ""),
        (False, ""),
    ]
    assert one.retry_state().answer == answer
    one.fail(one.items[3], "later", None)
    assert (one.reason, one.retry_state().answer) == ("refused", answer), "the first one is the event's"
    assert one.items[4].reason == before


def test_what_was_accepted_is_not_given_up_with_the_rest() -> None:
    one = job(b"0", b"1", b"2")
    one.items[1].done = True
    answer = UpstreamResponse(500)
    one.fail_rest("gave up", answer)
    assert [item.reason for item in one.items] == ["gave up", "", "gave up"]
    assert one.retry_state().answer == answer


def test_what_outlives_a_restart() -> None:
    one = job(b"0", b"1", b"2")
    one.items[0].done = True
    one.fail(one.items[1], "refused", None)
    state = one.retry_state()
    state.tries, state.failing_since, state.spent_ms, state.counted_at = 1, 2, 3, 4
    state.split_level, state.uncertain_since, state.ready_at = 5, 6, 7
    kept = orjson.loads(one.state())
    assert kept == {
        "taken": [one.items[0].content_hash],
        "tries": 1,
        "failing_since": 2,
        "spent_ms": 3,
        "counted_at": 4,
        "level": 5,
        "maybe_since": 6,
    }
    again = job(b"1", b"0", b"new")
    again.restore(one.state(), anew=False)
    assert [item.done for item in again.items] == [False, True, False], "planned alike, in whatever order"
    found = again.retry_state()
    assert (found.tries, found.failing_since, found.spent_ms, found.counted_at) == (1, 2, 3, 4)
    assert (found.split_level, found.uncertain_since, found.ready_at, found.reason) == (5, 6, 0, "")
    fresh = job(b"0")
    fresh.restore(job(b"0").state(), anew=True)
    assert (fresh.retry, fresh.done) == (None, False), "who never failed has no past"
    fresh.restore(b"", anew=True)
    assert fresh.retry is None


def test_it_is_parked_with_its_keys_and_its_state() -> None:
    one = job(b"0")
    one.items[0].done = True
    row = one.parked("group")
    assert (row.event, row.group, row.keys, row.state) == (one.event, "group", ("uu1", "dd1"), one.state())


def test_a_dead_letter_says_what_failed_why_and_what_was_answered() -> None:
    one = job(b'{"n":0}', b'{"n":1}', b'{"n":2}')
    one.items[0].done = True
    one.fail(one.items[1], "refused: \ud83d", UpstreamResponse(400, b"\xff" + b"x" * 3000, "broken"))
    one.retry_state().errors = ["e" * (LONGEST_ERROR + 1), "half \ud83d", *["more"] * MOST_ERRORS]
    letter = one.dead()
    assert (letter.event, letter.reason, letter.state) == (one.event, "refused: \ufffd", one.state())
    detail = orjson.loads(letter.detail)
    assert detail["items"] == 3
    assert detail["failed"] == [{"endpoint": Endpoint.HTTPAPI, "reason": "refused: \ufffd", "item": {"n": 1}}]
    assert detail["errors"] == ["e" * LONGEST_ERROR, "half \ufffd", *["more"] * (MOST_ERRORS - 2)]
    assert detail["answer"] == {"status": 400, "failure": "broken", "body": "\ufffd" + "x" * 1999}


def test_a_dead_letter_without_an_answer_has_none_and_its_reason_is_bounded() -> None:
    one = job()
    one.retry_state().reason = "r" * (LONGEST_ERROR + 1)
    letter = one.dead()
    assert orjson.loads(letter.detail) == {"items": 0, "failed": [], "errors": []}
    assert letter.reason == "r" * LONGEST_ERROR
    assert job(b"0").dead().reason == ""


def test_a_dead_letter_shows_as_many_items_as_it_has_room_for() -> None:
    half = b'"%b"' % (b"x" * (MOST_DETAIL // 2 - 2))
    one = job(half, half, b"1")
    one.fail_rest("no", None)
    shown = ["item" in part for part in orjson.loads(one.dead().detail)["failed"]]
    assert shown == [True, True, False]


# -- retries


def test_failing_counts_only_while_others_succeed() -> None:
    state = RetryState()
    state.failed(FAILED, NOW, 0)
    assert (state.tries, state.failing_since, state.counted_at, state.spent_ms) == (1, NOW, NOW, 0)
    state.failed(FAILED, NOW + 10, NOW)
    assert (state.tries, state.spent_ms, state.counted_at) == (2, 0, NOW), "nobody succeeded since"
    state.failed(FAILED, NOW + 20, NOW + 1)
    assert (state.tries, state.spent_ms, state.counted_at) == (3, 20, NOW + 20)
    state.failed(FAILED, NOW + 20 + 2 * MAX_GAP_MS, NOW + 21)
    assert state.spent_ms == 20 + MAX_GAP_MS, "in a longer gap all may have failed"
    assert (state.failing_since, state.uncertain_since) == (NOW, 0)
    state.restart()
    assert (state.tries, state.failing_since, state.spent_ms, state.counted_at) == (0, 0, 0, 0)


def test_the_first_try_that_may_have_been_accepted_counts() -> None:
    state = RetryState()
    state.failed(FAILED, NOW, 0)
    state.failed(MAYBE, NOW + 1, 0)
    state.failed(MAYBE, NOW + 2, 0)
    assert state.uncertain_since == NOW + 1


@pytest.mark.parametrize(
    ("spent_ms", "why"), [(HOUR_MS // 2, ""), (HOUR_MS // 2 + 1, "gave up after 0.5 h: status 503")]
)
def test_who_has_spent_its_budget_is_given_up(spent_ms: int, why: str) -> None:
    assert RetryState(spent_ms=spent_ms).give_up_reason(FAILED, NOW, HOUR_MS // 2) == why


def test_what_amplitude_may_have_forgotten_is_given_up_and_that_is_told_a_day_before() -> None:
    state = RetryState(uncertain_since=NOW)
    assert not state.near_dedup_expiry(NOW + INSERT_ID_WINDOW_MS - DAY_MS)
    assert state.near_dedup_expiry(NOW + INSERT_ID_WINDOW_MS - DAY_MS + 1)
    assert state.give_up_reason(MAYBE, NOW + INSERT_ID_WINDOW_MS, 1) == ""
    why = state.give_up_reason(MAYBE, NOW + INSERT_ID_WINDOW_MS + 1, 1)
    assert why == "sending again may count twice: first tried over 7 days ago"
    assert RetryState(uncertain_since=1).near_dedup_expiry(NOW)
    never = RetryState()
    assert not never.near_dedup_expiry(NOW)
    assert never.give_up_reason(FAILED, NOW, 1) == ""


# -- a destination


def test_the_cursor_passes_what_has_ended_or_is_set_aside() -> None:
    one = Checkpoint(5)
    assert (one.cursor, one.read_to, one.rereading, one.advance()) == (5, 5, False, False)
    assert all(one.read(seq) for seq in (6, 7, 8, 9))
    assert one.read_to == 9
    one.ended(7)
    one.ended(8, "no trigger matched")
    assert (one.advance(), one.cursor, one.last_end()) == (False, 5, 8)
    one.set_aside(6)
    assert (one.advance(), one.cursor, one.last_end()) == (True, 8, 0)
    delivered, filtered = (Outcome.DELIVERED, ""), (Outcome.FILTERED, "no trigger matched")
    assert one.drain_counts() == {delivered: 1, filtered: 1}
    assert (one.advance(), one.drain_counts()) == (False, {})
    one.ended(6)
    assert one.advance(), "what was parked is counted once it ends"
    assert (one.cursor, one.drain_counts()) == (8, {delivered: 1})


def test_a_dead_letter_is_counted_at_once_by_the_part_of_its_reason_that_is_one_of_a_few() -> None:
    one = Checkpoint(0)
    one.read(1)
    one.read(2)
    one.dead_lettered(2, "refused: bob: x")
    assert one.advance()
    assert (one.cursor, one.drain_counts()) == (0, {(Outcome.DEAD, "refused"): 1})
    one.dead_lettered(1, "gave up")
    one.advance()
    assert (one.cursor, one.drain_counts()) == (2, {(Outcome.DEAD, "gave up"): 1})


def test_what_the_cursor_has_passed_is_not_waited_for() -> None:
    one = Checkpoint(5)
    one.set_aside(5)
    one.set_aside(4)
    one.ended(5)
    one.ended(4)
    one.dead_lettered(3, "refused")
    one.dead_lettered(2, "refused")
    assert one.last_end() == 0
    assert one.counts == {(Outcome.DELIVERED, ""): 2, (Outcome.DEAD, "refused"): 2}


def test_one_that_is_set_aside_after_it_ended_has_ended() -> None:
    one = Checkpoint(0)
    one.ended(1)
    one.set_aside(1)
    one.advance()
    assert one.drain_counts() == {(Outcome.DELIVERED, ""): 1}


def test_what_an_earlier_run_set_aside_is_passed_over_until_all_it_read_is_read_again() -> None:
    one = Checkpoint(5)
    one.resume({7, 9})
    rereading = [one.rereading]
    assert [one.read(seq) for seq in (6, 7, 8)] == [True, False, True]
    rereading.append(one.rereading)
    one.ended(6)
    one.advance()
    assert (one.cursor, one.read(9)) == (7, False)
    assert [*rereading, one.rereading] == [True, True, False]
    none = Checkpoint(0)
    assert not none.rereading
    none.resume(set())
    assert not none.rereading


def test_where_all_read_has_ended_the_cursor_is_where_reading_goes_on() -> None:
    one = Checkpoint(5)
    one.ended(6)
    one.advance()
    assert one.read_to == 6
