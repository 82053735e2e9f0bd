"""Checking and normalising single events."""

import json
from typing import Any

import msgspec
import pytest

from forwarder.ingest.event import read_event
from forwarder.ingest.event_times import IMPLAUSIBLE, IMPLAUSIBLE_SENT, UNREADABLE, UNREADABLE_SENT
from forwarder.ingest.normalization import LONGEST_MESSAGE_ID, RequestContext, normalize
from forwarder.ingest.validation import Rejection
from forwarder.sessions.facts import PAGE, SERVER, SessionRules
from forwarder.spool import NewEvent

RECEIVED = 1_704_067_200_000
LAST = "2023-12-31T23:00:00.000Z"
TRACK: dict[str, Any] = {"type": "track", "event": "Seen", "userId": "u", "messageId": "m"}


def arrival(**changes: Any) -> RequestContext:
    given: dict[str, Any] = {"source": "web", "received_at": RECEIVED, "address": "203.0.113.9", **changes}
    return RequestContext(**given)


def kept(event: dict[str, Any], kind: str | None = None, **changes: Any) -> dict[str, Any]:
    done = normalize(read_event(json.dumps(event).encode()), arrival(**changes), kind)
    assert isinstance(done, NewEvent), done
    read: dict[str, Any] = json.loads(done.body)
    assert read["messageId"] == done.message_id
    return read


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


def test_an_event_s_own_sent_at_counts_before_the_batch_s() -> None:
    own = "2023-12-31T23:00:10.000Z"
    batch = msgspec.Raw(b'"2023-12-31T22:00:00.000Z"')
    event = kept({**TRACK, "timestamp": LAST, "sentAt": own}, sent_at=batch)
    assert (event["sentAt"], event["clockOffset"]) == (own, 3_590_000)


def test_the_original_time_is_the_one_that_was_corrected() -> None:
    """With what was sent as originalTimestamp beside it, the offset could not be undone."""
    other = "2020-05-05T05:05:05.000Z"
    event = kept(
        {**TRACK, "timestamp": LAST, "originalTimestamp": other, "sentAt": "2023-12-31T23:00:10.000Z"}
    )
    assert event["originalTimestamp"] == LAST
    assert event["timestamp"] == "2023-12-31T23:59:50.000Z"


def test_a_skewed_clock_is_corrected_and_the_offset_kept() -> None:
    event = kept(
        {**TRACK, "timestamp": LAST, "sentAt": "2023-12-31T23:00:10.000Z"},
    )
    assert event["timestamp"] == "2023-12-31T23:59:50.000Z"
    assert event["originalTimestamp"] == LAST
    assert event["sentAt"] == "2023-12-31T23:00:10.000Z"
    assert event["receivedAt"] == "2024-01-01T00:00:00.000Z"
    assert event["clockOffset"] == 3_590_000


def test_the_batchs_sent_at_counts_for_its_events() -> None:
    event = kept(
        {**TRACK, "timestamp": "2024-01-01T00:00:00.000Z"}, sent_at=msgspec.Raw(b'"2024-01-01T00:00:01.000Z"')
    )
    assert event["timestamp"] == "2023-12-31T23:59:59.000Z"
    assert event["sentAt"] == "2024-01-01T00:00:01.000Z"
    nulled = kept({**TRACK, "sentAt": None}, sent_at=msgspec.Raw(b'"2024-01-01T00:00:01.000Z"'))
    assert nulled["clockOffset"] == -1_000


def test_without_sent_at_the_time_stands_and_without_time_it_is_now() -> None:
    assert kept({**TRACK, "timestamp": "2020-01-01T00:00:00Z"})["timestamp"] == "2020-01-01T00:00:00.000Z"
    event = kept(TRACK)
    assert event["timestamp"] == event["originalTimestamp"] == event["receivedAt"]
    assert "clockOffset" not in event


@pytest.mark.parametrize("given", ["yesterday", 5, None, {}, ["x"], True])
def test_times_that_are_none_do_not_cost_the_event(given: object) -> None:
    event = kept({**TRACK, "timestamp": given, "sentAt": given})
    assert event["timestamp"] == "2024-01-01T00:00:00.000Z"
    assert event["originalTimestamp"] == (event["timestamp"] if given is None else given)


@pytest.mark.parametrize(
    ("times", "happened", "problems"),
    [
        ({"timestamp": "1763010312345"}, "", IMPLAUSIBLE),  # more than a year after the arrival
        ({"timestamp": "1703010312345"}, "2023-12-19T18:25:12.345Z", ""),
        ({"timestamp": 1703010312345}, "2023-12-19T18:25:12.345Z", ""),
        ({"timestamp": "01/02/2024"}, "", UNREADABLE),
        ({"timestamp": ""}, "", UNREADABLE),
        ({"timestamp": {}}, "", UNREADABLE),
        ({"timestamp": None, "sentAt": None}, "", ""),
        ({"timestamp": "1763-01-03T12:34:00Z"}, "", IMPLAUSIBLE),
        ({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "2024-01-01T00:00:00Z"}, "", ""),
        ({"timestamp": "1970-01-01T00:00:00.000Z"}, "", ""),
        (
            {"timestamp": LAST, "sentAt": "0001-01-01T00:00:00Z"},
            LAST,
            "",
        ),
        (
            {"timestamp": LAST, "sentAt": "1970-01-01T00:00:00Z"},
            LAST,
            "",
        ),
        (
            {"timestamp": LAST, "sentAt": "soon"},
            LAST,
            UNREADABLE_SENT,
        ),
        (
            {"timestamp": LAST, "sentAt": "2001-01-01T00:00:00Z"},
            LAST,
            IMPLAUSIBLE_SENT,
        ),
    ],
)
def test_times_that_cannot_be_used_are_counted(times: dict[str, Any], happened: str, problems: str) -> None:
    common = arrival()
    done = normalize(read_event(json.dumps({**TRACK, **times}).encode()), common)
    assert isinstance(done, NewEvent)
    event = json.loads(done.body)
    assert event["timestamp"] == (happened or "2024-01-01T00:00:00.000Z")
    assert common.time_problems == ({problems: 1} if problems else {})
    if problems in (IMPLAUSIBLE_SENT, UNREADABLE_SENT):
        assert "clockOffset" not in event


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"timestamp": "yesterday"}, UNREADABLE),
        ({"timestamp": "9999-12-31T00:00:00Z"}, IMPLAUSIBLE),
        ({"timestamp": "2024-01-01T00:00:00Z", "sentAt": "soon"}, UNREADABLE_SENT),
    ],
)
def test_a_strict_source_is_told_of_times(times: dict[str, Any], code: str) -> None:
    done = normalize(read_event(json.dumps({**TRACK, **times}).encode()), arrival(strict=True))
    assert isinstance(done, Rejection)
    assert done.code == code


def test_the_batchs_sent_at_may_be_wrong_as_well() -> None:
    common = arrival(sent_at=msgspec.Raw(b'"0001-01-01T00:00:00Z"'))
    done = normalize(read_event(json.dumps({**TRACK, "timestamp": LAST}).encode()), common)
    assert isinstance(done, NewEvent)
    assert json.loads(done.body)["timestamp"] == LAST
    unreadable = arrival(sent_at=msgspec.Raw(b"1e999"))
    assert isinstance(normalize(read_event(json.dumps(TRACK).encode()), unreadable), NewEvent)


def test_rudderstacks_name_of_the_time_is_understood() -> None:
    times = {"originalTimestamp": "2024-01-01T00:00:00.000Z", "sentAt": "2024-01-01T00:00:01.000Z"}
    for event in ({**TRACK, **times}, {**TRACK, **times, "timestamp": None}):
        done = kept(event)
        assert done["timestamp"] == "2023-12-31T23:59:59.000Z"
        assert done["originalTimestamp"] == times["originalTimestamp"]


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


def test_odd_times_are_counted_one_by_one() -> None:
    request = arrival()
    for _ in range(3):
        normalize(read_event(json.dumps({**TRACK, "timestamp": "soon"}).encode()), request)
    assert request.time_problems == {UNREADABLE: 3}


def test_rudderstacks_traits_are_found_in_the_context() -> None:
    identify = {"type": "identify", "userId": "u", "context": {"traits": {"plan": "pro"}}}
    assert kept(identify)["traits"] == {"plan": "pro"}
    assert kept({**identify, "traits": {}})["traits"] == {}
    assert kept({**identify, "traits": None})["traits"] is None
    for context in ({"traits": 5}, {}, None):
        assert "traits" not in kept({**identify, "context": context})
    assert "traits" not in kept({**TRACK, "context": identify["context"]})


SESSION = 1_795_669_200_000
NO_SESSIONS: tuple[object, ...] = (0, -1, "", "abc", True, 1.5, None, [], {}, 2**60, "9" * 40)
STAMP = {"Actions Amplitude": {"session_id": SESSION}}


@pytest.mark.parametrize(
    ("integrations", "kept_integrations"),
    [
        (None, STAMP),
        ({}, STAMP),
        ([], STAMP),
        ({"All": True}, {"All": True, **STAMP}),
        ({"Actions Amplitude": True}, STAMP),
        ({"Actions Amplitude": {"x": 1}}, {"Actions Amplitude": {"x": 1, "session_id": SESSION}}),
        (
            {"Amplitude (Actions)": {"x": 1}},
            {"Amplitude (Actions)": {"x": 1}, "Actions Amplitude": {"x": 1, "session_id": SESSION}},
        ),
        ({"All": False, "Amplitude (Actions)": True}, {"All": False, "Amplitude (Actions)": True, **STAMP}),
        *(
            (same, same)
            for same in (
                {"All": False},
                {"Actions Amplitude": False},
                {"Amplitude (Actions)": False, "All": True},
                {"Actions Amplitude": {"session_id": 5}},
                {"Actions Amplitude": {"session_id": None}},
                {"Amplitude (Actions)": {"session_id": -1}},
            )
        ),
    ],
)
def test_rudderstacks_session_is_the_session(integrations: object, kept_integrations: object) -> None:
    event = {**TRACK, "context": {"sessionId": SESSION, "sessionStart": True}}
    if integrations is not None:
        event["integrations"] = integrations
    assert kept(event).get("integrations") == kept_integrations


def test_rudderstacks_session_is_the_session_also_where_integrations_are_null() -> None:
    event = {**TRACK, "context": {"sessionId": SESSION}, "integrations": None}
    assert kept(event)["integrations"] == STAMP


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (SESSION, SESSION),
        (str(SESSION), SESSION),
        (1_795_669_200, SESSION),  # seconds, from its mobile libraries
        (12_345_678_901, 12_345_678_901),  # an app's own
        (1, 1),
        (2**53 - 1, 2**53 - 1),
        (str(2**53 - 1), 2**53 - 1),
        (2**53, None),
        ("00000000000000005", None),
        *((no, None) for no in NO_SESSIONS),
    ],
)
def test_what_a_session_id_means(said: object, read: int | None) -> None:
    event = kept({**TRACK, "context": {"sessionId": said}})
    assert event.get("integrations", {}).get("Actions Amplitude", {}).get("session_id") == read


def test_the_batchs_session_counts_for_its_events() -> None:
    event = kept(TRACK, context={"sessionId": msgspec.Raw(b"1795669200000")})
    assert event["integrations"] == STAMP


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


def test_times_beyond_the_calendar_do_not_cost_the_event() -> None:
    event = kept(
        {**TRACK, "timestamp": "9999-12-31T23:59:59.999Z", "sentAt": "0001-01-01T00:00:00Z"},
    )
    assert event["timestamp"] == event["receivedAt"]


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


@pytest.mark.parametrize("said", [{}, {"timestamp": "never"}, {"timestamp": "1960-01-01T00:00:00Z"}])
@pytest.mark.parametrize(("from_page", "kind"), [(True, PAGE), (False, SERVER)])
def test_what_session_rules_are_told_of_an_event_without_a_time(
    said: dict[str, Any], from_page: bool, kind: int
) -> None:
    given = arrival(session=SessionRules(source="web"), from_page=from_page)
    done = normalize(read_event(json.dumps({**TRACK, "anonymousId": "a", **said}).encode()), given)
    assert isinstance(done, NewEvent)
    assert done.session is not None
    assert (done.session.time, done.session.kind) == (RECEIVED, kind)
