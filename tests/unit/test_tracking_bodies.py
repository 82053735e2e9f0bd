"""Request bodies: inflating, encodings and nesting, each bounded."""

import gzip
import json

import pytest

from forwarder.tracking.answers import Refusal
from forwarder.tracking.bodies import deeper_than, readable

LARGEST, NESTING = 10_000, 8


def refusal(body: bytes, encoding: bytes = b"") -> Refusal:
    with pytest.raises(Refusal) as caught:
        readable(body, encoding, LARGEST, NESTING)
    return caught.value


def test_plain_and_gzip_bodies_are_the_same() -> None:
    body = json.dumps({"event": "Bestellung ✓"}, ensure_ascii=False).encode()
    assert readable(body, b"", LARGEST, NESTING) == body
    assert readable(gzip.compress(body), b"gzip", LARGEST, NESTING) == body


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (gzip.compress(b"x" * 100_000_000, 9), b"gzip", "body_too_large"),
        (gzip.compress(b"{}")[:-3], b"gzip", "bad_gzip"),
        (gzip.compress(b"{}") + b"more", b"gzip", "bad_gzip"),
        (b"{}", b"gzip", "bad_gzip"),
        (b"", b"gzip", "bad_gzip"),
        (b"{}", b"br", "unknown_encoding"),
        (b'{"a":"\xff"}', b"", "not_utf8"),
        ('{"a":1}'.encode("utf-16"), b"", "not_utf8"),
        (b" " * 10_001, b"", "body_too_large"),
        (b"[" * 9 + b"]" * 9, b"", "too_deep"),
        (b"[" * 9_999, b"", "too_deep"),
        (b'{"a":' * 1_500, b"", "too_deep"),
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


def test_nesting_up_to_the_limit_is_fine() -> None:
    assert not deeper_than(b"[" * 8 + b"]" * 8, 8)
    assert deeper_than(b"[" * 9 + b"]" * 9, 8)


def test_halves_of_characters_are_replaced() -> None:
    body = rb'{"event":"cut \ud83d","n":12345678901234567890123,"whole":"\ud83d\ude00"}'
    read = json.loads(readable(body, b"", LARGEST, NESTING))
    assert read == {"event": "cut \ufffd", "n": 12345678901234567890123, "whole": "😀"}


def test_whole_characters_stay_the_bytes_they_were() -> None:
    body = rb'{"event":"\ud83d\ude00"}'
    assert readable(body, b"", LARGEST, NESTING) is body
