"""What one destination's line decides, case by case; the simulation tries the combinations."""

import json
import random
from urllib.parse import parse_qs

import orjson
import pytest

from forwarder.amplitude.answers import Answer, Sent
from forwarder.amplitude.endpoints import Endpoint
from forwarder.amplitude.items import Item
from forwarder.delivery.batch import BOUNDS, Batch, encode
from forwarder.delivery.breaker import STOPPED_MS
from forwarder.delivery.line import DAY_MS, HORIZON_MS, Line, LineSettings
from forwarder.delivery.work import Part, plan
from forwarder.outcomes import Outcome
from forwarder.spool import Spooled
from tests.property.simulation import Planner

NOW = 1_790_000_000_000
OK = Answer(200, b"{}")


def event(seq: int, user: str | None = "u1", kind: str = "track", device: str | None = None) -> Spooled:
    body = {"m": f"m{seq}", "u": user, "d": device, "kind": kind}
    return Spooled(seq, NOW, "demo", f"m{seq}", orjson.dumps(body))


def line(**settings: int) -> Line:
    return Line(Planner(), None, LineSettings(**{"linger_ms": 0, **settings}), 0, random.Random(1))


def sent(batches: list[Batch]) -> list[tuple[str, list[int]]]:
    return [(batch.endpoint.name, [work.event.seq for work in batch.works]) for batch in batches]


def test_events_of_many_users_go_in_one_request() -> None:
    one = line()
    one.take([event(n, f"u{n}") for n in range(1, 101)], NOW)
    (batch,) = one.due(NOW, False)
    assert len(batch.parts) == 100
    one.answered(batch, OK, NOW)
    assert one.outcomes == {(Outcome.DELIVERED, ""): 100}
    assert one.settlement().cursor == 100


def test_an_event_lingers_for_company() -> None:
    one = line(linger_ms=50)
    one.take([event(1)], NOW + 10)
    assert one.wake_at() == NOW + 50 or one.wake_at() == 0
    assert one.due(NOW + 49, False) == []
    one.take([event(2)], NOW + 49)
    assert sent(one.due(NOW + 50, False)) == [("HTTPAPI", [1, 2])]


def test_a_batch_goes_on_filling_while_more_is_at_hand() -> None:
    one = line(linger_ms=50)
    one.take([event(1)], NOW)
    assert one.due(NOW + 60, True) == []
    assert len(one.due(NOW + 1060, True)) == 1


def test_an_identify_arrives_before_the_track_that_followed_it() -> None:
    one = line()
    one.take([event(1, "u1", "identify"), event(2, "u1"), event(3, "u2")], NOW)
    first = one.due(NOW, False)
    assert sorted(sent(first)) == [("HTTPAPI", [3]), ("IDENTIFY", [1])]
    identify = next(batch for batch in first if batch.endpoint is Endpoint.IDENTIFY)
    one.answered(identify, OK, NOW)
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [2])]


def test_a_group_goes_in_two_steps_and_holds_its_user_meanwhile() -> None:
    one = line()
    one.take([event(1, "u1", "group"), event(2, "u1", "identify"), event(3, "u1")], NOW)
    order = []
    while batches := one.due(NOW, False):
        for batch in batches:
            order += sent([batch])
            one.answered(batch, OK, NOW)
    assert order == [("IDENTIFY", [1]), ("GROUPIDENTIFY", [1]), ("IDENTIFY", [2]), ("HTTPAPI", [3])]


def test_the_second_step_is_not_taken_when_the_first_fails() -> None:
    one = line()
    one.take([event(1, "u1", "group")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, Answer(400, b"missing_event"), NOW)
    (dead,) = one.settlement().dead
    assert dead.reason == "missing_event"
    failed = orjson.loads(dead.detail)["failed"]
    assert [(part["endpoint"], part["reason"]) for part in failed] == [
        ("/identify", "missing_event"),
        ("/groupidentify", "the item before it failed"),
    ]


def test_the_order_of_a_device_holds_across_users() -> None:
    one = line(batch_events=1)
    one.take([event(1, "u1", device="d1"), event(2, "u2", device="d1"), event(3, "u3")], NOW)
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [1]), ("HTTPAPI", [3])]


def test_a_throttled_user_waits_alone() -> None:
    one = line()
    one.take([event(1, "u1"), event(2, "u2"), event(3, "u1")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, Answer(429, b'{"throttled_users":{"u1":31}}'), NOW)
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [2])]
    one.take([event(4, "u1")], NOW + 1)
    assert one.due(NOW + 29_999, False) == []
    (again,) = one.due(NOW + 30_000, False)
    assert again.works[0].event.seq == 1
    assert again.works[0].tries == 0


def test_a_user_throttled_again_and_again_sends_less_at_once() -> None:
    one = line()
    one.take([event(n) for n in range(1, 9)], NOW)
    now, sizes = NOW, []
    for _ in range(4):
        (batch,) = one.due(now, False)
        sizes.append(len(batch.parts))
        one.answered(batch, Answer(429, b'{"throttled_users":{"u1":31}}'), now)
        now += 30_000
    assert sizes == [8, 4, 2, 1]


def test_throttling_of_the_project_pauses_everything() -> None:
    one = line()
    one.take([event(1)], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, Answer(429, b"{}"), NOW)
    assert one.due(NOW + 59_999, False) == []
    assert sent(one.due(NOW + 60_000, False)) == [("HTTPAPI", [1])]


def test_a_request_that_is_too_large_is_halved() -> None:
    one = line()
    one.take([event(n, f"u{n}") for n in range(1, 9)], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, Answer(413, b"{}"), NOW)
    assert sent(one.due(NOW, False)) == [("HTTPAPI", [1, 2, 3]), ("HTTPAPI", [4, 5, 6]), ("HTTPAPI", [7, 8])]
    # Only those are halved: what comes later goes together as before.
    one.take([event(n, f"u{n}") for n in range(9, 17)], NOW)
    assert [len(batch.parts) for batch in one.due(NOW, False)] == [8]


def test_a_refused_key_keeps_everything_and_is_tried_now_and_then() -> None:
    one = line()
    one.take([event(1), event(2, "u2")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, Answer(400, b'{"error":"Invalid API key: k"}'), NOW)
    assert one.breaker.health.value == "stopped"
    assert one.due(NOW + STOPPED_MS - 1, False) == []
    assert one.settlement().cursor == 0
    (again,) = one.due(NOW + STOPPED_MS, False)
    one.answered(again, OK, NOW + STOPPED_MS)
    assert one.breaker.health.value == "well"
    assert one.settlement().cursor == 2


def test_a_destination_that_is_down_gets_one_request_at_a_time() -> None:
    one = line(batch_events=1)
    one.take([event(n, f"u{n}") for n in range(1, 6)], NOW)
    batches = one.due(NOW, False)
    assert len(batches) == 4
    for batch in batches:
        one.answered(batch, Answer(503), NOW)
    assert one.breaker.health.value == "down"
    assert one.due(NOW, False) == []
    later = NOW + 120_000
    (probe,) = one.due(later, False)
    one.answered(probe, OK, later)
    assert one.breaker.health.value == "well"
    assert len(one.due(later, False)) == 4


def test_an_event_that_fails_while_others_succeed_dies_when_time_is_up() -> None:
    one = line(budget_ms=3_600_000)
    one.take([event(1, "bad")], NOW)
    now, seq = NOW, 1
    while (Outcome.DEAD, "gave up after 1 h: status 500") not in one.outcomes:
        now += 60_000
        seq += 1
        one.take([event(seq, f"u{seq}")], now)
        for batch in one.due(now, False):
            bad = any(work.event.seq == 1 for work in batch.works)
            one.answered(batch, Answer(500) if bad else OK, now)
        assert now < NOW + 2 * DAY_MS
    assert now >= NOW + 3_600_000
    assert [dead.event.seq for dead in one.settlement().dead] == [1]


def test_nothing_dies_of_time_while_the_destination_is_down() -> None:
    one = line(budget_ms=3_600_000)
    one.take([event(1)], NOW)
    now = NOW
    for _ in range(200):
        now += 120_000
        for batch in one.due(now, False):
            one.answered(batch, Answer(503), now)
    assert one.outcomes == {}


def test_an_event_is_not_sent_again_once_amplitude_would_count_it_twice() -> None:
    one = line(budget_ms=30 * DAY_MS)
    one.take([event(1)], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, Answer(500), NOW)
    later = NOW + HORIZON_MS - DAY_MS // 2
    (batch,) = one.due(later, False)
    one.answered(batch, Answer(500), later)
    assert one.near_horizon == 1
    later = NOW + HORIZON_MS + 1
    (batch,) = one.due(later, False)
    one.answered(batch, Answer(500), later)
    (dead,) = one.settlement().dead
    assert "may count twice" in dead.reason


def test_held_events_make_room_on_disk_and_come_back() -> None:
    one = line(window=8)
    one.take([event(n, "u1") for n in range(1, 5)], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, Answer(429, b'{"throttled_users":{"u1":31}}'), NOW)
    assert one.due(NOW + 1, False) == []
    settlement = one.settlement()
    assert settlement.cursor == 4
    assert [parked.event.seq for parked in settlement.park] == [1, 2, 3, 4]
    assert one.room() == 8
    # What comes meanwhile waits behind them, and others are not disturbed.
    one.take([event(5, "u1"), event(6, "u2")], NOW + 2)
    assert sent(one.due(NOW + 2, False)) == [("HTTPAPI", [6])]
    behind = one.settlement().park
    assert [parked.event.seq for parked in behind] == [5]
    later = NOW + 30_000
    ((lane, _),) = [load for load in one.loads(later) if load[0]]
    one.loaded(lane, [*settlement.park, *behind], later)
    assert sent(one.due(later, False))[0][1][0] == 1


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("filtered", (Outcome.FILTERED, "no trigger matched")), ("invalid", (Outcome.DEAD, "invalid fields"))],
)
def test_events_that_send_nothing_end_too(kind: str, outcome: tuple[Outcome, str]) -> None:
    one = line()
    one.take([event(1, kind=kind)], NOW)
    assert one.outcomes == {outcome: 1}
    assert one.settlement().cursor == 1


@pytest.mark.parametrize(
    ("integrations", "filtered"),
    [
        (None, ""),
        ({"All": True}, ""),
        ({"All": False}, "excluded by integrations"),
        ({"All": False, "Actions Amplitude": {"session_id": 1}}, ""),
        ({"Actions Amplitude": False}, "excluded by integrations"),
        ({"Amplitude (Actions)": False}, "excluded by integrations"),
        ({"Actions Amplitude": {"session_id": 1}}, ""),
        ("broken", ""),
    ],
)
def test_an_event_may_exclude_the_destination(integrations: object, filtered: str) -> None:
    body = {"m": "m", "u": "u", "d": "d", "kind": "track", "integrations": integrations}
    work, why = plan(Spooled(1, NOW, "demo", "m", orjson.dumps(body)), Planner(), None)
    assert why == filtered
    assert bool(work.parts) is not bool(filtered)


def test_events_of_other_sources_are_filtered() -> None:
    _, why = plan(event(1), Planner(), frozenset({"other"}))
    assert why == "source not routed here"


def test_an_event_that_cannot_be_read_becomes_a_dead_letter() -> None:
    one = line()
    one.take([Spooled(1, NOW, "demo", "m", b"{broken")], NOW)
    (dead,) = one.settlement().dead
    assert dead.reason == "cannot be planned"
    assert "JSONDecodeError" in orjson.loads(dead.detail)["errors"][0]


def test_partly_taken_events_are_not_taken_twice_after_a_retry() -> None:
    one = line()
    one.take([event(1, kind="both")], NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, OK, NOW)
    (batch,) = one.due(NOW, False)
    one.answered(batch, Answer(400, b'{"events_with_invalid_fields":{"time":[0]}}'), NOW)
    (dead,) = one.settlement().dead
    again, _ = plan(dead.event, Planner(), None)
    again.restore(dead.state)
    assert [(part.endpoint, part.done) for part in again.parts] == [
        (Endpoint.IDENTIFY, True),
        (Endpoint.HTTPAPI, False),
    ]


def part(endpoint: Endpoint, body: dict[str, object], min_id_length: int | None = None) -> Part:
    return Part(Item(endpoint, body, min_id_length), orjson.dumps(body), Sent())


@pytest.mark.parametrize("endpoint", [Endpoint.HTTPAPI, Endpoint.IDENTIFY])
def test_requests_stay_within_bounds(endpoint: Endpoint) -> None:
    batch = Batch(part(endpoint, {}), 0, 2000)
    large = part(endpoint, {"x": 'ä"{' * 2000})
    while not batch.full and batch.takes(large):
        batch.add(large)
    size = len(encode(batch, "key", "secret").content)
    assert BOUNDS[endpoint].bytes // 2 < size <= BOUNDS[endpoint].bytes


def test_a_single_item_beyond_the_bounds_is_sent_for_amplitude_to_judge() -> None:
    batch = Batch(part(Endpoint.HTTPAPI, {}), 0, 2000)
    assert batch.takes(part(Endpoint.HTTPAPI, {"x": "y" * 2_000_000}))


def test_the_requests_read_as_amplitude_documents_them() -> None:
    body: dict[str, object] = {"user_id": "ü & 1", "user_properties": {"$set": {"a": "b c+"}}}
    batch = Batch(part(Endpoint.HTTPAPI, body, 3), 0, 2000)
    batch.add(part(Endpoint.HTTPAPI, body, 3))
    content = json.loads(encode(batch, "key", "").content)
    assert content == {"api_key": "key", "events": [body], "options": {"min_id_length": 3}}
    for endpoint, field in (
        (Endpoint.IDENTIFY, "identification"),
        (Endpoint.GROUPIDENTIFY, "identification"),
        (Endpoint.USERMAP, "mapping"),
    ):
        batch = Batch(part(endpoint, body), 0, 2000)
        batch.add(part(endpoint, body))
        batch.add(part(endpoint, body))
        form = parse_qs(encode(batch, "k&y", "").content.decode(), strict_parsing=True)
        assert form == {"api_key": ["k&y"], field: [orjson.dumps([body, body]).decode()]}


def test_deletions_are_authorised_by_both_keys() -> None:
    batch = Batch(part(Endpoint.DELETIONS, {"user_ids": ["u"]}), 0, 2000)
    batch.add(part(Endpoint.DELETIONS, {"user_ids": ["u"]}))
    assert batch.full
    body = encode(batch, "key", "secret")
    assert body.content == b'{"user_ids":["u"]}'
    assert body.headers["authorization"] == "Basic a2V5OnNlY3JldA=="
