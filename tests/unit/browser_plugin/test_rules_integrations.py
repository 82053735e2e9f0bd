"""What integrations and other plugins say: what the rules stamp, put back and undo. Times in ms."""

import json
from typing import Any

import pytest

from browser_plugin.entry import handle
from browser_plugin.rules import enrich
from tests.support.page_facts import MINUTE, NAME, NOW, OTHER, asked, at, before, patched


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
