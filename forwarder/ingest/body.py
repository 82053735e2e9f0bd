"""From the bytes of a request to JSON that every later part can read, each cost bounded beforehand."""

import json
import re
from itertools import accumulate
from typing import Final

from forwarder.http.responses import Refusal
from forwarder.ingest.encodings import decoded
from forwarder.javascript.tolerant_json import write_strictly

_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(sorted(set(range(256)) - set(b"[]{}")))
_RUN: Final = re.compile(rb"\[+|\]+")
_OPENING: Final = ord("[")
_WORTH_IT: Final = 0.8
"""Share of the brackets that may be left for another look at the innermost ones: bushy texts shrink by half
each time, in long chains the runs are few at once; ``build.py bench abuse`` measures it."""


def decode_body(body: bytes, encoding: bytes, largest: int) -> bytes:
    """Return the JSON text of a request body. Raises Refusal.

    ``encoding``: the Content-Encoding header; ``largest``: bytes, also of an inflated body.
    """
    if encoding and encoding != b"identity":
        body = decoded(body, encoding, largest)
    if len(body) > largest:
        raise too_large(largest)
    return body if body.isascii() and 0 not in body[:4] else _as_utf8(body)


def _as_utf8(body: bytes) -> bytes:
    """Return the text in UTF-8; a byte that belongs to no character becomes U+FFFD.

    Other encodings of Unicode tell themselves by their first four bytes. A byte of Latin-1 somewhere in a
    header that was copied into an event must not cost the whole batch.
    """
    return body.decode(json.detect_encoding(body), "replace").encode()


def too_large(largest: int) -> Refusal:
    """Return the refusal of a body of more than ``largest`` bytes."""
    return Refusal(400, "body_too_large", f"the body is larger than {largest} bytes; send less at once")


def exceeds_depth(body: bytes, nesting: int) -> bool:
    """Return whether the JSON text nests deeper than ``nesting``; of what is no JSON it tells nothing exact.

    There cannot be more levels than opening brackets, so most texts are not looked at any closer.
    """
    most = nesting + 1  # replacing no more takes half the time of counting, and bounded time
    braces = len(body) - len(body.replace(b"{", b"", most))
    if braces + len(body) - len(body.replace(b"[", b"", most)) <= nesting:
        return False
    outside_of_texts = body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    brackets = b"".join(outside_of_texts).translate(_ONE_KIND, _NOT_BRACKETS)
    before = 2 * len(brackets)
    while nesting and brackets and len(brackets) < _WORTH_IT * before:
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        nesting -= 1
    runs = _RUN.findall(brackets)
    levels = accumulate(len(run) if run[0] == _OPENING else -len(run) for run in runs)
    return max(levels, default=0) > nesting


def repair_json(text: bytes) -> bytes | None:
    """Return as JSON what clients send that nearly is; None for what is not."""
    try:
        return write_strictly(text)
    except (ValueError, RecursionError):
        return None
