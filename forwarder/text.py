"""Text that is safe to write: whole characters for JSON and the spool, no control characters for people."""

from __future__ import annotations

import re

_HALF = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def whole_characters(text: str) -> str:
    """Return the text with halves that belong together joined, and every other half of a character replaced.

    JavaScript's strings may hold half a character (an unpaired surrogate); neither UTF-8 nor JSON can.
    """
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def whole_value(value: object) -> object:
    """Return a JSON value with ``whole_characters`` in all its texts and names; parts without halves stay."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, dict):
        return {
            whole_characters(name) if isinstance(name, str) else name: whole_value(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [whole_value(one) for one in value]
    return value


def one_line(text: str, longest: int) -> str:
    """Return the text for a log, a terminal or a label: control characters escaped, at most ``longest`` long.

    Among these are line ends, terminal escapes and marks that turn the direction of what follows.
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
