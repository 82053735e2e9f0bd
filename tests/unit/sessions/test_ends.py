"""Sessions that nobody continued end one by one, each once, and what is kept of their devices says so."""

from __future__ import annotations

from forwarder.sessions.device import ENDED
from forwarder.sessions.facts import device_key
from tests.support.late_events import LENGTH
from tests.support.session_books import CLOSING, Keeping, visit
from tests.support.sessions import MINUTE, START

SOON = START + LENGTH + 1_000
HOUR = 60


def ends(keeping: Keeping, now: int = SOON, known: bool = True) -> list[tuple[str, int]]:
    """Have sessions end in one transaction; return whose and which, in minutes, and check what is written."""
    keeping.book.begin()
    found = keeping.book.end({"shop": CLOSING} if known else {}, now, START)
    keeping.written(now)
    return sorted((one.who, (one.session.id - START) // MINUTE) for one in found)


def ended(keeping: Keeping, name: str) -> list[bool]:
    """Return of each of a device's sessions, oldest first, whether its end was sent."""
    return [bool(one.flags & ENDED) for one in keeping.known(name).sessions]


def test_a_session_ends_once_and_the_row_that_says_so_takes_the_place_of_the_last() -> None:
    keeping = Keeping()
    keeping.took(visit("a", 0, "ada", rules=CLOSING))
    assert ends(keeping) == [("a", 0)]
    assert (ended(keeping, "a"), keeping.known("a").waiting, len(keeping.book)) == ([True], False, 1)
    assert keeping.known("a").user == "\0uada"
    assert [keeping.book.is_dead(number) for number in (1, 2)] == [True, False]
    assert not keeping.book.is_due(SOON + 100 * LENGTH)
    assert ends(keeping, SOON + LENGTH) == []
    assert len(keeping.rows) == 2, "where nothing ends nothing is written"


def test_devices_that_are_forgotten_or_still_in_use_keep_no_other_session_from_its_end() -> None:
    keeping = Keeping()
    keeping.took(visit("gone", rules=CLOSING))
    keeping.took(visit("on", 0, rules=CLOSING), visit("a", 0, rules=CLOSING), now=START + 1_000)
    keeping.took(visit("on", 10, rules=CLOSING), now=START + 10 * MINUTE)
    keeping.took(visit("b", 0, rules=CLOSING), now=START + 2_000)
    keeping.book.begin()
    keeping.book.devices.forget(device_key("", "gone"))
    keeping.written()
    on = keeping.known("on")
    assert ends(keeping, SOON + 2_000) == [("a", 0), ("b", 0)]
    assert keeping.known("on") == on
    assert ends(keeping, SOON + 10 * MINUTE) == [("on", 0)]


def test_of_a_device_with_several_sessions_each_ends_at_its_own_time() -> None:
    """Its clock is ahead of ours, so that the later ones are still to come."""
    keeping = Keeping()
    keeping.took(*(visit("a", hour * HOUR, rules=CLOSING) for hour in (0, 2, 4)))
    assert ended(keeping, "a") == [False, False, False]
    for hour, now in ((0, SOON), (2, SOON + 2 * HOUR * MINUTE), (4, SOON + 4 * HOUR * MINUTE)):
        assert ends(keeping, now) == [("a", hour * HOUR)]
        assert ended(keeping, "a") == [hour >= 0, hour >= 2, hour >= 4]
        assert keeping.known("a").waiting is (hour < 4)
    assert [one.last for one in keeping.known("a").sessions] == [
        START + hour * HOUR * MINUTE for hour in (0, 2, 4)
    ]


def test_sessions_of_a_source_that_is_gone_end_unsaid() -> None:
    keeping = Keeping()
    keeping.took(visit("a", rules=CLOSING))
    assert ends(keeping, known=False) == []
    assert (ended(keeping, "a"), keeping.known("a").waiting) == ([False], False)
    assert not keeping.book.is_due(SOON + 100 * LENGTH)


def test_what_a_transaction_that_came_to_nothing_watched_for_has_no_end() -> None:
    keeping = Keeping()
    keeping.took(visit("a"))
    keeping.book.begin()
    keeping.book.assign([visit("a", 1, rules=CLOSING)], START, 1)
    assert ends(keeping, SOON) == []
    assert (ended(keeping, "a"), keeping.known("a").waiting) == ([False], False)
