"""Date texts cut into tokens as V8 does it."""

import re
from typing import Final, NamedTuple

from forwarder.javascript import values as js

MOST_DIGITS: Final = 9
"""V8 keeps this many digits of a number, after leading zeros."""

_SPACE: Final = re.escape(js.WHITESPACE)
_TOKEN: Final = re.compile(
    rf"(?P<number>[0-9]+)|(?P<symbol>[-+:.)])|(?P<word>[^\x00-@{_SPACE}]+)"
    rf"|(?P<space>[{_SPACE}])|(?P<open>\()|(?P<other>.)",
    re.DOTALL,
)


class Token(NamedTuple):
    """``kind``: number, symbol, word, space, other or end; ``value`` and ``length`` of a number."""

    kind: str
    text: str = ""
    value: int = 0
    length: int = 0


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a text up to its first NUL; what lies in parentheses is one."""
    tokens: list[Token] = []
    text = text.partition("\0")[0]
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None
        kind, found, at = str(match.lastgroup), match[0], match.end()
        if kind == "number":
            digits = found.lstrip("0")[:MOST_DIGITS]
            tokens.append(Token(kind, found, int(digits or 0), len(found)))
        elif kind == "open":
            at = _closing(text, at)
            tokens.append(Token("other"))
        else:
            tokens.append(Token(kind, found.lower()))
    return tokens


def _closing(text: str, at: int) -> int:
    """Return where the bracket that opened before ``at`` has been closed, or the end."""
    depth = 1
    while at < len(text) and depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at
