"""Subscriptions in every form that Segment gives them: none is refused, what is not run there is not run."""

import json
from pathlib import Path
from typing import Any

import pytest

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.problems import errors_of, warnings_of
from forwarder.amplitude.subscriptions import action_of, listed, unread_pages
from forwarder.config.load import parse_settings
from forwarder.errors import ConfigError

SETTINGS = {"apiKey": "key", "secretKey": "secret"}
EVENT = {"type": "track", "event": "E", "userId": "user-1234", "messageId": "m-1"}
MAPPING = {"event_type": {"@path": "$.event"}, "user_id": {"@path": "$.userId"}}
CODE = {"name": "Track", "subscribe": 'type = "track"', "partnerAction": "logEventV2", "mapping": MAPPING}
API = {
    "id": "a",
    "name": "Track",
    "actionId": "b",
    "actionSlug": "logEventV2",
    "destinationId": "c",
    "modelId": None,
    "enabled": True,
    "trigger": 'type = "track"',
    "settings": MAPPING,
}


def sent(*subscriptions: dict[str, Any], event: dict[str, Any] = EVENT) -> list[str]:
    destination = AmplitudeDestination(SETTINGS, subscriptions)
    items = destination.items(event)[0]
    assert [item.body for one in destination.plan(event) for item in one.items] == [one.body for one in items]
    return [str(item.body.get("event_type", item.endpoint)) for item in items]


@pytest.mark.parametrize(
    "given", [CODE, API, {**API, "settings": json.dumps(MAPPING)}, {**CODE, "mapping": json.dumps(MAPPING)}]
)
def test_every_form_is_run(given: dict[str, Any]) -> None:
    assert sent(given) == ["E"]
    assert errors_of(SETTINGS, [given]) == warnings_of([given]) == []


@pytest.mark.parametrize("off", [False, "false", "off", "no", "0", "False", 0, None])
@pytest.mark.parametrize("form", [CODE, API])
def test_what_is_switched_off_is_not_run(form: dict[str, Any], off: object) -> None:
    given = {**form, "enabled": off}
    assert sent(given) == []
    assert errors_of(SETTINGS, [given]) == []
    [doubt] = warnings_of([given])
    assert "is not run: it is switched off" in doubt
    assert sent(given, form) == ["E"]
    alias = {"subscribe": 'type = "alias"', "partnerAction": "mapUser", "enabled": off}
    assert sent(alias, event={"type": "alias", "userId": "u", "previousId": "p"}) == []


@pytest.mark.parametrize("on", [True, "true", "on", "yes", "1", 1])
def test_what_is_switched_on_is_run(on: object) -> None:
    assert sent({**CODE, "enabled": on}) == ["E"]


def test_what_maps_a_warehouses_rows_is_not_run_for_events() -> None:
    given = {**API, "modelId": "model-1"}
    assert sent(given) == []
    assert "Reverse ETL" in warnings_of([given])[0]


@pytest.mark.parametrize(
    ("given", "doubt"),
    [
        (
            {**CODE, "enbled": False},
            "'enbled' is no key of a subscription and is ignored; did you mean enabled",
        ),
        ({**CODE, "triger": "x"}, "did you mean trigger?"),
        ({**CODE, "xyz": 1}, "there are name, enabled, subscribe, partnerAction, mapping"),
    ],
)
def test_keys_that_are_none_are_told(given: dict[str, Any], doubt: str) -> None:
    assert errors_of(SETTINGS, [given]) == []
    [found] = warnings_of([given])
    assert doubt in found


def test_two_names_that_contradict_each_other_are_refused() -> None:
    [line] = errors_of(SETTINGS, [{**CODE, "trigger": 'type = "page"'}])
    assert "subscribe: trigger says otherwise" in line
    assert errors_of(SETTINGS, [{**CODE, "trigger": CODE["subscribe"]}]) == []


def test_a_mapping_that_is_no_json_is_refused() -> None:
    assert any(
        "settings: is a text that is no JSON" in line
        for line in errors_of(SETTINGS, [{**API, "settings": "{"}])
    )


@pytest.mark.parametrize(
    ("mapping", "action"),
    [
        ({"global_user_id": 1}, "mapUser"),
        ({"group_type": 1, "user_id": 1}, "groupIdentifyUser"),
        ({"event_type": 1, "setAlways": 1}, "logEventV2"),
        ({"event_type": 1, "utm_properties": 1}, "logEvent"),
        ({"event_type": 1, "utm_properties": 1, "trackRevenuePerProduct": 1}, "logPurchase"),
        ({"user_id": 1, "user_properties": 1}, "identifyUser"),
        ({"sessionLength": 1}, "sessionId"),
        ({}, None),
        ("", None),
    ],
)
def test_without_a_slug_the_fields_tell_the_action(mapping: object, action: str | None) -> None:
    assert action_of(mapping) == action


def test_an_action_told_from_its_fields_is_said() -> None:
    given = {name: value for name, value in API.items() if name != "actionSlug"}
    assert sent(given) == ["E"]
    assert errors_of(SETTINGS, [given]) == []
    assert "its fields are those of logEventV2" in warnings_of([given])[0]


PAGE = {"data": {"pagination": {"current": "x", "next": None, "totalEntries": 1}, "subscriptions": [API]}}


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ([API, CODE], 2),
        (PAGE, 1),
        ([PAGE, PAGE], 2),
        ({"subscriptions": [CODE]}, 1),
        ({"data": {"subscription": API}}, 1),
        (API, 1),
        ([], 0),
        ({"data": {}}, None),
        ({}, None),
        ("x", None),
        ([5], None),
    ],
)
def test_every_envelope_is_read(given: object, count: int | None, tmp_path: Path) -> None:
    found = listed(given)
    assert (None if found is None else len(found)) == count
    (tmp_path / "s.json").write_text(json.dumps(given))
    one = {"name": "d", "settings": {"apiKey": "k"}, "subscriptions_file": "s.json"}
    if count is None:
        with pytest.raises(ConfigError, match="must hold a JSON list of subscriptions"):
            parse_settings({"destinations": [one]}, {}, tmp_path)
        return
    read = parse_settings({"destinations": [one]}, {}, tmp_path).destinations[0].subscriptions
    assert read is not None
    assert len(read) == count


def test_further_pages_are_told() -> None:
    more = {"data": {**PAGE["data"], "pagination": {"next": "y"}}}
    assert unread_pages(more)
    assert unread_pages([PAGE, more])
    assert not unread_pages([more, PAGE])
    assert not unread_pages([API])
    assert not unread_pages(5)


def test_without_requests_all_else_is_the_same() -> None:
    """As the console's trials ask, which show none: making them takes half of the time."""
    destination = AmplitudeDestination(SETTINGS, [CODE, API])
    with_them = destination.plans(EVENT)
    without = destination.plans(EVENT, requests=False)
    assert [(one, planned.payload) for one, planned in without] == [
        (one, planned.payload) for one, planned in with_them
    ]
    assert [[len(planned.calls) for _, planned in some] for some in (with_them, without)] == [[1, 1], [0, 0]]
