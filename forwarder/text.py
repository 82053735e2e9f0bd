"""Text that is safe to write: whole characters for JSON and the spool, no control characters for people.

The one place for logs, terminals, pages and the JSON that people read.
"""

from __future__ import annotations

import re

_HALF = re.compile("[\ud800-\udfff]")
_INVISIBLE = (
    "\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff"
)
"""DEL and C1, half characters, Unicode's line ends, marks that turn the direction, tags: nothing to see."""
_CONTROL = re.compile(f"[\x00-\x1f{_INVISIBLE}]")
_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f{_INVISIBLE}]")


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


def in_lines(text: str) -> str:
    """Return a text of several lines and tabs for a terminal or a page, all other control characters escaped.

    What is JSON stays JSON that says the same.
    """
    return text if text.isascii() and text.isprintable() else _IN_LINES.sub(_escaped_in_json, text)


def cell(text: str) -> str:
    """Return the text as one cell of a table with tabs between: neither tab nor line end is left in it."""
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(_escaped_in_json, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _escaped_in_json(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"
