"""What Amplitude would cut, drop or misread is told with its field."""

from typing import Any

import pytest

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.lint import Kind

SETTINGS = {"apiKey": "key", "secretKey": "secret"}
EVENT = {
    "type": "track",
    "event": "Bought",
    "userId": "user-1",
    "anonymousId": "anonymous-1",
    "timestamp": "2026-01-01T00:00:00.000Z",
}


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def subscribed(action: str, **mapping: object) -> list[dict[str, object]]:
    return [{"subscribe": 'type = "track"', "partnerAction": action, "mapping": mapping}]


def warnings(
    changed: dict[str, Any], subscriptions: list[dict[str, object]] | None = None
) -> list[tuple[str, str]]:
    counted: list[str] = []
    destination = AmplitudeDestination(SETTINGS, subscriptions, on_warning=counted.append)
    [planned] = destination.plan({**EVENT, **changed})
    assert planned.error is None
    destination.items({**EVENT, **changed})
    assert counted == [warning.kind for warning in planned.warnings]
    assert all(warning.message for warning in planned.warnings)
    return [(warning.kind, warning.field) for warning in planned.warnings]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"userId": "u1"}, [(Kind.SHORT_ID, "user_id")]),
        ({"userId": "Anonymous"}, [(Kind.REFUSED_ID, "user_id")]),
        ({"userId": None, "anonymousId": None}, [(Kind.NO_ID, "user_id or device_id")]),
        (
            {"userId": "u", "anonymousId": "a"},
            [
                (Kind.SHORT_ID, "user_id"),
                (Kind.SHORT_ID, "device_id"),
                (Kind.NO_ID, "user_id or device_id"),
            ],
        ),
        ({"properties": {"a": "x" * 1024}}, []),
        ({"properties": {"a": [{"b": "x" * 1025}]}}, [(Kind.LONG_TEXT, "event_properties.a.0.b")]),
        ({"properties": {"a": "🚀" * 513}}, [(Kind.LONG_TEXT, "event_properties.a")]),
        ({"properties": deep(40)}, []),
        ({"properties": deep(41)}, [(Kind.TOO_DEEP, "event_properties" + ".a" * 40)]),
        ({"event": "[Amplitude] Start Session"}, [(Kind.RESERVED_NAME, "event_type")]),
        ({"traits": {"plan": "free", "$add": {"visits": 1}}}, [(Kind.MIXED_OPERATORS, "user_properties")]),
        ({"traits": {"$set": {"plan": "free"}, "$add": {"visits": 1}}}, []),
        ({"timestamp": "1700000000"}, [(Kind.ODD_TIME, "time")]),
        ({"timestamp": 1_700_000_000}, [(Kind.ODD_TIME, "time")]),
        ({"timestamp": "17"}, [(Kind.ODD_TIME, "time")]),
        ({"timestamp": 8.64e15}, [(Kind.ODD_TIME, "time")]),
        (
            {"integrations": {"Actions Amplitude": {"session_id": "1767225600"}}},
            [(Kind.ODD_TIME, "session_id")],
        ),
        ({"integrations": {"Actions Amplitude": {"session_id": "1767225600000"}}}, []),
        ({"integrations": {"Actions Amplitude": {"session_id": -1}}}, []),
        ({"integrations": {"Amplitude (Actions)": {"session_id": -1}}}, []),
        *(
            ({"integrations": {"Actions Amplitude": {"session_id": odd}}}, [(Kind.ODD_TIME, "session_id")])
            for odd in ("-1", "-2", "12", -2, 5, "1/2")
        ),
        ({"timestamp": "-1"}, [(Kind.ODD_TIME, "time")]),
        ({"timestamp": -1}, [(Kind.ODD_TIME, "time")]),
    ],
)
def test_presets(changed: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert warnings(changed) == found


def test_groups() -> None:
    groups = {f"type {number}": list(range(number + 6)) for number in range(6)}
    found = warnings({}, subscribed("logEvent", user_id="user-1", event_type="a", groups=groups))
    assert found == [(Kind.TOO_MANY_GROUPS, "groups"), (Kind.TOO_MANY_GROUPS, "groups.type 5")]


def test_min_id_length_is_respected() -> None:
    assert warnings({}, subscribed("mapUser", user_id="u1", global_user_id="u2", min_id_length=2)) == []
    assert (Kind.SHORT_ID, "global_user_id") in warnings({}, subscribed("mapUser", global_user_id="u2"))


def test_ids_below_a_large_min_id_length_are_told() -> None:
    ids = {"user_id": "user-of-ten", "device_id": "device-of-twelve", "event_type": "E"}
    found = warnings({}, subscribed("logEventV2", **ids, min_id_length=20))
    assert {(Kind.SHORT_ID, "user_id"), (Kind.SHORT_ID, "device_id")} <= set(found)
    assert not warnings({}, subscribed("logEventV2", **ids, min_id_length=5))


def test_a_group_needs_no_user() -> None:
    assert warnings({}, subscribed("groupIdentifyUser", group_type="company", group_value="1")) == []
