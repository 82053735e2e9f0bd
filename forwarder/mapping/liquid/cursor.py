"""A cursor on a template's text, which tells words, numbers and quoted texts apart as LiquidJS does."""

import re
from typing import Final, NoReturn

from forwarder.js import join_units, string_to_number

BLANKS: Final = "\t\n\v\f\r \u00a0\u1680\u180e\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What separates words, and what ``-`` in a delimiter takes away."""

_BLANK: Final = re.compile(f"[{BLANKS}]*")
_LETTER: Final = f"(?:[-0-9?A-Z_a-z]|[^\\x00-\\x7f{BLANKS}\u201c\u201d])"
"""Every letter of every script, and the minus sign: ``a-b`` is one name."""
_WORD: Final = re.compile(f"{_LETTER}*")
_NUMBER: Final = re.compile(rf"[-+]?[0-9]+(?:\.(?!\.)[0-9]*)?(?!{_LETTER})(?!\.(?!\.))")
_QUOTED: Final = {
    quote: re.compile(rf"{quote}(?:[^{quote}\\]|\\.)*(?:{quote}|\\?\Z)", re.DOTALL) for quote in "\"'"
}
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{0,4})|([0-7]{1,3})|(.))", re.DOTALL)
_CONTROLS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Unreadable(Exception):  # noqa: N818 - a step of compiling, never seen outside
    """The template cannot be used; the text says what is wrong and where."""


def keyword(*words: str) -> re.Pattern[str]:
    """Return the pattern of one of the words, as a whole word."""
    return re.compile(f"(?:{'|'.join(words)})(?!{_LETTER})")


class Cursor:
    """``at`` is the next character, ``end`` where the part to read ends."""

    __slots__ = ("at", "end", "text")

    def __init__(self, text: str, at: int, end: int) -> None:
        self.text = text
        self.at = at
        self.end = end

    def fail(self, message: str) -> NoReturn:
        """Raise Unreadable for what stands here."""
        raise Unreadable(f"{message} at character {self.at}")

    def peek(self, ahead: int = 0) -> str:
        """Return a character, "" beyond the end."""
        at = self.at + ahead
        return self.text[at] if at < self.end else ""

    def skip_blanks(self) -> None:
        """Step over blanks."""
        self.at = self._end_of(_BLANK)

    def is_done(self) -> bool:
        """Step over blanks; return whether nothing is left."""
        self.skip_blanks()
        return self.at >= self.end

    def take(self, pattern: re.Pattern[str]) -> str:
        """Step over blanks and what the pattern matches; return that, "" if nothing."""
        self.skip_blanks()
        start, self.at = self.at, self._end_of(pattern)
        return self.text[start : self.at]

    def accept(self, symbol: str) -> bool:
        """Step over blanks and over the symbol, if it comes next."""
        self.skip_blanks()
        if not self.text.startswith(symbol, self.at, self.end):
            return False
        self.at += len(symbol)
        return True

    def skip_to(self, symbol: str) -> bool:
        """Step behind the next such symbol; without one, to the end."""
        found = self.text.find(symbol, self.at, self.end)
        self.at = self.end if found < 0 else found + len(symbol)
        return found >= 0

    def word(self) -> str:
        """Return a name, which may hold digits and minus signs anywhere; "" if none comes."""
        return self.take(_WORD)

    def number(self) -> float | None:
        """Return a number: ``5``, ``-5``, ``5.5``, ``5.``; None if none comes."""
        text = self.take(_NUMBER)
        return string_to_number(text) if text else None

    def quoted(self) -> str | None:
        """Return a text in quotes, its escapes read; None if none comes. Unclosed ones end at the end."""
        self.skip_blanks()
        if self.peek() not in _QUOTED:
            return None
        start, self.at = self.at, end_of_quoted(self.text, self.at, self.end)
        return join_units(_ESCAPE.sub(_unescaped, self.text[start + 1 : self.at - 1]))

    def _end_of(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at, self.end)
        return found.end() if found else self.at


def end_of_quoted(text: str, start: int, end: int) -> int:
    """Return where the quoted text that starts there ends."""
    found = _QUOTED[text[start]].match(text, start, end)
    assert found is not None
    return found.end()


def _unescaped(found: re.Match[str]) -> str:
    hexadecimal, octal, letter = found.groups()
    if hexadecimal is not None:
        return chr(int(hexadecimal or "0", 16))
    return chr(int(octal, 8)) if octal else _CONTROLS.get(letter, letter)
