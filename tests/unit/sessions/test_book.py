"""The session book's own part: what is asked of whom, what is kept of a device, and what old rows become."""

from __future__ import annotations

import msgspec
import pytest

from forwarder.config.sessions import MOST_DEVICES
from forwarder.sessions import renaming
from forwarder.sessions.book import DAY_MS, SessionBook
from forwarder.sessions.facts import SERVER, Assigned, device_key
from tests.support.late_events import LENGTH, RULES
from tests.support.session_books import CLOSING, Keeping, visit
from tests.support.sessions import MINUTE, START


def test_events_that_come_together_are_decided_by_time_and_born_in_their_own_order() -> None:
    keeping = Keeping()
    keeping.took(visit("other"))
    decided = keeping.took(visit("a", 40), visit("b", 30), visit("a", 20))
    assert [one and one.session_id - START for one in decided] == [20 * MINUTE, 30 * MINUTE, 20 * MINUTE]
    assert [keeping.known(name).current.born for name in ("other", "b", "a")] == [1, 3, 2]
    assert len(keeping.book) == 3
    book = SessionBook()
    book.assign([visit("a")], START)
    device = book.device(device_key("", "a"))
    assert device is not None
    assert device.current.born == 1, "a spool begins with it"


def test_only_an_id_that_was_given_has_a_time_at_which_it_was() -> None:
    keeping = Keeping()
    assert keeping.took(visit("a", 3), visit("b", 3, session_id=START)) == [
        Assigned(START + 3 * MINUTE, "assigned: no plugin, first visit"),
        None,
    ]
    assert [keeping.known(name).current.given for name in "ab"] == [0, START + 3 * MINUTE]
    assert keeping.known("b").current.id == START


def test_nothing_is_decided_about_a_late_event_that_brought_an_id_or_may_not_have_one() -> None:
    keeping = Keeping()
    keeping.took(visit("a", 0), visit("a", 90))
    barred = msgspec.structs.replace(visit("a", 45), opening=b"")
    given = msgspec.structs.replace(visit("a", 10, session_id=START), opening=visit("a").opening)
    assert keeping.took(given) == [None]
    assert keeping.took(barred) == [None]
    assert {one.id for one in keeping.known("a").sessions} > {START}


def test_a_devices_end_is_watched_for_where_its_source_closes_sessions() -> None:
    keeping = Keeping()
    keeping.took(visit("a"))
    assert not keeping.known("a").waiting
    assert not keeping.book.is_due(START + DAY_MS)
    keeping.took(visit("a", 1, rules=CLOSING), now=START + MINUTE)
    assert keeping.known("a").waiting
    assert not keeping.book.is_due(START + MINUTE + LENGTH - 1)
    assert keeping.book.is_due(START + MINUTE + LENGTH + 1_000)


# -- events of servers


def test_a_servers_event_joins_the_session_that_runs_on_its_device_whoever_its_user_is() -> None:
    keeping = Keeping()
    keeping.took(visit("phone", 0, "ada"), visit("desk", 1, "bob"))
    joined = [
        keeping.took(visit(device, 2, user, kind=SERVER))[0]
        for device, user in (("phone", "bob"), ("", "bob"), ("unknown", "ada"))
    ]
    assert joined == [
        Assigned(START, "joined device phone", device_key("", "phone")),
        Assigned(START + MINUTE, "joined device desk", device_key("", "desk")),
        Assigned(START, "joined device phone", device_key("", "phone")),
    ]
    assert not keeping.has("unknown"), "what joins has no session of its own"


def test_a_user_is_on_no_device_that_is_another_ones_by_now() -> None:
    keeping = Keeping()
    off = msgspec.structs.replace(RULES, assign="web")
    keeping.took(visit("phone", 0, "ada"))
    keeping.took(visit("phone", 1, "bob"))
    assert keeping.took(visit("", 2, "ada", kind=SERVER, rules=off)) == [None]
    [joined] = keeping.took(visit("", 2, "bob", kind=SERVER, rules=off))
    assert joined is not None
    assert joined.session_id == START


def test_a_servers_event_joins_where_it_may_alone() -> None:
    keeping = Keeping()
    keeping.took(visit("phone", 0, "ada"))
    apart = msgspec.structs.replace(RULES, assign="web", join=False)
    together = msgspec.structs.replace(RULES, assign="web")
    barred = msgspec.structs.replace(visit("phone", 1, "ada", kind=SERVER, rules=together), opening=b"")
    assert keeping.took(visit("phone", 1, "ada", kind=SERVER, rules=apart)) == [None]
    assert keeping.took(barred) == [None]
    [joined] = keeping.took(visit("phone", 1, "ada", kind=SERVER, rules=together))
    assert joined is not None


# -- what the spool keeps


def test_the_book_holds_as_many_devices_as_the_configuration_allows() -> None:
    assert SessionBook().max_devices == MOST_DEVICES


def test_a_transaction_without_a_change_has_no_row() -> None:
    keeping = Keeping()
    keeping.book.begin()
    assert keeping.book.changed(START) is None
    row = keeping.book.changed(START, upto=1)
    assert row is not None
    assert (row.number, row.states) == (1, 0), "that the first one went is to be written"


def test_the_next_event_of_a_device_takes_the_place_of_what_was_known_of_it() -> None:
    keeping = Keeping()
    keeping.took(visit("a"))
    keeping.book.begin()
    keeping.book.assign([visit("a", 1)], START)
    assert len(keeping.book) == 1
    keeping.written()
    assert [keeping.book.is_dead(number) for number in (1, 2)] == [True, False]


def test_renamings_that_concern_nothing_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming, "SPARE_RENAMINGS", 0)
    keeping = Keeping()
    names = keeping.book.late._names
    for device, minute, first in (("a", 0, 0), ("b", 5, 0), ("c", 10, 5)):
        keeping.took(visit(device, 20))
        keeping.book.begin()
        keeping.book.assign([visit(device, minute)], START, keeping.seq)
        keeping.seq += 1
        keeping.book.changed(START)
        keeping.book.committed(first)
    later = {START + 10 * MINUTE, START + 20 * MINUTE}
    assert [names.stamped_as(START), names.stamped_as(START + 10 * MINUTE)] == [{START}, later]


def test_a_row_is_outdated_once_it_is_older_than_devices_are_kept() -> None:
    book = SessionBook(keep_ms=1_000)
    assert [book.is_outdated(START, START + age) for age in (0, 1_000, 1_001)] == [False, False, True]


def test_a_transaction_looks_through_more_the_more_it_writes() -> None:
    book = SessionBook()
    book.begin()
    least = book.allowance()
    assert least > 0
    book.assign([visit(name) for name in "abc"], START)
    assert book.allowance() == least + 6


def test_what_still_counts_of_an_old_row_is_written_again_as_it_was() -> None:
    keeping = Keeping()
    keeping.took(*(visit(name, 0, "ada", rules=CLOSING) for name in "ab"), visit("c"), visit("gone"))
    keeping.took(visit("b", 90, "ada", rules=CLOSING), visit("b", 200, rules=CLOSING), visit("c", 1))
    keeping.took(visit("a", 90, "eve", rules=CLOSING), visit("d"))
    before = {name: keeping.known(name) for name in "abcd"}
    assert [bool(one.past) for one in before.values()] == [True, True, False, False]
    book = keeping.book
    book.begin()
    book.devices.forget(device_key("", "gone"))
    keeping.written()
    for number, names in ((1, []), (2, ["b", "c"]), (3, ["a", "d"])):
        book.begin()
        book.clean(keeping.rows[number - 1], START + 1)
        assert len(book) == 4
        next_row = book.rows.next
        assert sorted(keeping.written(START + 1, number)) == names
        for name in names:
            assert keeping.known(name) == msgspec.structs.replace(before[name], row=next_row)
    assert not book.is_dead(book.rows.next - 1)


def test_of_too_many_devices_the_ones_of_the_oldest_row_go() -> None:
    keeping = Keeping(max_devices=3)
    keeping.took(*(visit(name) for name in "abcde"))
    assert keeping.book.is_crowded()
    keeping.book.begin()
    keeping.book.clean(keeping.rows[0], START)
    assert sorted(keeping.written(upto=1)) == ["c", "d", "e"]
    assert [keeping.has(name) for name in "abcde"] == [False, False, True, True, True]
    assert len(keeping.book) == 3
    assert not keeping.book.is_crowded()


def test_a_device_goes_of_which_nothing_has_come_for_longer_than_it_is_kept() -> None:
    keeping = Keeping(keep_ms=1_000)
    keeping.took(visit("a"))
    keeping.took(visit("b"), now=START + 1)
    for number in (1, 2):
        keeping.book.begin()
        keeping.book.clean(keeping.rows[number - 1], START + 1_001)
        keeping.written(upto=number)
    assert [keeping.has(name) for name in "ab"] == [False, True]
