"""Whose events are deleted: marks hold no names, and cover what came before, or later until a time."""

import pytest

from forwarder.spool import StoredEvent
from forwarder.spool.suppression import NOBODY, Suppression, UserMark, mark_of, marks_for, user_key


def event(seq: int = 5, at: int = 100) -> StoredEvent:
    return StoredEvent(seq, at, "web", "m", b"{}")


def mark(user: str, upto: int, until: int, *, destination: str = "d", key: bytes = b"k" * 16) -> UserMark:
    return UserMark(mark_of(user, key), key, destination, upto, until)


@pytest.mark.parametrize(
    ("upto", "until", "covered"),
    [(5, 0, True), (4, 0, False), (6, 0, True), (0, 101, True), (0, 100, False), (4, 100, False)],
)
def test_a_mark_covers_what_came_before(upto: int, until: int, covered: bool) -> None:
    assert Suppression([mark("ada", upto, until)], "d").covers(event(), ["uada"]) is covered


@pytest.mark.parametrize(
    ("keys", "covered"),
    [
        (["uada"], True),
        (["dx", "uada"], True),
        (["ubob", "uada"], True),
        (["ubob"], False),
        (["dada"], False),
        (["ada"], False),
        ([], False),
    ],
)
def test_any_of_an_event_s_users_counts_and_no_device(keys: list[str], covered: bool) -> None:
    marks = [mark("ada", 9, 0), mark("eve", 9, 0, key=b"l" * 16), mark("bob", 1, 0)]
    assert Suppression(marks, "d").covers(event(), keys) is covered


def test_a_user_may_have_several_marks() -> None:
    marks = [mark("ada", 1, 0), mark("ada", 9, 0), mark("ada", 2, 0, key=b"l" * 16)]
    assert Suppression(marks, "d").covers(event(), ["uada"])
    assert Suppression([marks[0], marks[2], mark("ada", 9, 0, key=b"l" * 16)], "d").covers(event(), ["uada"])


@pytest.mark.parametrize(("destination", "covered"), [("d", True), ("", True), ("other", False)])
def test_a_mark_is_for_one_destination_or_for_all(destination: str, covered: bool) -> None:
    suppression = Suppression([mark("ada", 9, 0, destination=destination)], "d")
    assert bool(suppression) is covered
    assert suppression.covers(event(), ["uada"]) is covered
    assert not Suppression([mark("ada", 9, 0, destination="d")])
    assert not NOBODY


def test_marks_are_keyed_hashes_with_the_key_that_is_known() -> None:
    known = mark("eve", 1, 2)
    marks = marks_for(["ada", "bob"], iter(["one", "two"]), 77, iter([known]))
    assert [(one.destination, one.upto, one.until, one.key) for one in marks] == [
        ("one", 0, 77, known.key),
        ("two", 0, 77, known.key),
    ] * 2
    assert [one.mark for one in marks] == [mark_of(user, known.key) for user in ("ada", "ada", "bob", "bob")]
    fresh = [marks_for(["ada"], ["one"], 77)[0] for _ in range(2)]
    assert fresh[0].key != fresh[1].key
    assert {len(one.key) for one in fresh} == {len(one.mark) for one in fresh} == {16}


def test_a_user_s_key_is_one_line_and_any_text_has_a_mark() -> None:
    assert user_key("a\nb") == "ua b"
    assert user_key(5) == "u5"
    assert mark_of("half \ud800", b"k" * 16) != mark_of("half ", b"k" * 16)
    assert mark_of("ada", b"k" * 16) != mark_of("ada", b"l" * 16)
