"""Every documented answer of Amplitude, read."""

import json

import pytest

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.responses import (
    ACCEPTED,
    HOLD_PROJECT_MS,
    HOLD_QUOTA_MS,
    RESEND,
    Action,
    Decision,
    UpstreamResponse,
    read_response,
)
from tests.support.simulation.items import sent_item

SENT = [sent_item("u1", "d1"), sent_item("u2", "d2"), sent_item("u1", "d3"), sent_item(None, "d4")]


def read(
    status: int, said: object = None, sent: list[Item] = SENT, endpoint: Endpoint = Endpoint.HTTPAPI
) -> list[Decision]:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return read_response(endpoint, sent, UpstreamResponse(status, body))


def actions(decisions: list[Decision]) -> list[Action]:
    return [decision.action for decision in decisions]


def test_taken() -> None:
    assert read(200, {"code": 200, "events_ingested": 4}) == [ACCEPTED] * 4
    assert read(200, b"success", endpoint=Endpoint.IDENTIFY) == [ACCEPTED] * 4


def test_the_first_bad_event_dies_and_the_rest_is_sent_again() -> None:
    said = {
        "code": 400,
        "error": "Invalid field values on some events",
        "events_with_invalid_fields": {"time": [1]},
    }
    assert read(400, said) == [RESEND, Decision(Action.DEAD, "invalid time"), RESEND, RESEND]


def test_all_that_are_named_die() -> None:
    said = {
        "code": 400,
        "events_with_invalid_fields": {"time": [0], "price": [0, 1]},
        "events_with_missing_fields": {"event_type": [2]},
        "events_with_invalid_id_lengths": {"user_id": [3]},
    }
    assert [(one.action, one.reason) for one in read(400, said, endpoint=Endpoint.BATCH)] == [
        (Action.DEAD, "invalid time"),
        (Action.DEAD, "invalid price"),
        (Action.DEAD, "missing event_type"),
        (Action.DEAD, "invalid length of user_id"),
    ]


def test_silenced_events_and_devices_die() -> None:
    said = {
        "code": 400,
        "error": "Events silenced for device_id",
        "silenced_devices": ["d4"],
        "silenced_events": [0],
    }
    silenced = Decision(Action.DEAD, "silenced")
    assert read(400, said) == [silenced, RESEND, RESEND, silenced]


@pytest.mark.parametrize(
    "said", [{"code": 400, "error": "Invalid API key: abc"}, {"code": 400, "missing_field": "api_key"}]
)
def test_a_refused_key_stops_the_destination(said: dict[str, object]) -> None:
    assert read(400, said) == [Decision(Action.STOP, "invalid API key")] * 4


def test_plain_text_refusals_are_understood() -> None:
    assert actions(read(400, b"Invalid API key: abc", endpoint=Endpoint.IDENTIFY)) == [Action.STOP] * 4
    assert actions(read(400, b"missing_event", endpoint=Endpoint.IDENTIFY)) == [Action.HALVE] * 4
    assert read(400, b"missing_event", SENT[:1]) == [Decision(Action.DEAD, "refused: missing_event")]
    assert read(400, b"", SENT[:1]) == [Decision(Action.DEAD, "refused: bad request")]


def test_a_refusal_that_names_nobody_is_narrowed_down() -> None:
    said = {"code": 400, "error": "Invalid JSON request body"}
    assert actions(read(400, said)) == [Action.HALVE] * 4
    assert read(400, said, SENT[:1]) == [Decision(Action.DEAD, "refused: Invalid JSON request body")]


def test_indexes_that_cannot_be_meant_are_passed_over() -> None:
    said = {"events_with_invalid_fields": {"time": [-1, 4, True, "1", 2.0]}, "silenced_events": "all"}
    assert actions(read(400, said)) == [Action.HALVE] * 4


def test_too_large_is_halved_until_one_is_left() -> None:
    assert actions(read(413, {"code": 413})) == [Action.HALVE] * 4
    assert read(413, {"code": 413}, SENT[:1]) == [Decision(Action.DEAD, "payload too large")]


@pytest.mark.parametrize(
    ("endpoint", "wait_ms"),
    [(Endpoint.HTTPAPI, 30_000), (Endpoint.BATCH, 15_000), (Endpoint.IDENTIFY, 15_000)],
)
def test_only_throttled_users_and_devices_are_held(endpoint: Endpoint, wait_ms: int) -> None:
    said = {"code": 429, "throttled_users": {"u1": 40}, "throttled_devices": {"d4": 31}}
    held = Decision(Action.HOLD, "throttled", wait_ms)
    assert read(429, said, endpoint=endpoint) == [held, RESEND, held, held]


def test_throttled_events_are_held_by_index() -> None:
    said = {"code": 429, "throttled_events": [1]}
    assert actions(read(429, said)) == [Action.RESEND, Action.HOLD, Action.RESEND, Action.RESEND]


def test_a_used_up_daily_quota_is_held_longer() -> None:
    said = {"exceeded_daily_quota_users": {"u1": 500001}, "throttled_users": {"u1": 40, "u2": 40}}
    decisions = read(429, said)
    assert [one.wait_ms for one in decisions] == [HOLD_QUOTA_MS, 30_000, HOLD_QUOTA_MS, 0]


def test_throttling_that_names_nobody_is_the_projects() -> None:
    said = {"code": 429, "throttled_users": {}, "throttled_events": []}
    assert read(429, said) == [Decision(Action.PAUSE, "project throttled", HOLD_PROJECT_MS)] * 4
    assert actions(read(429, b"Too Many Requests")) == [Action.PAUSE] * 4


@pytest.mark.parametrize(
    ("status", "may_be_accepted"),
    [(500, True), (502, True), (504, True), (408, True), (524, True), (503, False)],
)
def test_failures_are_tried_again(status: int, may_be_accepted: bool) -> None:
    decision = Decision(
        Action.RETRY,
        f"status {status}",
        may_be_accepted=may_be_accepted,
        destination_fault=not may_be_accepted,
    )
    assert read(status, b"") == [decision] * 4
    assert read(status, b"<html>") == [decision] * 4


def test_no_answer_is_tried_again() -> None:
    [refused] = read_response(
        Endpoint.HTTPAPI, SENT[:1], UpstreamResponse(0, b"ConnectError: no\x1b route", "unreachable")
    )
    assert refused.reason == "unreachable: ConnectError: no\\x1b route"
    for failure, arrived in (("unreachable", False), ("broken", True)):
        decisions = read_response(Endpoint.HTTPAPI, SENT, UpstreamResponse(0, b"", failure))
        assert (
            decisions
            == [Decision(Action.RETRY, failure, may_be_accepted=arrived, destination_fault=not arrived)] * 4
        )


def test_forbidden_may_be_the_fault_of_one_of_them() -> None:
    assert read(403, {"code": 403, "error": "Forbidden"}) == [Decision(Action.RETRY, "forbidden")] * 4


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b"", b"OK", b"{}", b'{"code":400}', b"[]"])
def test_only_amplitudes_own_words_count_as_taken(body: bytes) -> None:
    [first, *_] = read(200, body)
    assert (first.action, first.may_be_accepted, first.destination_fault) == (Action.RETRY, True, True)
    assert "is base_url right?" in first.reason


def test_forms_are_answered_in_plain_text_but_not_in_html() -> None:
    for endpoint in (Endpoint.IDENTIFY, Endpoint.GROUPIDENTIFY, Endpoint.USERMAP):
        assert actions(read(200, b"success", endpoint=endpoint)) == [Action.ACCEPTED] * 4
        assert actions(read(200, b" <!doctype html>", endpoint=endpoint)) == [Action.RETRY] * 4


@pytest.mark.parametrize("status", [400, 401, 402, 406, 414, 422])
def test_what_something_in_between_says_kills_nothing(status: int) -> None:
    decision = Decision(Action.RETRY, f"status {status}: not Amplitude's words")
    assert read(status, b"<html><h1>Bad Request</h1>", SENT[:1]) == [decision]


def test_other_answers() -> None:
    assert actions(read(401, b"")) == [Action.STOP] * 4
    assert actions(read(301, b"")) == actions(read(404, b"")) == [Action.RETRY] * 4
    assert actions(read(414, b"")) == [Action.HALVE] * 4
    assert actions(read(414, b"", SENT[:1])) == [Action.DEAD]


@pytest.mark.parametrize(
    ("status", "body", "decision"),
    [
        (300, b'{"code":200}', Decision(Action.RETRY, "status 300: is base_url right?", 0, False, True)),
        (299, b"", Decision(Action.RETRY, "status 299: is base_url right?", 0, True, True)),
        (404, b"", Decision(Action.RETRY, "status 404: is base_url right?", 0, False, True)),
        (405, b"", Decision(Action.RETRY, "status 405: is base_url right?", 0, False, True)),
        (401, b"", Decision(Action.STOP, "credentials refused")),
        (407, b"", Decision(Action.RETRY, "status 407", destination_fault=True)),
        (421, b"x", Decision(Action.RETRY, "status 421", destination_fault=True)),
        (431, b"<html>", Decision(Action.RETRY, "status 431: not Amplitude's words")),
        (413, b"", Decision(Action.HALVE, "payload too large")),
        (414, b"", Decision(Action.HALVE, "refused with status 414")),
        (499, b"", Decision(Action.HALVE, "refused with status 499")),
        (400, b"missing_event", Decision(Action.HALVE, "refused: missing_event")),
        (400, b"no \xff", Decision(Action.HALVE, "refused: no \ufffd")),
        (400, b"[1]", Decision(Action.HALVE, "refused: bad request")),
        (400, b'{"error":5}', Decision(Action.HALVE, "refused: bad request")),
    ],
)
def test_each_status_has_its_decision(status: int, body: bytes, decision: Decision) -> None:
    assert read(status, body) == [decision] * 4


@pytest.mark.parametrize(
    ("failure", "body", "reason"),
    [
        ("", b"", "broken"),
        ("broken", b"reset by \xff", "broken: reset by \ufffd"),
        ("encoded", b"br", "encoded: br"),
        ("broken", b"x" * 201, "broken: " + "x" * 199 + "…"),
    ],
)
def test_what_came_to_nothing_may_have_arrived(failure: str, body: bytes, reason: str) -> None:
    answer = UpstreamResponse(0, body, failure)
    assert read_response(Endpoint.HTTPAPI, SENT[:1], answer) == [
        Decision(Action.RETRY, reason, may_be_accepted=True)
    ]


def test_a_single_item_that_is_refused_is_dead() -> None:
    assert read(414, b"", SENT[:1]) == [Decision(Action.DEAD, "refused with status 414")]


def test_the_longest_wait_counts_and_quotas_of_devices_do() -> None:
    short, long = (
        Decision(Action.HOLD, "throttled", 30_000),
        Decision(Action.HOLD, "daily quota", HOLD_QUOTA_MS),
    )
    said: dict[str, object] = {"exceeded_daily_quota_devices": ["d4"], "throttled_events": [2, 3]}
    assert read(429, said) == [RESEND, RESEND, short, long]
    said = {"exceeded_daily_quota_users": {"u1": 1}, "throttled_devices": {"d1": 1, "d2": 1}}
    assert read(429, said) == [long, short, long, RESEND]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("time", "invalid time"),
        ("partner_id", "invalid partner_id"),
        ("session\x1b", "invalid field: session\\x1b"),
        ("f" * 201, "invalid field: " + "f" * 199 + "…"),
    ],
)
def test_only_names_of_fields_stand_before_the_colon_of_a_reason(name: str, reason: str) -> None:
    assert read(400, {"events_with_invalid_fields": {name: [0]}}, SENT[:1]) == [Decision(Action.DEAD, reason)]
