"""Facts in, patch out: what is stored, stamped, put back and sent for one event. Times in ms."""

import json
from typing import Any

import pytest

from browser_plugin.entry import FAULT, handle
from browser_plugin.explanation import explain
from browser_plugin.json_values import is_known, is_moment, is_number
from browser_plugin.rules import enrich
from browser_plugin.stores import chosen

NOW = 1_700_000_000_000
MINUTE = 60_000
NAME, OTHER = "Actions Amplitude", "Amplitude (Actions)"
SETTINGS = {
    "sessionLength": 30 * MINUTE,
    "sessionEvents": True,
    "startedName": "Session Started",
    "endedName": "Session Ended",
    "eventTypes": ["track", "page", "identify", "group", "alias"],
    "maximumLength": 0,
    "newOnReset": False,
    "newOnUserChange": False,
}


def asked(
    event: dict[str, Any] | None = None,
    stores: list[list[str]] | None = None,
    settings: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return facts: an event of now on a page a minute old, nothing stored, unless said otherwise."""
    return {
        "event": {
            "type": "track",
            "event": "Seen",
            "anonymousId": "ada",
            "integrations": None,
            **(event or {}),
        },
        "time": NOW - 5,
        "born": NOW - MINUTE,
        "now": NOW,
        "stores": stores or [["", "", ""]],
        "earlier": False,
        "before": None,
        "loaded": None,
        "visitor": None,
        "user": None,
        **more,
        "settings": {**SETTINGS, **(settings or {})},
    }


def at(session_id: int, last: int, reset: str = "") -> list[str]:
    """Return a store's texts; both times relative to now."""
    return [str(NOW + session_id), str(NOW + last), reset]


def patched(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the patch, which is the same through the page's entry."""
    before = json.dumps(facts)
    patch = enrich(facts)
    assert json.dumps(facts) == before, "facts stay as they are"
    assert patch is not None
    assert json.loads(handle(before)) == patch
    return patch


STARTED = {
    "name": "Session Started",
    "properties": {},
    "timestamp": NOW - 5,
    "session_id": NOW,
    "messageId": f"session-started-{NOW}-ada",
    "integrations": {NAME: {"session_id": NOW}},
    "who": {"anonymousId": "ada", "userId": None},
}


def test_a_first_visit() -> None:
    assert patched(asked()) == {
        "decision": {
            "session_id": NOW,
            "started": True,
            "reason": "first visit",
            "idle": 0,
            "ended_id": None,
            "ended_last": None,
        },
        "writes": {"id": NOW, "last": NOW, "reset": False},
        "changes": True,
        "options": {"session_id": NOW},
        "visitor": {"session": str(NOW), "user": None, "anonymousId": "ada", "userId": None},
        "emitted": [STARTED],
        "why": ["first visit"],
    }


def test_a_session_ends_at_its_last_activity_under_the_name_of_whose_it_was() -> None:
    visitor = {"session": "1", "user": "grace", "anonymousId": "old", "userId": "grace"}
    facts = asked({"userId": 7}, [at(-90 * MINUTE, -60 * MINUTE)], visitor=visitor, user="grace")
    patch = patched(facts)
    assert patch["visitor"] == {"session": str(NOW), "user": 7, "anonymousId": "ada", "userId": 7}
    assert patch["emitted"] == [
        {
            "name": "Session Ended",
            "properties": {"duration": 30 * MINUTE},
            "timestamp": NOW - 60 * MINUTE,
            "session_id": NOW - 90 * MINUTE,
            "messageId": f"session-ended-{NOW - 90 * MINUTE}-old",
            "integrations": {NAME: {"session_id": NOW - 90 * MINUTE}},
            "who": {"anonymousId": "old", "userId": "grace"},
        },
        {**STARTED, "who": {"anonymousId": "ada", "userId": 7}},
    ]


def test_an_end_without_a_visitor_is_told_of_the_one_who_comes() -> None:
    [ended, _] = patched(asked({"anonymousId": "", "userId": "bob"}, [at(-3, 5, "1")]))["emitted"]
    assert ended["who"] == {"anonymousId": "", "userId": "bob"}
    assert ended["messageId"] == f"session-ended-{NOW - 3}-bob"


def test_a_clock_that_went_back_gives_no_negative_duration() -> None:
    [ended, _] = patched(asked(stores=[at(9, -40 * MINUTE)]))["emitted"]
    assert ended["properties"] == {"duration": 0}


@pytest.mark.parametrize(
    ("time", "last", "begins"),
    [
        (NOW - 5, None, NOW - 5),
        (NOW, None, NOW),
        (NOW + 1, None, NOW),
        (NOW - 60_000, None, NOW - 60_000),
        (NOW - 60_001, None, NOW),
        (None, None, NOW),
        (1.5, None, NOW),
        (NOW - 0.5, None, NOW),
        (-1, None, NOW),
        ("soon", None, NOW),
        (True, None, NOW),
        (NOW - 5, -4, NOW - 4),
        (NOW - 5, -5, NOW - 5),
        (NOW - 5, -6, NOW - 5),
        (NOW - 5, 0, NOW - 5),
        (NOW - 5, 3, NOW - 5),
    ],
)
def test_a_session_begins_with_its_first_event_but_not_within_the_last_one(
    time: Any, last: int | None, begins: int
) -> None:
    stores = [["", "", ""]] if last is None else [at(-100, last, "1")]
    facts = asked(stores=stores, time=time, born=NOW - 10**9)
    assert patched(facts)["emitted"][-1]["timestamp"] == begins


@pytest.mark.parametrize("session_events", [True, False])
@pytest.mark.parametrize("stores", [[at(-3, -2)], [["", "", ""]]])
def test_session_events_are_sent_where_a_session_begins_and_they_are_wanted(
    session_events: bool, stores: list[list[str]]
) -> None:
    patch = patched(asked(stores=stores, settings={"sessionEvents": session_events}))
    assert len(patch["emitted"]) == (session_events and stores[0][0] == "")


def test_a_wish_for_a_new_session_is_fulfilled_once_and_not_by_events_made_before_it() -> None:
    stored = [at(-100, -50, "1")]
    patch = patched(asked(stores=stored))
    assert patch["why"] == ["reset"]
    assert patch["writes"] == {"id": NOW, "last": NOW, "reset": True}
    patch = patched(asked(stores=stored, earlier=True))
    assert patch["why"] == ["active"]
    assert patch["writes"] == {"id": NOW - 100, "last": NOW, "reset": False}


@pytest.mark.parametrize(
    ("user", "comes", "session", "reason"),
    [
        ("ada", "bob", NOW - 100, "another user"),
        ("ada", "bob", None, "another user"),
        ("ada", "bob", 5, "active"),  # another tab has begun one for bob since
        ("ada", "ada", NOW - 100, "active"),
        ("ada", None, NOW - 100, "active"),
        ("ada", "", NOW - 100, "active"),
        (None, "bob", NOW - 100, "active"),
        ("", "bob", NOW - 100, "active"),
        (1, 2, NOW - 100, "another user"),
        (0, 2, NOW - 100, "another user"),
        (True, 2, NOW - 100, "active"),
        ({}, 2, NOW - 100, "active"),
    ],
)
def test_another_user_begins_another_session_where_that_is_set(
    user: Any, comes: Any, session: int | None, reason: str
) -> None:
    visitor = None if session is None else {"session": str(session), "anonymousId": "old"}
    facts = asked({"userId": comes}, [at(-100, -50)], {"newOnUserChange": True}, user=user, visitor=visitor)
    assert patched(facts)["why"] == [reason]
    assert patched(facts)["writes"]["reset"] is False
    facts["settings"]["newOnUserChange"] = False
    assert patched(facts)["why"] == ["active"]


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (None, {"session_id": NOW}),
        ([], {"session_id": NOW}),
        ({"All": False}, None),
        ({"All": True}, {"session_id": NOW}),
        ({"All": False, NAME: True}, {"session_id": NOW}),
        ({"All": False, NAME: {}}, {"session_id": NOW}),
        ({"All": False, NAME: []}, {"session_id": NOW}),
        ({"All": False, NAME: 1}, {"session_id": NOW}),
        ({"All": False, NAME: "x"}, {"session_id": NOW}),
        ({"All": False, NAME: 0}, None),
        ({"All": False, NAME: ""}, None),
        ({"All": False, NAME: None}, None),
        ({"All": False, OTHER: {}}, {"session_id": NOW}),
        ({"All": False, OTHER: None}, None),
        ({NAME: False}, None),
        ({NAME: None}, {"session_id": NOW}),
        ({OTHER: False}, None),
        ({OTHER: False, NAME: {"a": 1}}, None),
        ({NAME: {"groups": {"a": "b"}}}, {"groups": {"a": "b"}, "session_id": NOW}),
        ({NAME: {"session_id": "odd"}}, {"session_id": NOW}),
        ({NAME: {"session_id": True}}, {"session_id": NOW}),
    ],
)
def test_what_integrations_say(given: Any, options: Any) -> None:
    patch = patched(asked({"integrations": given}))
    assert patch["changes"] is (options is not None)
    assert patch["why"] == ["first visit", *([] if options else ["denied"])]
    if options:
        assert patch["options"] == options
    assert patch["writes"] == {"id": NOW, "last": NOW, "reset": False}, "the visit goes on"
    no = isinstance(given, dict) and (given.get(NAME) is False or given.get(OTHER) is False)
    assert patch["emitted"][0]["integrations"] == {NAME: False if no else {"session_id": NOW}}


@pytest.mark.parametrize(
    ("given", "loaded", "off"),
    [
        (None, {}, False),
        (None, {NAME: False}, True),
        (None, {OTHER: False}, True),
        (None, {"All": False}, True),
        (None, {"All": False, OTHER: True}, False),
        ({NAME: False}, {}, True),
        ({NAME: False}, None, False),
        ({"All": False}, {}, False),
    ],
)
def test_a_destination_that_is_off_keeps_nothing(given: Any, loaded: Any, off: bool) -> None:
    patch = patched(asked({"integrations": given}, loaded=loaded))
    assert (patch["why"] == ["off"]) is off
    if off:
        assert (patch["decision"], patch["writes"], patch["changes"], patch["visitor"]) == (
            None,
            None,
            False,
            None,
        )
        assert patch["emitted"] == []


def test_what_was_loaded_for_the_destination_goes_with_session_events() -> None:
    for stores, ids in ([["", "", ""]], [NOW]), ([at(-3, -2, "1")], [NOW - 3, NOW]):
        emitted = patched(asked(stores=stores, loaded={NAME: {"plan": "x"}}))["emitted"]
        wanted = [{NAME: {"plan": "x", "session_id": one}} for one in ids]
        assert [one["integrations"] for one in emitted] == wanted


def test_a_device_of_one_character_names_its_session_events() -> None:
    [started] = patched(asked({"anonymousId": "a", "userId": "bob"}))["emitted"]
    assert started["messageId"] == f"session-started-{NOW}-a"


@pytest.mark.parametrize(
    ("event", "facts"),
    [
        ({"type": "screen"}, {}),
        ({"type": None}, {}),
        ({"event": "Session Started", "integrations": {NAME: {"session_id": 5}}}, {}),
        ({"event": "Session Ended", "integrations": {NAME: {"session_id": 5}}}, {}),
        ({"integrations": {NAME: {"session_id": 5}}}, {"time": NOW - MINUTE - 1}),
        ({}, {"now": -1}),
        ({}, {"now": 10**15}),
        ({}, {"now": 0.5}),
        ({}, {"now": None}),
    ],
)
def test_what_concerns_no_session(event: dict[str, Any], facts: dict[str, Any]) -> None:
    given = {**asked(event), **facts}
    assert enrich(given) is None
    assert handle(json.dumps(given)) == "null"


@pytest.mark.parametrize(
    ("event", "facts"),
    [
        ({"event": "Session Started"}, {}),
        ({"event": "Session Started", "integrations": {NAME: {"session_id": "5"}}}, {}),
        ({"type": "page", "event": "Session Started", "integrations": {NAME: {"session_id": 5}}}, {}),
        ({"event": "Seen", "integrations": {NAME: {"session_id": 5}}}, {}),
        ({"integrations": {NAME: {"session_id": 5}}}, {"time": NOW - MINUTE}),
        ({"integrations": {NAME: {"session_id": 5}}}, {"time": None}),
        ({}, {"time": NOW - 10**9}),
        ({}, {"now": 10**15 - 1, "time": None}),
    ],
)
def test_what_does(event: dict[str, Any], facts: dict[str, Any]) -> None:
    patch = patched({**asked(event), **facts})
    assert patch["options"]["session_id"] == facts.get("now", NOW)


def before(stores: list[list[str]], options: Any = None) -> dict[str, Any]:
    return {"stores": stores, "options": options}


def test_another_plugins_id_is_replaced_and_what_it_stored_counts_for_nothing() -> None:
    old = at(-40 * MINUTE, -31 * MINUTE)
    facts = asked(
        {"integrations": {NAME: {"session_id": NOW - 40 * MINUTE}, "All": True}},
        [at(-40 * MINUTE, 0)],
        before=before([old], {"groups": 1}),
    )
    patch = patched(facts)
    assert patch["why"] == ["idle", "replaced"]
    assert patch["options"] == {"groups": 1, "session_id": NOW}
    # Where the stored id is not that plugin's, another tab has begun a session since.
    facts["stores"] = [at(-2, -1)]
    assert patched(facts)["options"]["session_id"] == NOW - 2
    # The same id as before any plugin is an earlier page's, no other plugin's.
    facts["before"]["options"] = {"session_id": NOW - 40 * MINUTE}
    assert patched(facts)["why"] == ["active"]


@pytest.mark.parametrize(
    ("given", "options", "why"),
    [
        ({}, False, ["first visit", "denied", "replaced"]),
        ({}, None, ["first visit", "replaced"]),
        ({"All": False}, None, ["first visit", "denied", "replaced"]),
        ({"All": False}, True, ["first visit", "replaced"]),
        ({OTHER: False}, None, ["first visit", "denied", "replaced"]),
    ],
)
def test_what_integrations_said_before_another_plugin_counts(
    given: dict[str, Any], options: Any, why: list[str]
) -> None:
    seen = {**given, NAME: {"session_id": 5}}
    patch = patched(asked({"integrations": seen}, before=before([["", "", ""]], options)))
    assert (patch["why"], patch["changes"]) == (why, True)
    assert patch["options"] == (options if "denied" in why else {"session_id": NOW})


def test_where_it_is_off_what_another_plugin_stored_is_undone() -> None:
    facts = asked({"integrations": {NAME: {"session_id": NOW}}}, [at(0, 0)], loaded={"All": False})
    patch = patched({**facts, "before": before([at(-9, -4)], True)})
    assert patch["why"] == ["off"]
    assert patch["writes"] == {"id": NOW - 9, "last": NOW - 4, "reset": False}
    assert (patch["changes"], patch["options"]) == (True, True)


@pytest.mark.parametrize(
    ("stored", "writes"),
    [
        (at(-9, -4), {"id": NOW - 9, "last": NOW - 4, "reset": False}),
        (["", "", ""], None),
        ([str(NOW), "", ""], None),
        (["", str(NOW), ""], None),
    ],
)
def test_another_plugins_doings_are_undone_on_events_in_no_session(
    stored: list[str], writes: dict[str, Any] | None
) -> None:
    patch = patched(
        asked(
            {"integrations": {NAME: {"session_id": NOW}}, "type": "screen"},
            [at(0, 0)],
            before=before([stored], True),
        )
    )
    assert patch == {
        "decision": None,
        "writes": writes,
        "changes": True,
        "options": True,
        "visitor": None,
        "emitted": [],
        "why": [],
    }


@pytest.mark.parametrize(
    ("stores", "session_id", "last"),
    [
        ([at(-9, -4), at(-8, -3)], -8, -3),
        ([at(-8, -3), at(-9, -4)], -8, -3),
        ([at(-9, -4), ["", "", ""]], -9, -4),
        ([["", "", ""], at(-9, -4)], -9, -4),
        ([["x", "", ""], at(-9, -4)], -9, -4),
        ([at(-9, 1000), at(-8, -3)], -9, 1000),
        ([at(-9, 1001), at(-8, -3)], -8, -3),
        ([at(-8, -3), at(-9, 1001)], -8, -3),
        ([at(-8, -3), at(-9, -3)], -8, -3),
        ([[str(NOW - 9), "", ""], ["", str(NOW - 4), ""]], -9, -4),
    ],
)
def test_where_stores_disagree_the_newest_last_access_wins(
    stores: list[list[str]], session_id: int, last: int
) -> None:
    patch = patched(asked(stores=stores))
    assert patch["decision"]["session_id"] == NOW + session_id
    assert patch["decision"]["idle"] == max(0, -last)


@pytest.mark.parametrize(
    ("stores", "session_id", "last"),
    [
        ([["", "", ""]], "", ""),
        ([["x", "y", ""], ["", "", ""]], "x", "y"),  # of unusable texts the first that is there
        ([["", "", ""], ["x", "y", ""]], "x", "y"),
        ([["x", "y", ""], ["xx", "yy", ""]], "x", "y"),
        ([["5", "x", ""], ["6", str(NOW + 2000), ""]], "6", str(NOW + 2000)),
        ([["5", "0", ""], ["6", str(NOW + 2000), ""]], "5", "0"),
        ([["5", str(NOW + 3000), ""], ["6", str(NOW + 2000), ""]], "5", str(NOW + 3000)),
        ([["5", "7", ""], ["6", "007", ""]], "5", "7"),
    ],
)
def test_of_texts_that_count_alike_the_first_is_gone_by(
    stores: list[list[str]], session_id: str, last: str
) -> None:
    assert chosen(stores, NOW) == {"id": session_id, "last": last, "reset": False}


def test_a_wish_in_any_store_counts() -> None:
    for stores in ([at(-9, -4), at(-9, -9, "1")], [at(-9, -4, "1"), at(-9, -9)]):
        assert patched(asked(stores=stores))["why"] == ["reset"]
    assert patched(asked(stores=[at(-9, -4, "0")]))["why"] == ["active"]


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (asked(), 'track "Seen" is in session {now}, which is new: none was stored'),
        (
            asked({"event": None, "name": "Home", "type": "page"}),
            'page "Home" is in session {now}, which is new: none was stored',
        ),
        (
            asked({"event": 5, "type": "identify"}),
            "identify is in session {now}, which is new: none was stored",
        ),
        (
            asked(stores=[["x", "", ""]]),
            'track "Seen" is in session {now}, which is new: what was stored is unusable',
        ),
        (
            asked(stores=[at(0, -1250)]),
            'track "Seen" is in session {now}, which goes on, 1.25 s after the last event (1800 s end one)',
        ),
        (
            asked({"event": "x"}, [at(0, -1)]),
            'track "x" is in session {now}, which goes on, 0.001 s after the last event (1800 s end one)',
        ),
        (
            asked({"event": "x", "name": "Home"}),
            'track "x" is in session {now}, which is new: none was stored',
        ),
        (
            asked({"event": "", "name": "y"}),
            'track "y" is in session {now}, which is new: none was stored',
        ),
        (
            asked(stores=[at(0, -3)], settings={"sessionLength": 60_500}),
            'track "Seen" is in session {now}, which goes on, 0.003 s after the last event (60.5 s end one)',
        ),
        (
            asked(stores=[at(-9, -30 * MINUTE)]),
            'track "Seen" is in session {now}, which is new: 1800 s after the last event (1800 s end one)',
        ),
        (
            asked(stores=[at(-2000, -3)], settings={"maximumLength": 2000}),
            'track "Seen" is in session {now}, which is new: the last one had reached 2 s',
        ),
        (
            asked(stores=[at(-9, -3, "1")]),
            'track "Seen" is in session {now}, which is new: a reset asked for it',
        ),
        (
            asked({"userId": "b"}, [at(-9, -3)], {"newOnUserChange": True}, user="a"),
            'track "Seen" is in session {now}, which is new: another user came',
        ),
        (
            asked({"integrations": {"All": False}}),
            'track "Seen" is in session {now}, which is new: none was stored;'
            " not stamped: its integrations say no",
        ),
        (
            asked({"integrations": {NAME: {"session_id": 5}}}, before=before([["", "", ""]])),
            'track "Seen" is in session {now}, which is new: none was stored;'
            " another session plugin's id was replaced",
        ),
        (asked(loaded={"All": False}), 'track "Seen" is in no session: the destination is switched off'),
    ],
)
def test_the_explanation(facts: dict[str, Any], sentence: str) -> None:
    assert explain(facts, patched(facts)) == sentence.format(now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "5",
        '"x"',
        "{}",
        '{"now": 5}',
        "{",
        "NaN",
        "\ud800",
        '{"now": 1, "event": {}}',
        "[" * 10_000,
    ],
)
def test_what_cannot_be_answered_costs_one_event(text: str) -> None:
    assert handle(text) == FAULT


@pytest.mark.parametrize(
    "name", ["event", "stores", "earlier", "before", "loaded", "visitor", "user", "settings"]
)
def test_facts_that_lack_something_raise_nothing(name: str) -> None:
    facts = asked({"userId": "b"}, [at(-9, -3, "1")], {"newOnUserChange": True})
    del facts[name]
    assert handle(json.dumps(facts)) == FAULT


def test_answers_are_ascii_without_spaces() -> None:
    facts = asked({"anonymousId": "\u00e4da"})
    said = handle(json.dumps(facts))
    assert said.isascii()
    assert ", " not in said
    assert json.loads(said)["visitor"]["anonymousId"] == "\u00e4da"


@pytest.mark.parametrize(
    ("value", "number", "moment", "known"),
    [
        (0, True, True, True),
        (1, True, True, True),
        (-1, True, False, True),
        (0.5, True, False, True),
        (2.0, True, True, True),
        (10**15, True, False, True),
        (10**15 - 1, True, True, True),
        (float("nan"), True, False, True),
        (True, False, False, False),
        (False, False, False, False),
        (None, False, False, False),
        ("5", False, False, True),
        ("", False, False, False),
        ([], False, False, False),
    ],
)
def test_kinds_of_values(value: Any, number: bool, moment: bool, known: bool) -> None:
    assert (is_number(value), is_moment(value), is_known(value)) == (number, moment, known)
