"""When a session is over, what its Session Ended says, and which devices are looked at when."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from forwarder.sessions import closer
from forwarder.sessions.closer import CLOSED, SessionEnd, Watch, end_event, ended, ends_of
from forwarder.sessions.device import CLIENT, ENDED, GIVEN, Device, Session, parted
from tests.support.late_events import LENGTH
from tests.support.session_books import CLOSING
from tests.support.sessions import MINUTE, NAME, START, iso


def span(first: int, last: int, flags: int = CLIENT) -> Session:
    """Return a session by the minutes of its first and last event."""
    return Session(START + first * MINUTE, START + first * MINUTE, START + last * MINUTE, flags)


def over(*sessions: Session, now: int, seen: int = START, since: int = START) -> tuple[list[int], int | None]:
    """Return which sessions are over, and when to look again, in minutes after ``START``."""
    device = Device(*parted(sessions), "", "shop", seen, 1)
    found, next_at = ends_of(device, CLOSING, now, since)
    minutes = None if next_at is None else (next_at - START) // MINUTE
    return sorted((one.id - START) // MINUTE for one in found), minutes


def test_a_session_is_over_once_nothing_came_for_exactly_its_length() -> None:
    assert over(span(0, 5), now=START + 5 * MINUTE + LENGTH - 1) == ([], 35)
    assert over(span(0, 5), now=START + 5 * MINUTE + LENGTH) == ([0], None)
    for more in ({"seen": START + 7 * MINUTE}, {"since": START + 7 * MINUTE}):
        assert over(span(0, 5), now=START + 5 * MINUTE + LENGTH, **more) == ([], 37)


def test_a_device_is_looked_at_again_when_the_first_of_its_sessions_is_over() -> None:
    overlapping = span(0, 60, GIVEN), span(30, 120, GIVEN), span(200, 240)
    assert over(*overlapping, now=START) == ([], 90)
    assert over(*overlapping, now=START + 90 * MINUTE) == ([0], 150)


def test_that_an_end_was_sent_is_all_that_changes_of_a_session() -> None:
    session = Session(START, START + 1, START + 2, GIVEN, 7, START + 2)
    assert ended(session) == msgspec.structs.replace(session, flags=GIVEN | ENDED)


WHO: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"who": "phone"}, {"anonymousId": "phone"}, "phone"),
    ({"who": "phone", "user": "ada"}, {"anonymousId": "phone", "userId": "ada"}, "phone"),
    ({"who": "ada", "on_device": False, "user": "ada"}, {"userId": "ada"}, "ada"),
]


@pytest.mark.parametrize(("more", "who", "called"), WHO)
@pytest.mark.parametrize("length", [0, 1, 90_000])
def test_a_session_ended_is_a_whole_event_of_the_moment_at_which_the_session_ended(
    more: dict[str, Any], who: dict[str, str], called: str, length: int
) -> None:
    session = Session(START, START, START + length, CLIENT)
    end = SessionEnd(**{"on_device": True, "user": "", "source": "shop", "session": session, **more})
    rules = msgspec.structs.replace(CLOSING, ended_name="Visit Over")
    message_id, body = end_event(end, rules, START + LENGTH)
    assert message_id == f"session-ended-{START}-{called}", "as the page's own"
    assert json.loads(body) == {
        "type": "track",
        "event": "Visit Over",
        "properties": {"duration": length},
        **who,
        "context": {"library": {"name": "amplitude-session-forwarder"}},
        "integrations": {NAME: {"session_id": START}},
        "messageId": message_id,
        "originalTimestamp": iso(START + length),
        "receivedAt": iso(START + LENGTH),
        "timestamp": iso(START + length),
        "sessionReason": CLOSED,
    }


def test_a_session_that_a_page_dated_ahead_of_its_events_lasted_no_time() -> None:
    end = SessionEnd("a", True, "", "shop", Session(START + 5, START, START + 3, GIVEN))
    assert json.loads(end_event(end, CLOSING, START)[1])["properties"] == {"duration": 0}


# -- which devices are looked at when


def test_so_many_devices_are_looked_at_in_one_transaction_the_others_in_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(closer, "_MOST", 4)
    watch = Watch()
    for number in range(6):
        watch.add(str(number), START + 1_000 * (number // 3))
    seen = [list(watch.due(START + MINUTE)) for _ in range(3)]
    assert [len(some) for some in seen] == [4, 2, 0]
    assert sorted(seen[0] + seen[1]) == list("012345")
    watch.undo()
    assert watch.is_due(1_000), "at once, for they were due"
    assert not watch.is_due(999)
    watch.committed()
    assert sorted([*watch.due(START), *watch.due(START)]) == list("012345")
