"""What one destination's line decides, case by case; the simulation tries the combinations."""

import orjson
import pytest

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.outcomes import Outcome
from forwarder.spool import MessageGroup, Parked, StoredEvent
from tests.support.simulation.lines import NOW, OK, due, event, line, sent
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination


def test_events_of_many_users_go_in_one_request() -> None:
    one = line()
    one.loader.take([event(n, f"u{n}") for n in range(1, 101)], NOW)
    (batch,) = one.due(NOW, False)
    assert len(batch.items) == 100
    one.answered(batch, OK, NOW)
    settlement = one.settlement()
    assert (settlement.cursor, settlement.ended) == (100, {(Outcome.DELIVERED, ""): 100})


def test_an_event_lingers_for_company() -> None:
    one = line(linger_ms=50)
    one.loader.take([event(1)], NOW + 10)
    one.loader.loaded("", [], NOW + 10)  # nothing was sent again by an operator
    assert one.wake_at() == NOW + 50
    assert one.due(NOW + 49, False) == []
    one.loader.take([event(2)], NOW + 49)
    assert sent(one.due(NOW + 50, False)) == [("HTTPAPI", [1, 2])]


def test_events_linger_longer_where_they_come_densely() -> None:
    one = line(linger_ms=50, batch_events=1000)
    for at in range(10):
        one.loader.take([event(100 * at + n, f"u{100 * at + n}") for n in range(1, 101)], NOW + 20 * at)
    assert [len(batch.items) for batch in one.due(NOW + 190, False)] == [1000]
    one.loader.take([event(1001, "x", at=NOW + 200)], NOW + 200)
    assert one.due(NOW + 699, False) == []
    assert sent(one.due(NOW + 700, False)) == [("HTTPAPI", [1001])]
    one.loader.take([event(1002, "y", at=NOW + 800)], NOW + 800)
    assert sent(one.due(NOW + 850, False)) == [("HTTPAPI", [1002])], "the crowd has passed"


def test_a_batch_goes_on_filling_while_more_is_at_hand() -> None:
    one = line(linger_ms=50)
    one.loader.take([event(1)], NOW)
    assert one.due(NOW + 60, True) == []
    assert len(one.due(NOW + 1060, True)) == 1


def test_an_identify_arrives_before_the_track_that_followed_it() -> None:
    one = line()
    one.loader.take([event(1, "u1", "identify"), event(2, "u1"), event(3, "u2")], NOW)
    first = one.due(NOW, False)
    assert sorted(sent(first)) == [("HTTPAPI", [3]), ("IDENTIFY", [1])]
    identify = next(batch for batch in first if batch.endpoint is Endpoint.IDENTIFY)
    one.answered(identify, OK, NOW)
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [2])]


def test_a_group_goes_in_two_steps_and_holds_its_user_meanwhile() -> None:
    one = line()
    one.loader.take([event(1, "u1", "group"), event(2, "u1", "identify"), event(3, "u1")], NOW)
    order = []
    while batches := one.due(NOW, False):
        for batch in batches:
            order += sent([batch])
            one.answered(batch, OK, NOW)
    assert order == [("IDENTIFY", [1]), ("GROUPIDENTIFY", [1]), ("IDENTIFY", [2]), ("HTTPAPI", [3])]


def test_the_second_step_is_not_taken_when_the_first_fails() -> None:
    one = line()
    one.loader.take([event(1, "u1", "group")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(400, b"missing_event"), NOW)
    (dead,) = one.settlement().dead
    assert dead.reason == "refused: missing_event"
    failed = orjson.loads(dead.detail)["failed"]
    assert [(part["endpoint"], part["reason"]) for part in failed] == [
        ("/identify", "refused: missing_event"),
        ("/groupidentify", "the item before it failed"),
    ]


def test_the_order_of_a_device_holds_across_users() -> None:
    one = line(batch_events=1)
    one.loader.take([event(1, "u1", device="d1"), event(2, "u2", device="d1"), event(3, "u3")], NOW)
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [1]), ("HTTPAPI", [3])]


def test_a_throttled_user_waits_alone() -> None:
    one = line()
    one.loader.take([event(1, "u1"), event(2, "u2"), event(3, "u1")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(429, b'{"throttled_users":{"u1":31}}'), NOW)
    kept = Destination()
    assert sent(due(one, kept, NOW)) == [("HTTPAPI", [2])]
    one.loader.take([event(4, "u1")], NOW + 1)
    assert due(one, kept, NOW + 29_999) == []
    assert list(kept.parked) == [1, 3, 4], "it waits on disk"
    assert orjson.loads(kept.parked[1].state)["tries"] == 0
    assert sent(due(one, kept, NOW + 30_000)) == [("HTTPAPI", [1])], "more carefully at first"


def test_a_user_throttled_again_and_again_sends_less_at_once() -> None:
    one = line()
    one.loader.take([event(n) for n in range(1, 9)], NOW)
    now, sizes, kept = NOW, [], Destination()
    for _ in range(4):
        (batch,) = due(one, kept, now)
        sizes.append(len(batch.items))
        one.answered(batch, UpstreamResponse(429, b'{"throttled_users":{"u1":31}}'), now)
        now += 30_000
    assert sizes == [8, 4, 2, 1]


def test_throttling_of_the_project_pauses_everything() -> None:
    one = line()
    one.loader.take([event(1)], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(429, b"{}"), NOW)
    assert one.due(NOW + 59_999, False) == []
    assert sent(one.due(NOW + 60_000, False)) == [("HTTPAPI", [1])]


def test_a_request_that_is_too_large_is_halved() -> None:
    one = line()
    one.loader.take([event(n, f"u{n}") for n in range(1, 9)], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(413, b"{}"), NOW)
    first, second = one.due(NOW, False)
    assert sent([first, second]) == [("HTTPAPI", [1, 2, 3]), ("HTTPAPI", [4, 5, 6])]
    one.answered(first, OK, NOW)
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [7, 8])]
    # Only those are halved: what comes later goes together as before.
    one.loader.take([event(n, f"u{n}") for n in range(9, 17)], NOW)
    assert [len(batch.items) for batch in one.due(NOW, False)] == [8]


def test_held_events_make_room_on_disk_and_come_back() -> None:
    one, kept = line(window=8), Destination()
    one.loader.take([event(n, "u1") for n in range(1, 5)], NOW)
    (batch,) = due(one, kept, NOW)
    one.answered(batch, UpstreamResponse(429, b'{"throttled_users":{"u1":31}}'), NOW)
    assert due(one, kept, NOW + 1) == []
    assert (kept.cursor, list(kept.parked), one.loader.room()) == (4, [1, 2, 3, 4], 8)
    # What comes meanwhile waits behind them, and others are not disturbed.
    one.loader.take([event(5, "u1"), event(6, "u2")], NOW + 2)
    assert sent(due(one, kept, NOW + 2)) == [("HTTPAPI", [6])]
    assert list(kept.parked) == [1, 2, 3, 4, 5]
    assert sent(due(one, kept, NOW + 30_000))[0][1][0] == 1


def test_a_lane_is_not_named_as_another_is_already() -> None:
    """One from before a restart may bear the name of a key that none of its events has any more."""
    one = line()
    one.resume([MessageGroup("ux", frozenset({"uy"}), 1)], set())
    one.loader.take([event(1, "x"), event(2, "y")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(429, b'{"throttled_users":{"x":31}}'), NOW)
    assert {parked.group: parked.event.seq for parked in one.settlement().park} == {"ux+": 1, "ux": 2}
    assert one.parking.events == {"ux": 2, "ux+": 1}


def test_lanes_come_back_a_few_at_a_time() -> None:
    one = line(window=100)
    one.resume([MessageGroup(f"u{n}", frozenset({f"u{n}"}), 40) for n in range(9)], set())
    brought = 0
    while load := one.loader.load(NOW):
        name, most = load
        rows = [
            Parked(event(n, name[1:]), name, (name,), b"") for n in range(brought, brought + min(most, 40))
        ]
        one.loader.loaded(name, rows, NOW)
        brought += len(rows)
    assert brought == 50


def test_memory_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forwarder.delivery.scheduler.window.MAX_WINDOW_BYTES", 1_000)
    one = line()
    body = orjson.dumps({"m": "m", "u": "u", "d": None, "kind": "track", "padding": "x" * 600})
    one.loader.take([StoredEvent(1, NOW, "demo", "m1", body)], NOW)
    assert one.loader.room() > 0
    one.loader.take([StoredEvent(2, NOW, "demo", "m2", body)], NOW)
    assert one.loader.room() == 0
    (batch,) = one.due(NOW, False)
    one.answered(batch, OK, NOW)
    assert one.loader.room() > 0


def test_a_batch_that_is_due_goes_before_full_ones() -> None:
    one = line(batch_events=2, at_once=1, linger_ms=50)
    one.loader.take([event(1, "u1", "identify")], NOW)
    later = [event(n, f"u{n}", at=NOW + 20) for n in range(2, 12)]
    one.loader.take(later, NOW + 20)
    order = []
    for now in range(NOW + 20, NOW + 80, 20):
        (batch,) = one.due(now, False)
        order.append(batch.endpoint.name)
        one.answered(batch, OK, now)
    assert order == ["HTTPAPI", "HTTPAPI", "IDENTIFY"]


def test_what_was_delivered_is_not_sent_again_after_a_stop() -> None:
    one, kept = line(batch_events=1), Destination()
    one.loader.take([event(1, "u1"), event(2, "u2", "both"), event(3, "u3"), event(4, "u4")], NOW)
    for batch in due(one, kept, NOW):
        if batch.jobs[0].event.seq != 1:
            one.answered(batch, OK, NOW)
    one.park_unfinished()
    kept.settle(one.settlement())
    assert (kept.cursor, sorted(kept.parked)) == (4, [1, 2])
    again = line(kept)
    left = []
    for batch in due(again, kept, NOW):
        left += [(batch.endpoint, work.event.seq) for work in batch.jobs]
    assert sorted(left) == [(Endpoint.HTTPAPI, 1), (Endpoint.HTTPAPI, 2)], "of 2, only the track"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("filtered", (Outcome.FILTERED, "no trigger matched")), ("invalid", (Outcome.DEAD, "invalid fields"))],
)
def test_events_that_send_nothing_end_too(kind: str, outcome: tuple[Outcome, str]) -> None:
    one = line()
    one.loader.take([event(1, kind=kind)], NOW)
    settlement = one.settlement()
    assert (settlement.cursor, settlement.ended) == (1, {outcome: 1})


def test_partly_taken_events_are_not_taken_twice_after_a_retry() -> None:
    one = line()
    one.loader.take([event(1, kind="both")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, OK, NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, UpstreamResponse(400, b'{"events_with_invalid_fields":{"time":[0]}}'), NOW)
    (dead,) = one.settlement().dead
    again, _ = plan_job(dead.event, Planner(), None)
    again.restore(dead.state, anew=True)
    assert [(part.endpoint, part.done) for part in again.items] == [
        (Endpoint.IDENTIFY, True),
        (Endpoint.HTTPAPI, False),
    ]


def test_after_a_crash_nothing_parked_comes_back_before_all_that_was_read_then() -> None:
    """Event 2 was parked while 1, of the same user, was in memory only."""
    kept = Destination()
    kept.parked[2] = Parked(event(2), "uu1", ("uu1",), b"")
    one = line(kept)
    assert one.loader.load(NOW) is None
    assert one.wake_at() is None
    one.loader.take([event(1), event(2)], NOW)
    assert sent(due(one, kept, NOW)) == [("HTTPAPI", [1, 2])]
