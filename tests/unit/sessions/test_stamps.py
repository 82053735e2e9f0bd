"""What stands in a kept event about its session, how that is shown, and by which keys devices are known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forwarder.sessions.facts import (
    APP,
    PAGE,
    SERVER,
    Assign,
    Assigned,
    SessionFacts,
    SessionRules,
    device_key,
    id_of,
    is_device,
    user_key,
)
from forwarder.sessions.stamp import (
    GIVEN,
    assigned_reason,
    joined_id,
    joined_reason,
    opening,
    shown_reason,
    stamped,
)
from tests.support.sessions import NAME, stamp


@pytest.mark.parametrize(
    ("integrations", "kept"),
    [
        (None, {NAME: {"session_id": 77}}),
        ({NAME: {"session_id": None}}, {NAME: {"session_id": 77}}),
        ({NAME: {"session_id": None, "x": 1}}, {NAME: {"x": 1, "session_id": 77}}),
        ({NAME: True, "A": {"b": 2}}, {"A": {"b": 2}, NAME: {"session_id": 77}}),
    ],
)
@pytest.mark.parametrize("reason", ["assigned: no plugin, idle", "joined device \u00e4\u2028"])
def test_a_stamped_event_says_each_thing_once(
    integrations: dict[str, object] | None, kept: dict[str, object], reason: str
) -> None:
    body = b'{"event":"Seen"}'
    facts = SessionFacts(
        SessionRules(), PAGE, "\0dd", "", 0, opening=opening(integrations), head=len(body) - 1
    )
    pairs = json.loads(stamped(body, facts, Assigned(77, reason)), object_pairs_hook=_once)
    assert pairs == {"event": "Seen", "integrations": kept, "sessionReason": reason}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "no name stands twice"
    return dict(pairs)


@pytest.mark.parametrize("kind", ["active", "another user", "unusable"])
def test_a_reason_names_the_policys_own(kind: str) -> None:
    assert assigned_reason(kind) == f"assigned: no plugin, {kind}"


@pytest.mark.parametrize(
    ("device", "shown"),
    [("phone", "phone"), ("a\nb\x00\x7f", "a?b??"), ("x" * 101, "x" * 100), ("\u00e4\u2028", "\u00e4\u2028")],
)
def test_a_reason_quotes_an_id_on_one_line_of_a_bounded_length(device: str, shown: str) -> None:
    reason = joined_reason(device)
    assert (reason, joined_id(reason)) == (f"joined device {shown}", shown)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"sessionReason": "because", "integrations": stamp(5)}, "because"),
        ({"integrations": stamp(5)}, GIVEN),
        ({"integrations": stamp(-1), "sessionReason": 5}, GIVEN),
        ({"integrations": stamp(None)}, ""),
        ({"integrations": {NAME: {}}}, ""),
        ({"integrations": {NAME: True}}, ""),
        ({"integrations": {"Other": {"session_id": 5}}}, ""),
        ({"integrations": "odd"}, ""),
        ({}, ""),
        (["sessionReason"], ""),
        (None, ""),
    ],
)
def test_an_event_shows_why_it_is_in_its_session(event: object, shown: str) -> None:
    assert shown_reason(event) == shown


@pytest.mark.parametrize(("assign", "whose"), [("off", set()), ("web", {PAGE}), ("all", {PAGE, APP, SERVER})])
def test_whose_events_are_given_sessions_of_their_own(assign: Assign, whose: set[int]) -> None:
    rules = SessionRules(assign=assign)
    assert {kind for kind in (PAGE, APP, SERVER) if rules.assigns(kind)} == whose


@pytest.mark.parametrize("scope", ["", "\1shop"])
@pytest.mark.parametrize("name", ["phone", "", "a\0ub", "\0d\0u", "du"])
def test_a_key_is_about_the_id_that_it_was_made_of(scope: str, name: str) -> None:
    device, user = device_key(scope, name), user_key(scope, name)
    assert device != user
    assert [id_of(device), id_of(user)] == [name, name]
    assert [is_device(device), is_device(user)] == [True, False]
