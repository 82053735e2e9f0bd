"""Request bodies: inflating, encodings and nesting, each bounded."""

import gzip
import json
import random
import zlib
from collections.abc import Callable

import pytest

from forwarder.http.responses import Refusal
from forwarder.ingest.body import decode_body, exceeds_depth, repair_json
from forwarder.ingest.encodings import decoded

LARGEST, NESTING = 10_000, 8


def refusal(body: bytes, encoding: bytes = b"") -> Refusal:
    with pytest.raises(Refusal) as caught:
        decode_body(body, encoding, LARGEST)
    return caught.value


def test_plain_and_gzip_bodies_are_the_same() -> None:
    body = json.dumps({"event": "Bestellung ✓"}, ensure_ascii=False).encode()
    assert decode_body(body, b"", LARGEST) == body
    assert decode_body(gzip.compress(body, mtime=0), b"gzip", LARGEST) == body


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (gzip.compress(b"{}", mtime=0)[:-3], b"gzip", "bad_gzip"),
        (gzip.compress(b"{}", mtime=0) + b"more", b"gzip", "bad_gzip"),
        (b"{}", b"gzip", "bad_gzip"),
        (b"", b"gzip", "bad_gzip"),
        (b"{}", b"br", "unknown_encoding"),
        (gzip.compress(b"{}", mtime=0), b"br, gzip", "unknown_encoding"),
        (b"{}", b"gzip, gzip, gzip, gzip, gzip", "unknown_encoding"),
        (b"{}", b"deflate", "bad_deflate"),
        (zlib.compress(b"{}") + b"more", b"deflate", "bad_deflate"),
        (zlib.compress(b"{}")[:-5], b"deflate", "bad_deflate"),
        (gzip.compress(b"x" * 6_000, mtime=0) * 2, b"gzip", "body_too_large"),
        (b" " * 10_001, b"", "body_too_large"),
        (gzip.compress(b"{}", mtime=0) + b"XX", b"gzip", "bad_gzip"),
    ],
)
def test_bodies_that_are_refused(body: bytes, encoding: bytes, code: str) -> None:
    refused = refusal(body, encoding)
    assert refused.code == code
    assert refused.status == (415 if code == "unknown_encoding" else 400)
    assert code != "body_too_large" or "10000 bytes" in refused.message


def test_a_hundred_megabytes_in_a_small_body_are_refused() -> None:
    filler = b"x" * 100_000_000
    zipped, deflated = gzip.compress(filler, mtime=0), zlib.compress(filler)
    bombs = [(zipped, b"gzip"), (deflated, b"deflate"), (zlib.compress(zipped), b"gzip, deflate")]
    for bomb, encoding in bombs:
        refused = refusal(bomb, encoding)
        assert (refused.code, refused.status) == ("body_too_large", 400)
        assert "10000 bytes" in refused.message


@pytest.mark.parametrize(
    "value",
    ["[" * 30, "]" * 30, "}{" * 30, '\\"[[[[[[[[[[[[[[[[', "\\\\[[[[[[[[[[[[[", "{" * 5 + "]" * 5],
)
def test_brackets_inside_of_texts_do_not_count(value: str) -> None:
    assert not exceeds_depth(json.dumps([[{"a": value}], value]).encode(), NESTING)


def test_a_text_of_brackets_alone_has_no_levels() -> None:
    assert not exceeds_depth(b'"' + b"[" * 30 + b'"', NESTING)
    assert not exceeds_depth(b'"["', 0)
    assert exceeds_depth(b"[]", 0)


def test_brackets_inside_of_texts_hide_nothing() -> None:
    value: object = "]"
    for _ in range(10):
        value = ["]", value, "["]
    assert exceeds_depth(json.dumps(value).encode(), NESTING)


def test_nesting_up_to_the_limit_is_fine() -> None:
    assert not exceeds_depth(b"[" * 8 + b"]" * 8, 8)
    assert exceeds_depth(b"[" * 9 + b"]" * 9, 8)


def packed(body: bytes, times: int) -> bytes:
    for _ in range(times):
        body = gzip.compress(body, mtime=0)
    return body


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        (b"gzip", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:])),
        (b"gzip", lambda body: gzip.compress(body) + gzip.compress(b"") * 1_000 + b"\0" * 10_000),
        (b"gzip", lambda body: gzip.compress(body[:1]) + b"\0" * 4_095 + gzip.compress(body[1:])),
        (b"X-GZIP", gzip.compress),
        (b"deflate", zlib.compress),
        (b"deflate", raw_deflate),
        (b"gzip, identity", gzip.compress),
        (b"identity, gzip", gzip.compress),
        (b" gzip ,", gzip.compress),
        (b"identity", bytes),
        (b"utf-8", bytes),
        (b"gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        (b"gzip, gzip,gzip, gzip", lambda body: packed(body, 4)),
        (b"gzip, deflate", lambda body: zlib.compress(gzip.compress(body))),
        (b"deflate, gzip", lambda body: gzip.compress(raw_deflate(body))),
    ],
)
def test_encodings(encoding: bytes, encode: Callable[[bytes], bytes]) -> None:
    body = b'{"event":"Seen"}'
    assert decode_body(encode(body), encoding, LARGEST) == body


@pytest.mark.parametrize("largest", [15, 16, 17])
def test_the_bound_holds_to_the_byte(largest: int) -> None:
    body = b'{"event":"Seen"}'
    for encoding, encoded in ((b"gzip", gzip.compress(body[:9]) + gzip.compress(body[9:])), (b"", body)):
        if largest < len(body):
            with pytest.raises(Refusal):
                decode_body(encoded, encoding, largest)
        else:
            assert decode_body(encoded, encoding, largest) == body


@pytest.mark.parametrize("pack", [lambda body: gzip.compress(body, mtime=0), zlib.compress, raw_deflate])
def test_what_is_too_large_is_cut_off_one_byte_behind_the_bound(pack: Callable[[bytes], bytes]) -> None:
    encoding = b"gzip" if pack(b"")[:2] == b"\x1f\x8b" else b"deflate"
    for size in (10_001, 10_002, 1_000_000):
        assert len(decoded(pack(b"x" * size), encoding, LARGEST)) == LARGEST + 1
    two = gzip.compress(b"x" * LARGEST) + gzip.compress(b"y" * 1_000_000)
    assert len(decoded(two, b"gzip", LARGEST)) == LARGEST + 1
    three = gzip.compress(b"x" * LARGEST) + gzip.compress(b"y") + gzip.compress(b"z" * 1_000_000)
    assert len(decoded(three, b"gzip", LARGEST)) == LARGEST + 1


@pytest.mark.parametrize("over", range(1, 9))
def test_the_end_may_come_in_another_piece_than_the_last_byte(over: int) -> None:
    """A gzip file's last eight bytes hold nothing of the body."""
    noise = random.Random(1).randbytes(8_192)
    body = next(noise[:size] for size in range(4_000, 4_200) if len(packed(noise[:size], 1)) == 4_096 + over)
    assert decoded(packed(body, 1), b"gzip", len(body)) == body
    assert decoded(zlib.compress(body), b"deflate", len(body)) == body
    for cut in (packed(body, 1)[:-8], zlib.compress(body)[:-4]):
        with pytest.raises(Refusal, match=r"as its Content-Encoding says|does not end"):
            decoded(cut, b"gzip" if cut[:2] == b"\x1f\x8b" else b"deflate", len(body))


def test_a_step_that_just_fits_is_followed_by_the_next() -> None:
    body = random.Random(1).randbytes(100)
    inner = packed(body, 1)
    assert decoded(packed(inner, 1), b"gzip, gzip", len(inner)) == body


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"a":"caf\xe9"}', {"a": "caf\ufffd"}),
        (b'{"a":"\xff\xfe","b":"\xed\xa0\xbd"}', {"a": "\ufffd\ufffd", "b": "\ufffd\ufffd\ufffd"}),
        (b'{"a":"\xe2\x82","b":1}', {"a": "\ufffd", "b": 1}),
        (b'\xef\xbb\xbf{"a":"\xc3\xa9"}', {"a": "\xe9"}),
        ('{"a":"\xe9"}'.encode("utf-16"), {"a": "\xe9"}),
        ('{"a":1}'.encode("utf-16-le"), {"a": 1}),
        ('{"a":1}'.encode("utf-32-be"), {"a": 1}),
    ],
)
def test_bytes_of_other_encodings(body: bytes, read: object) -> None:
    assert json.loads(decode_body(body, b"", LARGEST).decode()) == read


def test_halves_of_characters_are_replaced() -> None:
    body = rb'{"event":"cut \ud83d","\ude00":[12345678901234567890123],"whole":"\ud83d\ude00"}'
    read = json.loads(repair_json(body) or b"")
    assert read == {"event": "cut \ufffd", "\ufffd": [12345678901234567890123], "whole": "😀"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b'{"a":1e999,"b":-1e400}', b'{"a":null,"b":null}'),
        (b'{"a":' + b"9" * 10_000 + b"}", b'{"a":null}'),
        (
            b'{"a":NaN,"b":0.1000,"c":12345678901234567890.10}',
            b'{"a":null,"b":0.1000,"c":12345678901234567890.10}',
        ),
        (b'{"a":NaN,"b":1e-999}', b'{"a":null,"b":1e-999}'),
        (b'{"a":"two\nlines"}', b'{"a":"two\\nlines"}'),
    ],
)
def test_what_nearly_is_json(text: bytes, written: bytes) -> None:
    assert repair_json(text) == written


def test_whole_characters_stay_the_bytes_they_were() -> None:
    body = rb'{"event":"\ud83d\ude00"}'
    assert decode_body(body, b"", LARGEST) is body


def test_numbers_that_json_has_not_become_null() -> None:
    assert repair_json(b'{"a":NaN,"b":[-Infinity,1]}') == b'{"a":null,"b":[null,1]}'


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"[" * 100_000])
def test_what_is_not_json_is_not_mended(body: bytes) -> None:
    assert repair_json(body) is None
