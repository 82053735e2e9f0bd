"""What one event makes of the sessions that are known of its device. Times are minutes after ``START``."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from forwarder.sessions.assigner import ALL_OF_IT, Change, Renamed, with_event
from forwarder.sessions.device import CLIENT, ENDED, GIVEN, MOST_SESSIONS, Device, Session, parted
from forwarder.sessions.facts import SERVER, SessionRules
from tests.support.late_events import RULES
from tests.support.session_books import visit
from tests.support.sessions import MINUTE, START

NEXT = 50
"""The event's seq, where the test says none: all that is known came before."""


def ruled(**more: Any) -> SessionRules:
    return msgspec.structs.replace(RULES, **more)


def span(
    first: float,
    last: float,
    flags: int = CLIENT,
    born: int = 10,
    called: float | None = None,
    given: float = 0,
) -> Session:
    """Return a session; ``called``: its id, where that is not ``first``; ``given``: its last given event."""
    began, given_at = first if called is None else called, int(START + given * MINUTE)
    return Session(
        int(START + began * MINUTE),
        int(START + first * MINUTE),
        int(START + last * MINUTE),
        flags,
        born,
        given_at if flags & GIVEN else 0,
    )


def page(first: float, last: float, born: int = 10, **more: Any) -> Session:
    """Return a session whose id a page gave; ``given``: the last time, ``last`` where it is not said."""
    return span(first, last, GIVEN | CLIENT, born, **{"given": last, **more})


def made(*known: Session, at: float, seq: int = NEXT, final: int = 0, **more: Any) -> Change:
    """Return what an event makes of a device with these sessions; ``given``: the minute that its id says."""
    device = Device(*parted(known), "", "shop", START, 1)
    given = more.pop("given", None)
    event = visit("a", at, session_id=None if given is None else int(START + given * MINUTE), **more)
    return with_event(device, event, seq, final)


def spans(change: Change) -> list[tuple[float, float, float]]:
    """Return id, first and last event of the sessions after a change."""
    return [
        ((one.id - START) / MINUTE, (one.first - START) / MINUTE, (one.last - START) / MINUTE)
        for one in change.sessions
    ]


def renamed(old: float, new: float, since: float | None = None, born: int = 10) -> Renamed:
    """Return that a session is another one: all of it, or what happened at ``since`` or later."""
    moment = ALL_OF_IT if since is None else int(START + since * MINUTE) - 1
    return Renamed(int(START + old * MINUTE), int(START + new * MINUTE), moment, born)


# -- an event that brings its id


@pytest.mark.parametrize("at", [0, 3, 10, 15])
def test_an_event_of_a_session_that_is_known_makes_no_other_one(at: float) -> None:
    known, later = page(0, 10), page(100, 110)
    change = made(known, later, at=at, given=0)
    latest = max(10, at)
    assert change == Change((page(0, latest), later), page(0, latest))


def test_what_is_known_of_a_session_counts_beside_what_a_given_event_says() -> None:
    """Events of one request are taken by their times: one with a lower seq may be the later one."""
    known = span(0, 10, GIVEN | ENDED, 10, given=10)
    assert made(known, at=-5, seq=7, given=0).sessions == (
        span(-5, 10, GIVEN | ENDED | CLIENT, 7, called=0, given=10),
    )


BEFORE = 1 / MINUTE
"""A millisecond."""


def test_a_given_id_takes_what_was_assigned_after_it() -> None:
    change = made(span(0, 20), at=10, given=10)
    assert change.sessions == (span(0, 10 - BEFORE), page(10, 20, NEXT, given=10))
    assert (change.found.id, change.renamed) == (START + 10 * MINUTE, (renamed(0, 10, since=10),))


def test_a_given_id_takes_what_was_assigned_at_its_very_moment() -> None:
    assert made(span(10, 20), at=10, given=5).renamed == (renamed(10, 5),)
    assert made(span(0, 10), at=10, given=10).renamed == (renamed(0, 10, since=10),)
    change = made(span(0, 10 - BEFORE), at=10, given=10)
    assert (spans(change), change.renamed) == ([(0, 0, 10 - BEFORE), (10, 10, 10)], ())


@pytest.mark.parametrize(("first", "second"), [(5, 10), (10, 5)])
def test_of_ids_that_were_given_at_one_moment_the_highest_counts_last(first: float, second: float) -> None:
    known = made(page(10, 10, called=first), at=10, given=second)
    assert spans(known) == [(first, 10, 10), (second, 10, 10)]
    later = made(*known.sessions, at=11)
    assert later.found.id == START + 10 * MINUTE
    change = made(page(10, 20, called=first, given=10), at=10, given=second)
    took = [renamed(5, 10, since=10)] if second > first else []
    assert (change.renamed, {one: last for one, _, last in spans(change)}[10]) == (tuple(took), 20)


def test_a_session_that_goes_on_being_given_keeps_what_is_in_it() -> None:
    """Two pages with one device's id, each with its own session."""
    change = made(page(0, 20), at=10, given=10)
    assert (spans(change), change.renamed) == ([(0, 0, 20), (10, 10, 10)], ())


def test_a_session_gives_up_what_it_has_had_since_its_id_was_last_given() -> None:
    change = made(page(0, 20, given=5), at=10, given=10)
    assert (spans(change), change.renamed) == (
        [(0, 0, 10 - BEFORE), (10, 10, 20)],
        (renamed(0, 10, since=10),),
    )


def test_a_given_session_gives_up_what_happened_at_the_very_moment_of_the_next_id() -> None:
    assert made(page(0, 10, given=5), at=10, given=10).renamed == (renamed(0, 10, since=10),)
    assert made(page(0, 10 - BEFORE, given=5), at=10, given=10).renamed == ()


@pytest.mark.parametrize(("first", "joins"), [(40, False), (40 - BEFORE, True)])
def test_a_given_session_takes_what_begins_within_its_length(first: float, joins: bool) -> None:
    assert len(made(span(first, 45), at=10, given=10).sessions) == (1 if joins else 2)


def test_two_sessions_that_become_one_keep_when_the_id_was_given() -> None:
    change = made(page(0, 10, given=5), span(35, 40), at=20)
    assert change.sessions == (page(0, 40, given=5),)


def test_a_session_of_which_nobody_knows_when_its_id_was_given_stays_whole() -> None:
    """Versions before late events changed others did not keep it."""
    old = msgspec.structs.replace(page(0, 20), given=0)
    assert made(old, at=10, given=10).renamed == ()


def test_a_given_id_counts_up_to_the_next_one_whatever_follows_that() -> None:
    """The last one was assigned while sessions were 10 minutes long."""
    known = page(10, 10), span(25, 28)
    assert spans(made(*known, at=5, given=5)) == [(5, 5, 5), (10, 10, 10), (25, 25, 28)]
    assert spans(made(known[1], at=5, given=5)) == [(5, 5, 28)], "without the next one"


@pytest.mark.parametrize(("maximum", "joins"), [(0, True), (51, True), (50, False), (49, False)])
def test_a_given_session_takes_no_more_than_the_maximum(maximum: float, joins: bool) -> None:
    rules = ruled(maximum=maximum * MINUTE)
    assert spans(made(span(20, 50), at=0, given=0, rules=rules)) == (
        [(0, 0, 50)] if joins else [(0, 0, 0), (20, 20, 50)]
    )


@pytest.mark.parametrize("given", [0, None])
def test_of_too_many_sessions_the_one_goes_that_ended_first_but_not_the_events_own(
    given: float | None,
) -> None:
    hours = [100 * number for number in range(1, MOST_SESSIONS + 1)]
    change = made(*(span(hour, hour) for hour in hours), at=0, given=given)
    assert [first for first, _, _ in spans(change)] == [0, *hours[1:]]


# -- an event without an id


def test_an_event_in_the_middle_of_a_session_says_who_is_in_it_and_since_when() -> None:
    later = span(100, 110)
    change = made(span(0, 20, flags=0), later, at=10, seq=7)
    assert change == Change((span(0, 20, CLIENT, 7), later), span(0, 20, CLIENT, 7), "active")
    change = made(span(0, 20, ENDED), later, at=30)
    assert change.sessions == (span(0, 30, ENDED | CLIENT), later)


@pytest.mark.parametrize(("length", "session"), [(29, 0), (30, 30), (31, 31)])
def test_exactly_the_length_of_a_session_ends_it(length: float, session: float) -> None:
    later = span(200, 200)
    assert spans(made(span(0, 0), later, at=length))[0] == (0, 0, length if session == 0 else 0)
    assert made(span(0, 0), later, at=length).found.id == START + session * MINUTE
    before = made(span(length, length), at=0)
    assert len(before.sessions) == (1 if session == 0 else 2)


def test_by_whose_moment_a_page_called_its_session_is_in_it() -> None:
    known = span(60, 70, GIVEN, 10, called=0, given=70)
    joined = span(0, 70, GIVEN | CLIENT, 7, given=70)
    assert made(known, at=0, seq=7) == Change((joined,), joined, "active")
    ahead = page(5, 5, called=60)
    assert made(ahead, at=60) == Change(
        (page(5, 60, called=60, given=5),), page(5, 60, called=60, given=5), "active"
    )
    between = made(page(60, 70, called=0), span(-100, 50, ENDED, called=-100), at=0)
    assert [one.first for one in between.sessions] == sorted(one.first for one in between.sessions)


def test_an_event_before_a_session_begins_it_and_its_id_changes_unless_it_is_final() -> None:
    known = span(20, 30, ENDED, 10)
    begun = span(0, 30, ENDED | CLIENT, 7, called=20)
    assert made(known, at=0, seq=7) == Change((begun,), begun, "active"), "its end was sent"
    handed = made(span(20, 30, 0, 10), at=0, final=10)
    assert (spans(handed), handed.kind, handed.renamed) == ([(20, 0, 30)], "active", ())
    waits = made(span(20, 30, 0, 10), at=0, seq=7, final=9)
    assert waits == Change(
        (span(0, 30, CLIENT, 7),), span(0, 30, CLIENT, 7), "first visit", (renamed(20, 0),)
    )


@pytest.mark.parametrize("known", [span(30, 40), span(100, 110), page(20, 25)])
def test_a_session_that_is_too_late_or_was_given_does_not_begin_earlier(known: Session) -> None:
    change = made(known, at=0)
    assert change.sessions == (span(0, 0, born=NEXT), known)
    assert change.renamed == ()


@pytest.mark.parametrize("maximum", [0, 41, 40, 39, 1 / MINUTE])
def test_sessions_begin_earlier_or_become_one_only_within_the_maximum(maximum: float) -> None:
    """What ends by the maximum is not begun anew by late events."""
    rules, fits = ruled(maximum=round(maximum * MINUTE)), maximum in (0, 41)
    assert spans(made(span(20, 40), at=0, rules=rules)) == (
        [(0, 0, 40)] if fits else [(0, 0, 0), (20, 20, 40)]
    )
    if maximum > 1:
        assert spans(made(span(0, 0), span(35, 40), at=10, rules=rules)) == (
            [(0, 0, 40)] if fits else [(0, 0, 10), (35, 35, 40)]
        )


def test_where_another_user_ends_a_session_late_events_make_none_one_or_earlier() -> None:
    rules = ruled(new_on_user_change=True)
    assert spans(made(span(0, 0), span(40, 40), at=20, rules=rules)) == [(0, 0, 20), (40, 40, 40)]
    assert spans(made(span(20, 20), at=0, rules=rules)) == [(0, 0, 0), (20, 20, 20)]


# -- two sessions become one


def test_an_event_between_two_sessions_makes_them_one_where_it_reaches_both() -> None:
    change = made(span(0, 0, flags=0), span(40, 50), at=20, seq=7)
    one = span(0, 50, CLIENT, 7)
    assert change == Change((one,), one, "active", (renamed(40, 0),))
    for apart in (span(50, 60), span(200, 210), page(40, 50)):
        assert made(span(0, 0), apart, at=20).sessions == (span(0, 20), apart)


def test_the_one_is_called_as_the_first_whose_id_is_final() -> None:
    """Final is what a page gave, what was handed on and what has had its end sent."""
    waits, given = span(0, 0, born=12), page(0, 0, born=12)
    handed, over = span(40, 50, born=10), span(40, 50, CLIENT | ENDED, born=12)
    assert [one.id - START for one in made(waits, handed, at=20, final=11).sessions] == [40 * MINUTE]
    assert [one.id - START for one in made(waits, over, at=20, final=11).sessions] == [40 * MINUTE]
    assert [one.id - START for one in made(given, handed, at=20, final=11).sessions] == [0]
    assert made(waits, over, at=20, final=11).renamed == (renamed(0, 40, born=12),)


def test_the_end_that_was_sent_is_that_of_the_session_whose_id_stays() -> None:
    """Where the first one's id stays, nobody has heard of that one's end."""
    over = span(40, 50, CLIENT | ENDED)
    [one] = made(span(0, 0, flags=0, born=12), over, at=20, final=11, kind=SERVER).sessions
    assert one.flags == CLIENT | ENDED
    change = made(page(0, 0), over, at=20)
    assert (change.found.flags, change.renamed) == (GIVEN | CLIENT, ()), (
        "the events of what ended keep its id"
    )
    [one] = made(span(0, 0, flags=ENDED, born=12), span(40, 50), at=20).sessions
    assert one.flags == CLIENT | ENDED
