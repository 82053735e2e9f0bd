"""The stamp in an event's body: whose session it names, and that it is the forwarder's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forwarder.ingest.times import format_time
from forwarder.sessions.device import MOST_SESSIONS, Session, kept
from forwarder.sessions.facts import LONGEST_ID, device_key, user_key
from forwarder.sessions.renaming import Renaming, SessionNames, who_of, who_stamped
from forwarder.sessions.restamping import Stamp, restamped, stamp_of
from forwarder.sessions.stamp import assigned_reason, joined_reason
from tests.support.sessions import MINUTE, NAME, START

FIRST, ACTIVE = assigned_reason("first visit"), assigned_reason("active")


def body(reason: str = FIRST, session_id: object = START, **more: Any) -> bytes:
    """Return an event as it is kept; its stamp stands at its end."""
    event = {**more, "timestamp": format_time(START + MINUTE)}
    event |= {"integrations": {NAME: {"session_id": session_id}}, "sessionReason": reason}
    return json.dumps(event, separators=(",", ":")).encode()


def stamped(**more: Any) -> Stamp:
    """Return the stamp of a body that has one."""
    stamp = stamp_of(body(**more))
    assert stamp is not None
    return stamp


def test_a_stamp_says_whose_session_it_is_and_since_when() -> None:
    text = body(anonymousId="phone", userId="ada")
    stamp = stamp_of(text)
    assert stamp is not None
    assert text[stamp.begin : stamp.end] == b"%d" % START
    assert stamp[2:] == (START, "phone", "ada", START + MINUTE, FIRST)


def test_what_an_event_brought_along_is_not_taken_for_the_stamp() -> None:
    own = {"x": {"y": {"session_id": 5}}, "sessionReason": "its own"}
    assert stamped(properties=own)[2:] == (START, "", "", START + MINUTE, FIRST)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ada", "ada"),
        (42, "42"),
        ("a" * LONGEST_ID, "a" * LONGEST_ID),
        ("a" * (LONGEST_ID + 1), ""),
        (True, ""),
        (1.5, ""),
        (None, ""),
        ({"a": 1}, ""),
    ],
)
def test_ids_are_read_as_ingest_reads_them(written: object, read: str) -> None:
    stamp = stamped(anonymousId=written, userId=written)
    assert (stamp.device, stamp.user) == (read, read)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        body()[:-1],
        body() + b" ",
        body(session_id="x"),
        body(session_id=""),
        body().replace(b"-", b"/"),
        body().replace(b'"timestamp":', b'"timestamp":1,"x":'),
    ],
)
def test_what_the_forwarder_has_not_written_is_no_stamp(text: bytes) -> None:
    assert stamp_of(text) is None


def test_a_body_that_gets_another_session_is_active_in_it_or_joined_it() -> None:
    joined = joined_reason("phone")
    for before, after in ((FIRST, ACTIVE), (ACTIVE, ACTIVE), (joined, joined)):
        text = body(before, userId="ada")
        stamp = stamp_of(text)
        assert stamp is not None
        assert restamped(text, stamp, 7) == body(after, 7, userId="ada")


def test_a_stamp_leads_to_whoever_was_renamed() -> None:
    assert who_stamped(stamped(anonymousId="phone", userId="ada")) == who_of(device_key("", "phone"))
    assert who_stamped(stamped(userId="ada")) == who_of(user_key("", "ada")) != who_of(device_key("", "ada"))
    assert who_stamped(stamped(reason=joined_reason("desk"), userId="ada")) == who_of(device_key("", "desk"))
    assert who_of(device_key("", "\ud83d")) != who_of(device_key("", "\ud83e")), (
        "half a character is one, too"
    )


def test_names_follow_every_renaming_and_pass_over_what_has_no_stamp() -> None:
    who = who_of(user_key("", "ada"))
    names = SessionNames(
        0, [Renaming(who, "", old, new, 0, 0, 9) for old, new in ((3, 2), (5, 3), (4, 2), (6, 4), (2, 1))]
    )
    assert names.stamped_as(1) == {1, 2, 3, 4, 5, 6}
    assert names.named(5, "shop", b"{}") == b"{}"
    assert names.named(5, "shop", body(userId="bob")) == body(userId="bob")
    assert names.named(5, "shop", body(session_id=3, userId="ada")) == body(ACTIVE, 1, userId="ada")
    assert SessionNames().hand_on(1) == 1, "nothing is held"
    assert SessionNames().upto == 0


def test_events_up_to_the_moment_of_a_renaming_keep_their_session() -> None:
    who, text = who_of(user_key("", "ada")), body(session_id=3, userId="ada")
    for since, now_in in ((START + MINUTE, text), (START + MINUTE - 1, body(ACTIVE, 2, userId="ada"))):
        names = SessionNames(0, [Renaming(who, "", 3, 2, since, 0, 9)])
        assert names.named(5, "shop", text) == now_in


def test_of_too_many_sessions_the_one_that_ended_first_goes_but_not_the_newest() -> None:
    sessions = [Session(number, number, 100 - number, 0) for number in range(MOST_SESSIONS)]
    assert kept(list(sessions), sessions[0]) == sessions
    newest = Session(99, 99, 0, 0)
    assert kept([*sessions, newest], newest) == [*sessions[:-1], newest]
    assert kept([*sessions, newest], sessions[0]) == sessions
