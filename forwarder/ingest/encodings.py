"""Content encodings of request bodies: undoing them, each in bounded space."""

import zlib
from typing import Final

from forwarder.http.responses import Refusal

_GZIP: Final = 31
"""zlib's word for a gzip header and the largest window; 15 is a zlib header, -15 none."""
_ZLIB: Final = 15
_GZIP_NAMES: Final = (b"gzip", b"x-gzip")
_PLAIN_NAMES: Final = (b"", b"identity", b"none", b"utf-8")
"""The last two are no content encodings, but clients send them for plain bodies."""
_MOST_CODINGS: Final = 4
_CHUNK: Final = 4_096
"""Bytes; what follows a member is copied, so members of 20 bytes must not copy all that follows each time."""


def decoded(body: bytes, encoding: bytes, largest: int) -> bytes:
    """Return the body without its content encodings, of which the last was applied last. Raises Refusal.

    ``encoding``: the header, several names separated by commas; ``largest``: bytes that any step may yield.
    A body that yields more is cut off there, so that it is one byte too large.
    """
    names = [name.strip().lower() for name in encoding.split(b",")]
    names = [name for name in names if name not in _PLAIN_NAMES]
    if len(names) > _MOST_CODINGS:
        raise Refusal(415, "unknown_encoding", "the body is encoded too often; use gzip once")
    for name in reversed(names):
        if name in _GZIP_NAMES:
            body = _gunzip(body, largest)
        elif name == b"deflate":
            body = _inflate(body, largest)
        else:
            raise Refusal(
                415, "unknown_encoding", "this Content-Encoding is not known here; use gzip or none"
            )
        if len(body) > largest:
            break
    return body


def _gunzip(body: bytes, largest: int) -> bytes:
    """Return what a gzip file holds; it may have several members, and zeros at its end."""
    parts: list[bytes] = []
    room, inflater = largest + 1, zlib.decompressobj(_GZIP)
    for start in range(0, len(body), _CHUNK):
        chunk = body[start : start + _CHUNK]
        while chunk and room > 0:
            if inflater.eof:
                chunk = chunk.lstrip(b"\0")
                inflater = zlib.decompressobj(_GZIP) if chunk else inflater
                continue
            try:
                parts.append(inflater.decompress(chunk, room))
            except zlib.error:
                raise Refusal(400, "bad_gzip", "the body is not gzip, as its Content-Encoding says") from None
            room -= len(parts[-1])
            chunk = inflater.unused_data
    if room > 0 and not inflater.eof:
        raise Refusal(400, "bad_gzip", "the gzip body does not end where the request ends")
    return b"".join(parts)


def _inflate(body: bytes, largest: int) -> bytes:
    """Return what a deflate body holds, with zlib's header, as the standard has it, or without one."""
    for header in (_ZLIB, -_ZLIB):
        inflater = zlib.decompressobj(header)
        try:
            inflated = inflater.decompress(body, largest + 1)
        except zlib.error:
            continue
        if len(inflated) > largest or (inflater.eof and not inflater.unused_data):
            return inflated
    raise Refusal(400, "bad_deflate", "the body is not deflate, as its Content-Encoding says")
