"""What the session rules are told of an event: who sent it, whose it is, when it was, which id it brought."""

from typing import Any

import msgspec
import orjson
import pytest

from forwarder.ingest.session_facts import read_again
from forwarder.sessions.device import CLIENT, ENDED, GIVEN, OWN
from forwarder.sessions.facts import APP, LONGEST_ID, PAGE, SERVER, Assigned, SessionFacts, SessionRules
from forwarder.sessions.stamp import stamped
from forwarder.spool import NewEvent

RULES = SessionRules(source="shop")
MOMENT = 1_767_225_600_000
AMPLITUDE, OTHER = "Actions Amplitude", "Amplitude (Actions)"
EVENT = {
    "type": "track",
    "event": "Seen",
    "anonymousId": "d",
    "userId": "u",
    "timestamp": "2026-01-01T00:00:00.000Z",
}


def written(**more: Any) -> bytes:
    return orjson.dumps({key: value for key, value in {**EVENT, **more}.items() if value is not ...})


def again(body: bytes, from_page: bool = True, rules: SessionRules = RULES) -> NewEvent:
    return read_again(NewEvent("before", "m1", body), from_page, rules)


def facts(from_page: bool = True, rules: SessionRules = RULES, **more: Any) -> SessionFacts | None:
    return again(written(**more), from_page, rules).session


def ruled(**more: Any) -> SessionRules:
    return msgspec.structs.replace(RULES, **more)


def library(name: str) -> dict[str, Any]:
    return {"context": {"library": {"name": name}}}


def test_an_event_is_kept_with_its_facts() -> None:
    found = again(written())
    assert (found.source, found.message_id, found.body) == ("shop", "m1", written())
    told = found.session
    assert told is not None
    assert (told.rules, told.kind, told.device, told.user) == (RULES, PAGE, "\0dd", "\0uu")
    assert (told.time, told.given, told.flags) == (MOMENT, None, CLIENT)
    assert told.head == len(written()) - 1


@pytest.mark.parametrize(
    "body", [b"broken", b"[]", written(timestamp=...), written(timestamp="never"), written(timestamp=None)]
)
def test_what_has_no_time_or_is_no_event_stays_as_it_is(body: bytes) -> None:
    event = NewEvent("before", "m1", body)
    assert read_again(event, True, RULES) is event


@pytest.mark.parametrize(
    ("more", "from_page", "kind"),
    [
        ({}, True, PAGE),
        ({}, False, SERVER),
        (library("analytics.js"), False, PAGE),
        (library("analytics-python"), True, PAGE),
        (library("analytics-python"), False, SERVER),
        (library("analytics-ios"), True, APP),
        (library("analytics-ios"), False, APP),
        ({"context": {}}, False, SERVER),
        ({"context": {"library": None}}, True, PAGE),
    ],
)
def test_who_sent_it(more: dict[str, Any], from_page: bool, kind: int) -> None:
    told = facts(from_page, ruled(assign="all"), **more)
    assert told is not None
    assert (told.kind, told.flags) == (kind, 0 if kind == SERVER else CLIENT)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("d", "d"),
        (7, "7"),
        ("d" * LONGEST_ID, "d" * LONGEST_ID),
        ("d" * (LONGEST_ID + 1), ""),
        ("", ""),
        (None, ""),
        (..., ""),
        (True, ""),
        (1.5, ""),
        ({}, ""),
    ],
)
def test_ids_are_texts_and_whole_numbers(value: object, text: str) -> None:
    told = facts(anonymousId=value)
    assert told is not None
    assert told.device == (f"\0d{text}" if text else "")
    told = facts(userId=value)
    assert told is not None
    assert told.user == (f"\0u{text}" if text else "")
    scoped = facts(rules=ruled(scope="all"), anonymousId=value)
    assert scoped is not None
    assert scoped.device == (f"all\0d{text}" if text else "")


def test_what_names_nobody_is_in_no_session() -> None:
    found = again(written(anonymousId=..., userId=...))
    assert (found.session, found.body) == (None, written(anonymousId=..., userId=...))
    assert (found.source, found.message_id) == ("shop", "m1")


# -- ids that were brought


def options(session_id: object, name: str = AMPLITUDE, **others: Any) -> dict[str, Any]:
    return {"integrations": {name: {"session_id": session_id}, **others}}


@pytest.mark.parametrize("name", [AMPLITUDE, OTHER])
@pytest.mark.parametrize(
    ("brought", "given"),
    [
        (1, 1),
        (MOMENT, MOMENT),
        (10**15 - 1, 10**15 - 1),
        ("12", 12),
        ("9" * 15, 10**15 - 1),
        (12.0, 12),
    ],
)
def test_the_id_that_an_event_brought(brought: object, given: int, name: str) -> None:
    found = again(written(**options(brought, name)))
    told = found.session
    assert told is not None
    assert (told.given, told.opening, told.flags) == (given, b"", GIVEN | CLIENT)
    assert found.body == written(**options(brought, name)), "it stays as it came"
    assert told.head == len(found.body) - 1


@pytest.mark.parametrize(
    "brought", [0, -1, 10**15, "0", "1" * 16, "1.5", "\u0661", "x", 1.5, True, [], {}, -12.0]
)
def test_what_is_no_id_means_no_session(brought: object) -> None:
    for name in (AMPLITUDE, OTHER):
        assert facts(**options(brought, name)) is None


def test_the_first_name_that_has_an_id_counts() -> None:
    both: dict[str, Any] = {"integrations": {AMPLITUDE: {"session_id": 1}, OTHER: {"session_id": 2}}}
    told = facts(**both)
    assert told is not None
    assert told.given == 1
    both["integrations"][AMPLITUDE] = {"session_id": None}
    told = facts(**both)
    assert told is not None
    assert told.given == 2
    assert facts(**options(5, Other=False)) is not None


@pytest.mark.parametrize(
    ("more", "from_page", "flags"),
    [
        ({}, True, GIVEN | CLIENT),
        ({}, False, GIVEN),
        ({"event": "Session Ended"}, True, GIVEN | CLIENT | ENDED),
        ({"event": "Session Ended"}, False, GIVEN | ENDED),
        ({"event": "Over"}, True, GIVEN | CLIENT),
        ({"event": "session_start"}, True, GIVEN | CLIENT | OWN),
        ({"event": "session_end"}, False, GIVEN | OWN),
        ({"event": "Session Ended", "type": "page"}, True, GIVEN | CLIENT),
        ({"event": "session_start", "type": "screen"}, True, GIVEN | CLIENT),
    ],
)
def test_ends_and_own_events_of_senders_with_sessions(
    more: dict[str, Any], from_page: bool, flags: int
) -> None:
    told = facts(from_page, **options(5), **more)
    assert told is not None
    assert told.flags == flags
    named = facts(
        from_page, ruled(ended_name="Over"), **options(5), **{**more, "event": "Over", "type": "track"}
    )
    assert named is not None
    assert named.flags & ENDED


# -- ids that may be given


@pytest.mark.parametrize(
    ("more", "from_page", "rules", "told"),
    [
        ({}, True, {"assign": "web"}, True),
        ({}, True, {"assign": "all"}, True),
        ({"type": "screen"}, True, {}, False),
        ({"type": "page"}, True, {"event_types": ("page",)}, True),
        ({"type": "track"}, True, {"event_types": ("page",)}, False),
        ({}, False, {"join": True}, True),
        ({}, False, {"join": False}, False),
        ({"type": "alias"}, False, {"join": True}, True),
        ({}, False, {"join": False, "assign": "all"}, True),
        (library("analytics-ios"), False, {"assign": "web"}, False),
        (library("analytics-ios"), False, {"assign": "all"}, True),
        ({"integrations": {AMPLITUDE: False}}, True, {}, False),
        ({"integrations": {"All": False, AMPLITUDE: False}}, False, {}, False),
        ({"integrations": "odd"}, True, {}, False),
        ({"integrations": {"All": False}}, False, {}, False),
        ({"integrations": {"All": False, AMPLITUDE: {}}}, True, {}, True),
    ],
)
def test_whose_events_are_in_sessions(
    more: dict[str, Any], from_page: bool, rules: dict[str, Any], told: bool
) -> None:
    assert (facts(from_page, ruled(**rules), **more) is not None) is told


def with_id(body: bytes, from_page: bool = True, rules: SessionRules = RULES) -> Any:
    """Return the event as it is kept with the id 77."""
    found = again(body, from_page, rules)
    assert found.session is not None
    return orjson.loads(stamped(found.body, found.session, Assigned(77, "why")))


@pytest.mark.parametrize(
    ("integrations", "kept"),
    [
        (..., {AMPLITUDE: {"session_id": 77}}),
        (None, {AMPLITUDE: {"session_id": 77}}),
        ({}, {AMPLITUDE: {"session_id": 77}}),
        ({"All": True}, {"All": True, AMPLITUDE: {"session_id": 77}}),
        ({AMPLITUDE: {"x": 1}, "A": {"b": 2}}, {"A": {"b": 2}, AMPLITUDE: {"x": 1, "session_id": 77}}),
        ({AMPLITUDE: True}, {AMPLITUDE: {"session_id": 77}}),
        ({AMPLITUDE: {"session_id": None}}, {AMPLITUDE: {"session_id": 77}}),
    ],
)
@pytest.mark.parametrize("from_page", [True, False])
def test_the_id_stands_among_the_integrations_that_were_there(
    integrations: object, kept: object, from_page: bool
) -> None:
    stands = with_id(written(integrations=integrations), from_page)
    assert stands.pop("sessionReason") == "why"
    assert stands == {**EVENT, "integrations": kept}


def test_where_the_id_may_yet_be_missing_integrations_stay() -> None:
    body = written(integrations={"All": True})
    assert again(body, from_page=True).body == written(), "they come with the id, surely"
    for from_page, rules in ((False, RULES), (True, ruled(assign="off"))):
        found = again(body, from_page, rules)
        assert orjson.loads(found.body) == orjson.loads(body)
        assert found.session is not None
        assert orjson.loads(found.body[: found.session.head] + b"}") == EVENT or rules.assign == "off"
    last = again(written(integrations={"All": True}, zuletzt=1), from_page=False)
    assert last.session is not None
    assert last.body.endswith(b',"integrations":{"All":true}}'), "they come last"
    assert orjson.loads(last.body[: last.session.head] + b"}") == {**EVENT, "zuletzt": 1}


def test_a_page_whose_sessions_are_its_own_is_given_none() -> None:
    told = facts(rules=ruled(assign="off"))
    assert told is not None
    assert (told.opening, told.given) == (b"", None)


def test_a_page_that_amplitude_is_kept_from_is_in_a_session_without_an_id() -> None:
    told = facts(integrations={"All": False})
    assert told is not None
    assert (told.opening, told.given) == (b"", None)
