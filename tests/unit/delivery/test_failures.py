"""What a line makes of a destination that fails, and of events that fail while others succeed."""

import pytest

from forwarder.amplitude.wire.limits import DAY_MS, INSERT_ID_WINDOW_MS
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.circuit_breaker import STOPPED_MS, CircuitState
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.outcomes import Outcome
from tests.support.simulation.lines import FAILED, NOW, OK, due, event, line
from tests.support.simulation.spool import Destination


def test_a_refused_key_keeps_everything_and_is_tried_now_and_then() -> None:
    one = line()
    one.loader.take([event(1), event(2, "u2")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(400, b'{"error":"Invalid API key: k"}'), NOW)
    assert one.breaker.health.value == "stopped"
    assert one.breaker.since == NOW
    assert one.due(NOW + STOPPED_MS - 1, False) == []
    assert one.settlement().cursor == 0
    (again,) = one.due(NOW + STOPPED_MS, False)
    one.answered(again, UpstreamResponse(400, b'{"error":"Invalid API key: k"}'), NOW + STOPPED_MS)
    assert one.breaker.since == NOW, "it is held back since the first refusal"
    (again,) = one.due(NOW + 2 * STOPPED_MS, False)
    one.answered(again, OK, NOW + 2 * STOPPED_MS)
    assert (one.breaker.health.value, one.breaker.since) == ("well", 0)
    assert one.settlement().cursor == 2


def test_a_destination_that_is_down_gets_one_request_at_a_time() -> None:
    one = line(batch_events=1)
    one.loader.take([event(n, f"u{n}") for n in range(1, 6)], NOW)
    batches = one.due(NOW, False)
    assert len(batches) == 4
    for batch in batches:
        one.answered(batch, UpstreamResponse(503), NOW)
    assert one.breaker.health.value == "down"
    assert one.due(NOW, False) == []
    later = NOW + 120_000
    (probe,) = one.due(later, False)
    one.answered(probe, OK, later)
    assert one.breaker.health.value == "well"
    assert len(one.due(later, False)) == 4


def test_an_outage_keeps_batches_whole_and_events_where_they_are() -> None:
    """Nobody can be at fault for it: nothing is halved, held or written anywhere else."""
    one, kept, now = line(), Destination(), NOW
    one.loader.take([event(n, f"u{n}") for n in range(1, 101)], NOW)
    for status in (0, 503, 302, 404) * 5:
        answer = UpstreamResponse(status, b"", "" if status else "unreachable")
        (batch,) = due(one, kept, now)
        one.answered(batch, answer, now)
        assert due(one, kept, now) == [], "it waits"
        now = one.wake_at() or now
    assert one.breaker.health is CircuitState.DOWN
    (batch,) = due(one, kept, now)
    assert (len(batch.items), kept.parked) == (100, {})


def test_the_destination_pauses_for_longer_each_time() -> None:
    one, now, waits = line(), NOW, []
    one.loader.take([event(1)], NOW)
    for _ in range(9):
        (batch,) = one.due(now, False)
        one.answered(batch, UpstreamResponse(503), now)
        waits.append(one.breaker.until - now)
        now = one.breaker.until
    assert all(750 <= wait <= 1000 for wait in waits[:3])
    assert all(750 * 2**n <= wait <= 1000 * 2**n for n, wait in enumerate(waits[3:6], start=1))
    assert all(22_500 <= wait <= 30_000 for wait in waits[8:])


def failing(
    one: Scheduler, kept: Destination, seqs: int, answer: UpstreamResponse = FAILED
) -> dict[int, int]:
    """Let event 1 fail and one other per minute succeed until it dies; return when events were through."""
    now = NOW
    through: dict[int, int] = {}
    one.loader.take([event(1, "bad")], NOW)
    for seq in range(2, seqs):
        until = now + 60_000
        one.loader.take([event(seq, f"u{seq}")], now)
        while now < until:
            for batch in due(one, kept, now):
                bad = any(work.event.seq == 1 for work in batch.jobs)
                one.answered(batch, answer if bad else OK, now)
                through.update((work.event.seq, now) for work in batch.jobs if not bad)
            wake_at = one.wake_at()
            now = min(until, max(now + 1, wake_at if wake_at is not None else until))
        kept.settle(one.settlement())
        if kept.dead:
            through[1] = now
            break
    return through


@pytest.mark.parametrize("status", [500, 502, 403, 408])
def test_an_event_that_fails_while_others_succeed_dies_when_time_is_up(status: int) -> None:
    one, kept = line(budget_ms=3_600_000), Destination()
    through = failing(one, kept, 200, UpstreamResponse(status))
    assert [dead.event.seq for dead in kept.dead.values()] == [1]
    assert kept.dead[1].reason.startswith("gave up after 1 h: ")
    assert kept.ended[Outcome.DEAD, "gave up after 1 h"] == 1
    assert 3_600_000 <= through.pop(1) - NOW < 2 * 3_600_000
    late = [at - NOW - (seq - 2) * 60_000 for seq, at in through.items()]
    assert max(late) <= 10_000, "nobody else is held up"


def test_nothing_dies_of_time_while_the_destination_is_down() -> None:
    one, kept, now = line(budget_ms=3_600_000), Destination(), NOW
    one.loader.take([event(1), event(2, "u2")], NOW)
    for answer in (UpstreamResponse(503), UpstreamResponse(500), UpstreamResponse(403)) * 100:
        now += 120_000
        for batch in due(one, kept, now):
            one.answered(batch, answer, now)
    # Nor when it is back and one of them fails once more.
    for answer in (OK, UpstreamResponse(500), OK):
        now += 120_000
        for batch in due(one, kept, now):
            one.answered(batch, answer, now)
    due(one, kept, now)
    assert not kept.dead


def test_an_operator_gives_a_dead_letter_all_the_time_once_more() -> None:
    one, kept = line(budget_ms=3_600_000), Destination()
    now = failing(one, kept, 200)[1]
    kept.revive(1)
    for answer in (UpstreamResponse(500), UpstreamResponse(500)):
        now += 120_000
        for batch in due(one, kept, now):
            one.answered(batch, answer, now)
    assert not kept.dead
    now += 120_000
    (batch,) = due(one, kept, now)
    one.answered(batch, OK, now)
    due(one, kept, now)
    assert kept.ended[Outcome.DELIVERED, ""] > 1
    assert not kept.parked


def test_events_that_hang_do_not_take_all_places() -> None:
    one, kept, now = line(batch_events=1, at_once=4, budget_ms=DAY_MS), Destination(), NOW
    one.loader.take([event(n, f"bad{n}") for n in range(1, 21)], NOW)
    hanging: list[tuple[int, Batch]] = []
    late = 0
    for seq in range(21, 2000):
        one.loader.take([event(seq, f"u{seq}", at=now)], now)
        for batch in due(one, kept, now):
            if batch.jobs[0].event.seq <= 20:
                hanging.append((now + 30_000, batch))
            else:
                late = now - batch.jobs[0].event.received_at
                one.answered(batch, OK, now)
        now += 1_000
        for at, batch in list(hanging):
            if at <= now:
                hanging.remove((at, batch))
                one.answered(batch, UpstreamResponse(0, b"", "broken"), now)
    # Only at first, when nobody is under suspicion, do they hold others up.
    assert late <= 1_000


def test_an_event_is_not_sent_again_once_amplitude_would_count_it_twice() -> None:
    one = line(budget_ms=30 * DAY_MS)
    one.loader.take([event(1)], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(500), NOW)
    assert one.retry_policy.near_expiry == 0
    later = NOW + INSERT_ID_WINDOW_MS - DAY_MS // 2
    (batch,) = one.due(later, False)
    one.answered(batch, UpstreamResponse(500), later)
    assert one.retry_policy.near_expiry == 1
    later = NOW + INSERT_ID_WINDOW_MS + 1
    (batch,) = one.due(later, False)
    one.answered(batch, UpstreamResponse(500), later)
    (dead,) = one.settlement().dead
    assert "may count twice" in dead.reason
