"""A batch in which something is no JSON, cut at its commas, so that one bad event costs only itself."""

import re
from itertools import islice
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[",]|\[+|\]+|\{+|\}+', re.DOTALL)
"""Brackets of one kind come together: a body of nothing but brackets has hundreds of thousands."""
_BYTES_A_TOKEN: Final = 3
"""A token counts for so many bytes at least; an event of Analytics.js has 8 for each."""
_SOME: Final = 200
"""Tokens that are looked at in any case, as small bodies are of little else than their frame."""
_NAMED: Final = re.compile(rb'\s*"([^"\\]*)"\s*:', re.DOTALL)
_OPENING: Final = frozenset((b"{", b"["))
_PAIRS: Final = {b"}": b"{", b"]": b"["}


class BatchParts(NamedTuple):
    """The texts of a batch's events, and those of what stands beside them, by name."""

    events: list[bytes]
    beside: dict[str, bytes]


def split_batch(body: bytes) -> BatchParts | None:
    """Return the parts of an object with ``batch``, a list; None where quotes and brackets do not match.

    What stands between them need not be JSON: that is for the reader of each part to find out. None also for
    what is little else than brackets and commas: looking at each of them costs too much.
    """
    fields = _cut(body.strip(), b"{")
    if fields is None:
        return None
    values = {
        name[1].decode("utf-8", "replace"): text[name.end() :].strip()
        for text in fields
        if (name := _NAMED.match(text))
    }
    events = _cut(values.pop("batch", b""), b"[")
    return None if events is None else BatchParts(events, values)


def _cut(text: bytes, opening: bytes) -> list[bytes] | None:
    """Return what stands between the outermost commas of one pair of brackets, which is all of ``text``."""
    if text[:1] != opening:
        return None
    opened = bytearray()
    parts, start = [], 1
    for token in islice(_TOKEN.finditer(text), _SOME + len(text) // _BYTES_A_TOKEN):
        mark = token[0]
        if mark == b"," and len(opened) == 1:
            parts.append(text[start : token.start()].strip())
            start = token.end()
        elif mark[:1] in _OPENING:
            opened += mark
        elif mark[:1] in _PAIRS:
            if opened[-len(mark) :] != _PAIRS[mark[:1]] * len(mark):
                return None
            del opened[-len(mark) :]
            if not opened:
                parts.append(text[start : token.end() - 1].strip())
                return [part for part in parts if part] if token.end() == len(text) else None
        elif mark == b'"':  # one that nothing closes
            return None
    return None
