"""Replacing."""

import pytest

from forwarder.errors import MappingError
from forwarder.mapping.runtime import directives
from forwarder.mapping.runtime.replacing import replace
from forwarder.mapping.validation import any_node


@pytest.mark.parametrize(
    ("text", "pattern", "replacement", "flags", "result"),
    [
        ("a.b.c", ".", "-", {}, "a-b-c"),
        ("a.b.c", ".", "-", {"everywhere": False}, "a-b.c"),
        ("aAa", "A", "x", {"ignore_case": True}, "xxx"),
        ("straße", "S", "x", {"ignore_case": True}, "xtraße"),
        ("ſs", "s", "x", {"ignore_case": True}, "ſx"),
        ("\u212a k", "k", "x", {"ignore_case": True}, "\u212a x"),
        ("abc", "b", "[$&]", {}, "a[b]c"),
        ("abc", "b", "$$", {}, "a$c"),
        ("abc", "b", "$`$'", {}, "aacc"),
        ("abc", "b", "$1$<x>$", {}, "a$1$<x>$c"),
    ],
)
def test_replace(text: str, pattern: str, replacement: str, flags: dict[str, bool], result: str) -> None:
    options = {"ignore_case": False, "everywhere": True} | flags
    assert replace(text, pattern, replacement, **options) == result


def test_a_plain_replacement_is_bounded_too() -> None:
    text = "a" * 1_000_000
    assert len(replace(text, "a", "123", ignore_case=False, everywhere=True)) == 3_000_000
    with pytest.raises(ValueError, match="grows beyond"):
        replace(text, "a", "0123456789", ignore_case=False, everywhere=True)


def test_an_emoji_counts_as_two_characters_of_a_pattern() -> None:
    five, six = "\U0001f600" * 5, "\U0001f600" * 6
    where = ("v", "@replace")
    assert directives.replace(where, "x", [(five, five)], False, True) == "x"
    for step in ((six, "y"), ("y", six)):
        with pytest.raises(MappingError, match="at most 10 characters"):
            directives.replace(where, "x", [step], False, True)
    for pattern, usable in ((five, True), (six, False)):
        mapping = {"v": {"@replace": {"value": "x", "pattern": pattern, "replacement": ""}}}
        assert (list(any_node(mapping, "")) == []) is usable


def test_result_is_bounded() -> None:
    with pytest.raises(ValueError, match="grows beyond"):
        replace("a" * 10_000, "a", "$`", ignore_case=False, everywhere=True)
