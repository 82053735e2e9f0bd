"""Trigger text to tokens, as Segment's reference reads it.

Its rules are stricter than they look: a keyword, ``!=``, ``<=``, ``>=`` and a closing quote count only when a
blank, comma, closing bracket or the end follows.
"""

from dataclasses import dataclass

from forwarder.errors import TriggerError

MAX_LENGTH = 100_000
"""Longest trigger text, in characters; the reference refuses single words and strings of this length."""

BLANKS = " \t\n"
TERMINATORS = f"{BLANKS},])"
SINGLE = {".": "dot", "[": "bracket", "]": "bracket", ",": "comma", "(": "open", ")": "close"}
KEYWORDS = {"and": "conditional", "or": "conditional", "null": "null"}


@dataclass(frozen=True, slots=True)
class Token:
    """A token: one word of a trigger.

    ``kind``: word, string, number, operator, conditional, null, dot, bracket, comma, open, close or end;
    ``text``: as written, strings with their quotes; ``at``: characters from the start of the trigger.
    """

    kind: str
    text: str
    at: int


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a trigger, ``end`` last. Raises TriggerError at the first unreadable character."""
    if len(text) >= MAX_LENGTH:
        raise TriggerError(
            f"longer than {MAX_LENGTH - 1} characters", MAX_LENGTH, "split it into several subscriptions"
        )
    return _join_dotted(_Lexer(text).tokens())


def _join_dotted(tokens: list[Token]) -> list[Token]:
    """Return the tokens with word, dot, word made one word."""
    joined: list[Token] = []
    at = 0
    while at < len(tokens):
        now = tokens[at]
        if now.kind == "dot" and joined and joined[-1].kind == "word" and tokens[at + 1].kind == "word":
            first = joined.pop()
            joined.append(Token("word", f"{first.text}.{tokens[at + 1].text}", first.at))
            at += 2
        else:
            joined.append(now)
            at += 1
    return joined


def _is_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _is_digit(char: str) -> bool:
    return char.isascii() and char.isdigit()


class _Lexer:
    """A cursor on the text; ``at`` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in BLANKS:
                self.at += 1
            else:
                found.append(self._token(char))
        found.append(Token("end", "eos", len(self.text)))
        return found

    def _peek(self) -> str:
        """Return the next character, "" at the end."""
        return self.text[self.at : self.at + 1]

    def _ends_here(self) -> bool:
        char = self._peek()
        return not char or char in TERMINATORS

    def _token(self, char: str) -> Token:
        start = self.at
        if char in "\"'":
            return self._string(char)
        self.at += 1
        if char in SINGLE:
            return Token(SINGLE[char], char, start)
        if _is_digit(char) or char in "+-":
            return self._number(start)
        if char in "=!<>":
            return self._operator(char, start)
        if _is_letter(char) or char in "\\_":
            return self._keyword(char, start) or self._word(start)
        raise TriggerError(f"unexpected {char!r}", start, _mend(char))

    def _operator(self, char: str, start: int) -> Token:
        after = self._peek()
        if char == "!" and (_is_letter(after) or after == "("):
            return Token("operator", "!", start)
        if char != "=" and self._accept("="):
            return Token("operator", f"{char}=", start)
        if char == "!":
            mend = (
                "put a blank after !="
                if after == "="
                else "write != with a blank on each side, or !contains(...)"
            )
            raise TriggerError("'!' without '='", start, mend)
        return Token("operator", char, start)

    def _accept(self, rest: str) -> bool:
        """Step over ``rest`` if it comes next and ends there."""
        stop = self.at + len(rest)
        if self.text[self.at : stop] == rest and (stop >= len(self.text) or self.text[stop] in TERMINATORS):
            self.at = stop
            return True
        return False

    def _keyword(self, char: str, start: int) -> Token | None:
        for keyword, kind in KEYWORDS.items():
            if keyword[0] != char:
                continue
            if self._accept(keyword[1:]):
                return Token(kind, keyword, start)
            left = self.text[self.at :]
            if len(left) < len(keyword) - 1 and not any(each in TERMINATORS for each in left):
                # Where the text ends before the keyword could, the reference loses what it has looked at.
                self.at = len(self.text)
                return Token("word", char, start)
        return None

    def _word(self, start: int) -> Token:
        """Read letters, digits, ``_``, ``-``; a backslash takes any one character as it is."""
        self.at = start
        read: list[str] = []
        while (char := self._peek()) and (_is_letter(char) or _is_digit(char) or char in "_-\\"):
            self.at += 1
            if char == "\\":
                char = self._peek()
                if not char:
                    raise TriggerError("nothing after '\\'", start, "name the character to take as it is")
                self.at += 1
            read.append(char)
        after = self._peek()
        if after and after not in TERMINATORS and after not in ".(=!":
            raise TriggerError(f"unexpected {after!r} after {''.join(read)!r}", self.at, _mend(after))
        return Token("word", "".join(read), start)

    def _number(self, start: int) -> Token:
        dots = 0
        while (char := self._peek()) and (_is_digit(char) or char == "."):
            self.at += 1
            if char == ".":
                dots += 1
                if self._ends_here() or dots > 1:
                    raise TriggerError(
                        "not a number", start, "write one as 5, -5 or 5.5, a text in double quotes"
                    )
        return Token("number", self.text[start : self.at], start)

    def _string(self, quote: str) -> Token:
        start = self.at
        end = self.text.find(quote, start + 1)
        if end < 0:
            mend = f"close it with {quote}"
            if start and self.text[start - 1] not in f"{TERMINATORS}(=":
                mend = "put a blank after the closing quote before it"
            raise TriggerError("text is not closed", start, mend)
        self.at = end + 1
        if not self._ends_here():
            self.at = end  # The reference leaves the quote in place: it opens the next text.
        return Token("string", self.text[start : end + 1], start)


def _mend(char: str) -> str:
    """Return the advice for a character that no token begins with."""
    if char in "&|":
        return "write and, or"
    if char in "<>":
        return "put blanks around the operator"
    if char in "[]":
        return "write properties.list.0 for an element of a list"
    if char in "*$@#%^/?:;~{}`":
        return f"put a text with {char} in double quotes"
    return "put a text in double quotes, or a backslash before the character in a name"
