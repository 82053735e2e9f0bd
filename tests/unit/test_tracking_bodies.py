"""Request bodies: inflating, encodings and nesting, each bounded."""

import gzip
import json

import pytest

from forwarder.tracking.answers import Refusal
from forwarder.tracking.bodies import deeper_than, mended, readable

LARGEST, NESTING = 10_000, 8


def refusal(body: bytes, encoding: bytes = b"") -> Refusal:
    with pytest.raises(Refusal) as caught:
        readable(body, encoding, LARGEST)
    return caught.value


def test_plain_and_gzip_bodies_are_the_same() -> None:
    body = json.dumps({"event": "Bestellung ✓"}, ensure_ascii=False).encode()
    assert readable(body, b"", LARGEST) == body
    assert readable(gzip.compress(body), b"gzip", LARGEST) == body


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (gzip.compress(b"x" * 100_000_000, 9, mtime=0), b"gzip", "body_too_large"),
        (gzip.compress(b"{}", mtime=0)[:-3], b"gzip", "bad_gzip"),
        (gzip.compress(b"{}", mtime=0) + b"more", b"gzip", "bad_gzip"),
        (b"{}", b"gzip", "bad_gzip"),
        (b"", b"gzip", "bad_gzip"),
        (b"{}", b"br", "unknown_encoding"),
        (b'{"a":"\xff"}', b"", "not_utf8"),
        ('{"a":1}'.encode("utf-16"), b"", "not_utf8"),
        (b" " * 10_001, b"", "body_too_large"),
    ],
)
def test_bodies_that_are_refused(body: bytes, encoding: bytes, code: str) -> None:
    assert refusal(body, encoding).code == code
    assert 400 <= refusal(body, encoding).status < 500


@pytest.mark.parametrize(
    "value",
    ["[" * 30, "]" * 30, "}{" * 30, '\\"[[[[[[[[[[[[[[[[', "\\\\[[[[[[[[[[[[[", "{" * 5 + "]" * 5],
)
def test_brackets_inside_of_texts_do_not_count(value: str) -> None:
    assert not deeper_than(json.dumps([[{"a": value}], value]).encode(), NESTING)


def test_brackets_inside_of_texts_hide_nothing() -> None:
    value: object = "]"
    for _ in range(10):
        value = ["]", value, "["]
    assert deeper_than(json.dumps(value).encode(), NESTING)


def test_nesting_up_to_the_limit_is_fine() -> None:
    assert not deeper_than(b"[" * 8 + b"]" * 8, 8)
    assert deeper_than(b"[" * 9 + b"]" * 9, 8)


def test_halves_of_characters_are_replaced() -> None:
    body = rb'{"event":"cut \ud83d","n":12345678901234567890123,"whole":"\ud83d\ude00"}'
    read = json.loads(readable(body, b"", LARGEST))
    assert read == {"event": "cut \ufffd", "n": 12345678901234567890123, "whole": "😀"}


def test_whole_characters_stay_the_bytes_they_were() -> None:
    body = rb'{"event":"\ud83d\ude00"}'
    assert readable(body, b"", LARGEST) is body


def test_numbers_that_json_has_not_become_null() -> None:
    assert mended(b'{"a":NaN,"b":[-Infinity,1]}') == b'{"a":null,"b":[null,1]}'


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"[" * 100_000])
def test_what_is_not_json_is_not_mended(body: bytes) -> None:
    assert mended(body) is None
