"""Paths of ``@path`` and templates, as Segment's reference reads them."""

import re
from functools import lru_cache

from forwarder.javascript.paths import walk

_SEPARATORS = re.compile(r"""\[(?=["'0-9])|\.|(?<=["'0-9])\]+""")
_QUOTES = str.maketrans("", "", "\"'")


@lru_cache(maxsize=1024)
def parse_path(path: str) -> tuple[str, ...]:
    """Return the keys of a path; none means the whole payload.

    Brackets count only around a digit or a quote, so ``a[b]`` is one key; dots inside quotes still separate.
    """
    return tuple(piece.translate(_QUOTES) for piece in _SEPARATORS.split(path) if piece)


def without_root(path: str) -> str:
    """Return the path without the first ``$.`` in it, wherever that is."""
    return path.replace("$.", "", 1)


def look_up(payload: object, path: str) -> object:
    """Return what the path leads to; UNDEFINED if nothing."""
    return walk(payload, parse_path(path))
