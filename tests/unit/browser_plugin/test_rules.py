"""Facts in, patch out: where sessions begin and end, and what is sent for it. Times in ms."""

from typing import Any

import pytest

from tests.support.page_facts import MINUTE, NAME, NOW, STARTED, asked, at, patched


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


def before(stores: list[list[str]], options: Any = None) -> dict[str, Any]:
    return {"stores": stores, "options": options}
