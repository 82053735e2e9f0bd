"""Paths: how they are read and what they lead to."""

import pytest

from forwarder.javascript.paths import walk
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping.paths import look_up, parse_path, without_root

PAYLOAD = {
    "a": {"b": [1, {"c": 0}], "n": None},
    "ab": "both",
    "$": "dollar",
    "a[b]": "literal",
    "t": "a🚀",
    "e": "",
}


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("", ()),
        (".", ()),
        ("a.b", ("a", "b")),
        ("a[0].c", ("a", "0", "c")),
        ("a['b.c']", ("a", "b", "c")),
        ("a[b]", ("a[b]",)),
        ('a[""]', ("a", "")),
        ("a-b", ("a-b",)),
        (" a", (" a",)),
        ("a[-1]", ("a[-1",)),
    ],
)
def test_parse(path: str, keys: tuple[str, ...]) -> None:
    assert parse_path(path) == keys


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a.b.0", 1),
        ("$", "dollar"),
        ("a$.b", "both"),
        ("$.$.a", UNDEFINED),
        ("a.b[1].c", 0),
        ("a.b[1].c.deeper", 0),
        ("a.n.deeper", None),
        ("e.deeper", ""),
        ("missing.deeper", UNDEFINED),
        ("a.b.length", 2),
        ("t.length", 3),
        ("t.1", "\ud83d"),
        ("t.3", UNDEFINED),
        ("a.b.00", UNDEFINED),
        ("a[b]", "literal"),
    ],
)
def test_look_up(path: str, value: object) -> None:
    assert look_up(PAYLOAD, without_root(path)) == value


def test_whole_payload() -> None:
    assert look_up(PAYLOAD, "") is PAYLOAD


def test_numbers_have_no_members() -> None:
    assert walk(5, ("length",)) is UNDEFINED
    assert walk(0, ("length",)) == 0
