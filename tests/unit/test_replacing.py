"""Replacing."""

import pytest

from forwarder.mapping.runtime.replacing import replace


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


def test_result_is_bounded() -> None:
    with pytest.raises(ValueError, match="grows beyond"):
        replace("a" * 10_000, "a", "$`", ignore_case=False, everywhere=True)
