"""Why an event is in its session: the policy's reason, another user, and whom a server's event joins."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from forwarder.sessions.facts import SERVER, Assigned
from forwarder.sessions.policy import goes_on, reason_at
from tests.support.late_events import RULES, Waiting, facts
from tests.support.session_books import Keeping, visit
from tests.support.sessions import MINUTE, START


def reasons(*visits: tuple[float, str], **more: Any) -> list[tuple[float, str]]:
    """Return the session and the reason of events of a device and some user that come one by one."""
    keeping, rules = Keeping(), msgspec.structs.replace(RULES, **more)
    found = []
    for minute, user in visits:
        [one] = keeping.took(visit("a", minute, user, rules=rules))
        assert one is not None
        found.append(((one.session_id - START) / MINUTE, one.reason.removeprefix("assigned: no plugin, ")))
    return found


def test_an_event_says_why_its_session_began_or_that_it_goes_on() -> None:
    assert reasons((0, ""), (29, ""), (59, ""), (80, ""), (105, ""), maximum=40 * MINUTE) == [
        (0, "first visit"),
        (0, "active"),
        (59, "idle"),
        (59, "active"),
        (105, "maximum"),
    ]


@pytest.mark.parametrize("by_user", [True, False])
def test_another_user_begins_a_session_where_that_is_wanted(by_user: bool) -> None:
    assert reasons((0, "ada"), (1, "bob"), (2, "bob"), new_on_user_change=by_user) == (
        [(0, "first visit"), (1, "another user"), (1, "active")]
        if by_user
        else [(0, "first visit"), (0, "active"), (0, "active")]
    )


@pytest.mark.parametrize("users", [("", "ada"), ("ada", ""), ("ada", "ada"), ("", "")])
def test_who_logs_in_and_an_event_that_names_nobody_are_no_other_user(users: tuple[str, str]) -> None:
    first, second = users
    found = reasons((0, first), (1, second), (2, "ada"), new_on_user_change=True)
    assert found == [(0, "first visit"), (0, "active"), (0, "active")]


@pytest.mark.parametrize("maximum", [0, 1, MINUTE, MINUTE + 1])
@pytest.mark.parametrize("length", [0, MINUTE, MINUTE + 1])
def test_the_quick_question_whether_a_session_goes_on_has_the_policys_answer(
    maximum: int, length: int
) -> None:
    rules = msgspec.structs.replace(RULES, length=length, maximum=maximum)
    keeping = Keeping()
    keeping.took(visit("a"))
    session, goes = keeping.known("a").current, length > MINUTE and maximum in (0, MINUTE + 1)
    assert goes_on(session, START + MINUTE, rules) is goes
    assert (reason_at(session, START + MINUTE, rules, False) == "active") is goes


def test_what_follows_in_order_leaves_what_else_is_known_of_its_session() -> None:
    keeping = Keeping()
    keeping.took(visit("a", 0, session_id=START))
    for minute, session_id in ((5, START), (8, None), (3, START), (8, START)):
        keeping.took(visit("a", minute, session_id=session_id))
    current = keeping.known("a").current
    assert (current.born, (current.given - START) / MINUTE) == (1, 8)
    found = reasons((0, ""), (30, ""))
    assert found[1] == (30, "idle"), "exactly its length ends a session"


# -- whom a server's event joins


def test_a_servers_event_joins_from_the_moment_on_at_which_the_session_began() -> None:
    keeping = Keeping()
    keeping.took(visit("phone", 1, "ada"))
    web = msgspec.structs.replace(RULES, assign="web")
    found = [keeping.took(visit("phone", at, "ada", kind=SERVER, rules=web))[0] for at in (0.9, 1, 30.9, 31)]
    assert [one and one.reason for one in found] == [None, "joined device phone", "joined device phone", None]


def test_a_servers_event_joins_no_session_of_servers_alone() -> None:
    keeping = Keeping()
    keeping.took(visit("backend", 0, "ada", kind=SERVER))
    web = msgspec.structs.replace(RULES, assign="web")
    assert keeping.took(visit("backend", 1, "ada", kind=SERVER, rules=web)) == [None]
    [own] = keeping.took(visit("backend", 2, "ada", kind=SERVER))
    assert own == Assigned(START, "assigned: no plugin, active")


# -- renamings of one transaction


def at(minute: float, device: str = "d-1", session_id: int | None = None) -> Any:
    """Return the facts of an event at a minute."""
    return facts(START + int(minute * MINUTE), session_id=session_id, device=device)


def test_late_events_of_several_devices_may_come_together() -> None:
    waiting = Waiting()
    waiting.came(at(20), at(21, "d-2"))
    waiting.came(at(0), at(1, "d-2"))
    assert waiting.hand_on() == {1: START, 2: START + MINUTE, 3: START, 4: START + MINUTE}


def test_what_concerns_no_event_that_waits_is_not_written_down() -> None:
    waiting = Waiting()
    waiting.came(at(0), at(40))
    waiting.hand_on()
    waiting.came(at(20))
    assert (waiting.renamings, waiting.hand_on()) == ([], {3: START})


def test_renamings_hold_up_to_the_last_event_that_came_with_the_late_one() -> None:
    """A transaction holds what came in several requests."""
    keeping = Keeping()
    keeping.took(visit("a", 20), visit("b", 20))
    book = keeping.book
    book.begin()
    book.assign([visit("a", 0), visit("other", 0)], START, 2)
    book.assign([visit("c", 0)], START, 4)
    book.assign([visit("b", 0)], START, 5)
    assert [one.upto for one in book.late.renamings] == [4, 6]
