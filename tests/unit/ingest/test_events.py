"""Checking and normalising single events."""

import json
from typing import Any

import msgspec
import pytest

from forwarder.ingest.event import read_event
from forwarder.ingest.normalization import LONGEST_MESSAGE_ID, normalize
from forwarder.ingest.validation import Rejection
from forwarder.spool import NewEvent
from tests.support.normalizing import TRACK, arrival, kept


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"userId": "u"}, "unknown_type"),
        ({"type": "tracking", "userId": "u"}, "unknown_type"),
        ({"type": 7, "userId": "u"}, "unknown_type"),
        ({"type": "track", "userId": "u"}, "no_event_name"),
        ({"type": "track", "userId": "u", "event": ""}, "no_event_name"),
        ({"type": "track", "userId": "u", "event": 5}, "no_event_name"),
        ({"type": "track", "event": "x"}, "no_user_anon_id"),
        ({"type": "identify", "userId": "", "anonymousId": None}, "no_user_anon_id"),
        ({"type": "page", "userId": {}}, "no_user_anon_id"),
        ({"type": "group", "userId": "u"}, "no_group_id"),
        ({"type": "alias", "userId": "u"}, "no_previous_id"),
        ({**TRACK, "properties": "text"}, "invalid_properties"),
        ({**TRACK, "context": [1]}, "invalid_context"),
        ({**TRACK, "integrations": 1}, "invalid_integrations"),
        ({"type": "identify", "userId": "u", "traits": True}, "invalid_traits"),
    ],
)
def test_events_that_are_rejected(event: dict[str, Any], code: str) -> None:
    done = normalize(read_event(json.dumps(event).encode()), arrival())
    assert isinstance(done, Rejection)
    assert done.code == code


def test_what_is_no_object_is_rejected() -> None:
    done = normalize(read_event(b"[1]"), arrival())
    assert isinstance(done, Rejection)
    assert done.code == "not_an_object"


@pytest.mark.parametrize("previous", ["before", 7])
def test_an_alias_names_whose_it_was(previous: object) -> None:
    event = {"type": "alias", "userId": "u", "previousId": previous}
    assert kept(event)["previousId"] == previous


def test_the_route_names_the_type() -> None:
    assert kept({"event": "Seen", "anonymousId": "a"}, "track")["type"] == "track"
    assert kept({"type": "track", "groupId": 9, "userId": 7}, "group")["type"] == "group"


def test_what_is_not_ours_to_change_stays() -> None:
    event = {**TRACK, "properties": {"x": [1, {"y": None}]}, "version": 2, "_metadata": {"bundled": []}}
    assert {name: kept(event)[name] for name in event} == event
    big = read_event(b'{"type":"track","event":"e","userId":"u","properties":{"n":12345678901234567890.10}}')
    done = normalize(big, arrival())
    assert isinstance(done, NewEvent)
    assert b"12345678901234567890.10" in done.body


def test_the_write_key_is_not_kept() -> None:
    assert "writeKey" not in kept({**TRACK, "writeKey": "k"})


def test_message_ids() -> None:
    made = {kept({**TRACK, "messageId": given})["messageId"] for given in (None, "", None)}
    assert len(made) == 3
    long = kept({**TRACK, "messageId": "x" * 101})["messageId"]
    assert long == kept({**TRACK, "messageId": "x" * 101})["messageId"]
    assert len(long) <= 100
    assert kept({**TRACK, "messageId": 5})["messageId"] == kept({**TRACK, "messageId": 5})["messageId"]


def test_the_batchs_context_and_integrations_are_defaults() -> None:
    context = {"library": msgspec.Raw(b'{"name":"x"}'), "locale": msgspec.Raw(b'"de"')}
    event = kept({**TRACK, "context": {"locale": "en"}}, context=context)
    assert event["context"] == {"library": {"name": "x"}, "locale": "en"}
    assert kept(TRACK, context=context)["context"]["locale"] == "de"
    off = {"All": msgspec.Raw(b"false")}
    assert kept({**TRACK, "integrations": {"A": True}}, integrations=off)["integrations"] == {
        "All": False,
        "A": True,
    }


def test_a_library_beside_the_batch_says_that_the_address_is_the_user_s() -> None:
    context = {"library": msgspec.Raw(b'{"name":"analytics-ios"}')}
    assert kept(TRACK, context=context)["context"]["ip"] == "203.0.113.9"
    assert kept({**TRACK, "context": {"locale": "de"}}, context=context)["context"]["ip"] == "203.0.113.9"
    assert (
        kept({**TRACK, "context": {"ip": "198.51.100.7"}}, context=context)["context"]["ip"] == "198.51.100.7"
    )
    server = {"library": msgspec.Raw(b'{"name":"analytics-node"}')}
    assert "ip" not in kept(TRACK, context=server)["context"]


@pytest.mark.parametrize("length", [100, 101])
def test_a_message_id_of_a_hundred_characters_stays(length: int) -> None:
    said = "m" * length
    assert (kept({**TRACK, "messageId": said})["messageId"] == said) is (length <= LONGEST_MESSAGE_ID)


@pytest.mark.parametrize("said", [None, ""])
def test_events_without_a_message_id_are_no_duplicates(said: object) -> None:
    ids = {kept({**TRACK, "messageId": said})["messageId"] for _ in range(2)}
    assert len(ids) == 2


def test_an_identify_may_say_nothing_but_who() -> None:
    assert "traits" not in kept({"type": "identify", "userId": "u"})


def test_an_address_takes_the_place_of_none_and_nothing_else() -> None:
    context = {"library": {"name": "analytics.js"}, "page": {"path": "/"}}
    for ip in (None, ""):
        assert kept({**TRACK, "context": {**context, "ip": ip}})["context"] == {
            **context,
            "ip": "203.0.113.9",
        }


def test_rudderstacks_traits_are_found_in_the_context() -> None:
    identify = {"type": "identify", "userId": "u", "context": {"traits": {"plan": "pro"}}}
    assert kept(identify)["traits"] == {"plan": "pro"}
    assert kept({**identify, "traits": {}})["traits"] == {}
    assert kept({**identify, "traits": None})["traits"] is None
    for context in ({"traits": 5}, {}, None):
        assert "traits" not in kept({**identify, "context": context})
    assert "traits" not in kept({**TRACK, "context": identify["context"]})


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"type": "screen", "event": "Home", "properties": {"name": "Home"}}, "Home"),
        ({"type": "screen", "event": "Home"}, "Home"),
        ({"type": "screen", "properties": {"name": "Home"}}, "Home"),
        ({"type": "screen", "event": "", "name": "", "properties": {"name": "Home"}}, "Home"),
        ({"type": "page", "event": "Home", "name": None}, "Home"),
        ({"type": "screen", "event": "Other", "name": "Home"}, "Home"),
        ({"type": "screen", "event": 5, "properties": {"name": 5}}, None),
        ({"type": "screen", "properties": []}, None),
        ({"type": "screen", "properties": None}, None),
        ({"type": "track", "event": "Seen", "properties": {"name": "Home"}}, None),
    ],
)
def test_rudderstacks_screens_have_names(event: dict[str, Any], name: str | None) -> None:
    assert kept({"anonymousId": "a", **event}).get("name") == name


def test_phps_empty_lists_are_empty_objects() -> None:
    event = kept({**TRACK, "properties": [], "context": [], "integrations": [], "traits": []})
    assert [event[name] for name in ("properties", "context", "integrations", "traits")] == [{}] * 4


def test_addresses_are_for_client_side_libraries_only() -> None:
    def address(context: object, **changes: Any) -> object:
        return kept({**TRACK, "context": context}, **changes)["context"].get("ip")

    page = {"library": {"name": "analytics.js"}}
    assert address(page) == "203.0.113.9"
    assert address({**page, "ip": "198.51.100.1"}) == "198.51.100.1"
    assert address({**page, "ip": None}) == "203.0.113.9"
    assert address(page, address=None) is None
    for library in ("analytics-node", 5, {"name": 5}, {"name": "analytics-python"}, None):
        assert address({"library": library}) is None
    assert address({"library": {"name": "@jitsu/js"}}, from_page=True) == "203.0.113.9"
    assert address({}, from_page=True) is None
    assert "context" not in kept(TRACK)
