"""From the bytes of a request to JSON that every later part can read, each cost bounded beforehand."""

import json
import zlib

import msgspec

from forwarder.tracking.answers import Refusal

_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_GZIP = 31
"""zlib's word for a gzip header and the largest window."""


def readable(body: bytes, encoding: bytes, largest: int, nesting: int) -> bytes:
    """Return the JSON text of a request body. Raises Refusal.

    ``encoding``: the Content-Encoding header; ``largest``: bytes, also of an inflated body; ``nesting``: how
    deep arrays and objects may lie in each other.
    """
    if encoding and encoding != b"identity":
        body = _inflate(body, encoding, largest)
    if len(body) > largest:
        raise Refusal(400, "body_too_large", f"the body is larger than {largest} bytes; send smaller batches")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise Refusal(400, "not_utf8", f"the body is not UTF-8 at byte {error.start}") from None
    if deeper_than(body, nesting):
        raise Refusal(400, "too_deep", f"the body nests deeper than {nesting} levels; send it flatter")
    if b"\\ud" in body or b"\\uD" in body:
        body = _whole_characters(body)
    return body


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

    Only the brackets are looked at, innermost pairs removed level by level in C; brackets inside of texts can
    leave a rest, so what looks too deep is measured exactly, at a cost bounded by the body's size.
    """
    brackets = body.translate(None, _NOT_BRACKETS)
    for _ in range(nesting):
        if not brackets:
            return False
        fewer = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return bool(brackets) and _depth(body, nesting) > nesting


def _depth(body: bytes, nesting: int) -> int:
    """Return how deep the brackets outside of texts lie, or ``nesting`` + 1 as soon as they lie deeper."""
    depth = deepest = 0
    for index, part in enumerate(body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')):
        if index % 2:
            continue
        for byte in part.translate(None, _NOT_BRACKETS):
            depth += 1 if byte in b"[{" else -1
            deepest = max(deepest, depth)
        if deepest > nesting:
            break
    return deepest


def _whole_characters(body: bytes) -> bytes:
    """Replace halves of characters, which browsers send where a text was cut, by U+FFFD.

    JSON.stringify writes them as ``\\ud83d``; strict parsers refuse the whole batch for one of them.
    """
    try:
        msgspec.json.decode(body)
        return body
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return body  # not JSON in any other way either: the next parser says so
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
