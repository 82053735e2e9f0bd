"""From the bytes of a request to JSON that every later part can read, each cost bounded beforehand."""

import json
import zlib

import msgspec

from forwarder.tracking.answers import Refusal

_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_GZIP = 31
"""zlib's word for a gzip header and the largest window."""


def readable(body: bytes, encoding: bytes, largest: int) -> bytes:
    """Return the JSON text of a request body. Raises Refusal.

    ``encoding``: the Content-Encoding header; ``largest``: bytes, also of an inflated body.
    """
    if encoding and encoding != b"identity":
        body = _inflate(body, encoding, largest)
    if len(body) > largest:
        raise too_large(largest)
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise Refusal(400, "not_utf8", f"the body is not UTF-8 at byte {error.start}") from None
    # Most have no escapes at all: a single byte is looked for in a fraction of the time.
    if b"\\" in body and b"\\u" in body and (b"\\ud" in body or b"\\uD" in body):
        body = _whole_characters(body)
    return body


def too_large(largest: int) -> Refusal:
    """Return the refusal of a body of more than ``largest`` bytes."""
    return Refusal(400, "body_too_large", f"the body is larger than {largest} bytes; send less at once")


def _inflate(body: bytes, encoding: bytes, largest: int) -> bytes:
    if encoding.strip().lower() not in (b"gzip", b"x-gzip"):
        raise Refusal(415, "unknown_encoding", "this Content-Encoding is not known here; use gzip or none")
    inflater = zlib.decompressobj(_GZIP)
    try:
        inflated = inflater.decompress(body, largest + 1)
    except zlib.error:
        raise Refusal(400, "bad_gzip", "the body is not gzip, as its Content-Encoding says") from None
    if len(inflated) <= largest and (not inflater.eof or inflater.unused_data):
        raise Refusal(400, "bad_gzip", "the gzip body does not end where the request ends")
    return inflated


def deeper_than(body: bytes, nesting: int) -> bool:
    """Tell whether the JSON text nests deeper than ``nesting``.

    There cannot be more levels than opening brackets, so most texts are not looked at any closer.
    """
    without = body.replace(b"{", b"").replace(b"[", b"")  # in half the time of counting
    if len(body) - len(without) <= nesting:
        return False
    outside_of_texts = body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    brackets = b"".join(outside_of_texts).translate(_ONE_KIND, _NOT_BRACKETS)
    while brackets and nesting:
        brackets = brackets.replace(b"[]", b"")  # the innermost level
        nesting -= 1
    return bool(brackets)


def _whole_characters(body: bytes) -> bytes:
    """Return the body without halves of characters, as browsers send them where a text was cut."""
    try:
        msgspec.json.decode(body)
        return body
    except (msgspec.DecodeError, RecursionError):
        return mended(body) or body


def mended(body: bytes) -> bytes | None:
    """Return as JSON what clients send that nearly is; None for what is not.

    JSON.stringify writes half a character as ``\\ud83d``, Python's json writes NaN and Infinity: strict
    parsers would refuse the whole batch for one such value. They become U+FFFD and null.
    """
    try:
        value = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
