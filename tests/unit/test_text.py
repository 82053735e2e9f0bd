"""Text from senders is safe wherever people read it: nothing in it is invisible or moves anything."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.text import cell, in_lines, one_line

HARMLESS = "\u200c\u200d"
"""Joiners inside words and emoji."""
HOSTILE = {
    "title": "\x1b]0;title\x07",
    "clear": "\x1b[2J",
    "clipboard": "\x1b]52;c;AAAA\x07",
    "C1 CSI": "\x9b2J",
    "C1 OSC": "\x9d0;x\x9c",
    "NEL": "\x85",
    "DEL": "\x7f",
    "line separators": "\u2028\u2029",
    "overrides": "\u202a\u202b\u202c\u202d\u202e",
    "isolates": "\u2066\u2067\u2068\u2069",
    "marks": "\u200e\u200f\u061c",
    "zero width": "\u200b\ufeff\u2060",
    "tags": "\U000e0041\U000e007f",
    "half": "\ud83d",
    "carriage return": "\r",
    "back space": "\b",
    "form feed": "\x0b\x0c",
}


def invisible(text: str, allowed: str = "") -> list[str]:
    kinds = ("Cc", "Cs", "Zl", "Zp")
    return [one for one in text if one not in allowed and unicodedata.category(one) in kinds]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_escaped(text: str) -> None:
    for safe in (cell, in_lines, lambda text: one_line(text, 1000)):
        shown = safe(f"a{text}b")
        assert shown.startswith("a\\")
        assert shown.endswith("b")
        assert shown.isascii()
        assert shown.isprintable()


def test_lines_and_tabs_stay_only_in_lines() -> None:
    assert in_lines("a\tb\nc") == "a\tb\nc"
    assert cell("a\tb\nc") == "a\\u0009b\\u000ac"


@pytest.mark.parametrize("text", ["plain", "Café", "日本", "👩‍👧", "Юмор", "عربي", '{"a": "\\u001b"}'])
def test_readable_texts_stay(text: str) -> None:
    assert cell(text) == in_lines(text) == one_line(text, 100) == text


@given(st.text(st.characters()))
def test_nothing_invisible_is_left(text: str) -> None:
    assert not invisible(cell(text), HARMLESS)
    assert not invisible(in_lines(text), HARMLESS + "\n\t")
    cell(text).encode()


@given(st.recursive(st.text(st.characters()), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_stays_json_that_says_the_same(value: object) -> None:
    for indent in (None, 2):
        text = json.dumps(value, ensure_ascii=False, indent=indent)
        assert json.loads(in_lines(text)) == value
