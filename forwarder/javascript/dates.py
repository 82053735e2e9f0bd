"""Date texts as V8, the JavaScript engine of Node and Chrome, reads them.

ISO 8601 first; what is left over goes through V8's lenient rules ("Jun 1, 2024 8:30 PM GMT+2"). Both work on
one stream of tokens, and the lenient rules go on with what the strict ones have read. The local zone is UTC.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from forwarder.javascript.calendar import time_of
from forwarder.javascript.date_parts import DateParts, Invalid
from forwarder.javascript.date_stream import END, TokenStream
from forwarder.javascript.date_tokens import MOST_DIGITS, Token, tokens_of

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HALVES: Final = {"am": 0, "pm": 12}
_HOURS_BEHIND: Final = {"edt": 4, "est": 5, "cdt": 5, "cst": 6, "mdt": 6, "mst": 7, "pdt": 7, "pst": 8}
_ZONES: Final = dict.fromkeys(("ut", "utc", "z", "gmt"), 0) | {
    name: -hours for name, hours in _HOURS_BEHIND.items()
}
LONGEST: Final = 1000
"""Characters of a text that can be a date; V8 has no bound, but who sends more does not mean a date."""


@lru_cache(maxsize=64)  # every action of every subscription asks for the same few times of an event
def read_date(text: str) -> int | None:
    """Return the time in ms since the epoch, None where V8 finds none and for texts beyond ``LONGEST``."""
    if len(text) > LONGEST:
        return None
    try:
        return _Reader(tokens_of(text)).read()
    except Invalid:
        return None


def _thousandths(token: Token) -> int:
    """Return the milliseconds of a fraction's digits, with V8's slip: leading zeros are no digits to it."""
    if token.length <= 3:
        return token.value * (1000, 100, 10, 1)[token.length]
    return token.value // int(10 ** (min(token.length, MOST_DIGITS) - 3))


class _Reader:
    """V8's two parsers over one stream and the same parts."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = TokenStream(tokens)
        self._parts = DateParts()
        self._has_number = False

    def read(self) -> int | None:
        """Return ms since the epoch, None out of range. Raises Invalid."""
        token = self._read_iso()
        while token.kind != "end":
            self._read_leniently(token)
            token = self._tokens.next()
        year, month, day = self._parts.date()
        hour, minute, second, millisecond = self._parts.clock()
        return time_of(year, month - 1, day, hour, minute, second - self._parts.offset(), millisecond)

    # ISO 8601

    def _read_iso(self) -> Token:
        """Read as much as is ISO 8601; return the token where the lenient rules must go on."""
        token = self._read_iso_date()
        if token is not None:
            return token
        following = self._tokens.peek()
        if following.kind == "word" and following.text == "t":
            self._tokens.next()
            self._read_iso_time()
            self._read_iso_zone()
            if self._tokens.peek() is not END:
                raise Invalid
        elif following is not END:
            return self._tokens.next()
        self._parts.is_iso = True
        return END

    def _read_iso_date(self) -> Token | None:
        token = self._tokens.peek()
        if token.text in ("+", "-"):
            self._tokens.next()
            year = self._tokens.peek()
            if not self._tokens.fixed(6, 0, 999_999):
                return token
            self._tokens.next()
            if token.text == "-" and year.value == 0:
                return token
            self._parts.day.append(-year.value if token.text == "-" else year.value)
        elif self._tokens.fixed(4, 0, 9999):
            self._parts.day.append(self._tokens.next().value)
        else:
            return self._tokens.next()
        for most in (12, 31):
            if not self._tokens.skip("-"):
                break
            if not self._tokens.fixed(2, 1, most):
                return self._tokens.next()
            self._parts.day.append(self._tokens.next().value)
        return None

    def _read_iso_time(self) -> None:
        hour = self._tokens.need(2, 0, 24)
        self._parts.time.append(hour)
        most = 0 if hour == 24 else 59
        if not self._tokens.skip(":"):
            raise Invalid
        self._parts.time.append(self._tokens.need(2, 0, most))
        if not self._tokens.skip(":"):
            return
        self._parts.time.append(self._tokens.need(2, 0, most))
        if self._tokens.skip("."):
            fraction = self._tokens.next()
            if fraction.kind != "number" or (hour == 24 and fraction.value):
                raise Invalid
            self._parts.time.append(_thousandths(fraction))

    def _read_iso_zone(self) -> None:
        token = self._tokens.peek()
        if token.kind == "word" and token.text == "z":
            self._tokens.next()
            self._parts.set_zone(0)
        elif token.text in ("+", "-"):
            self._tokens.next()
            self._parts.sign = -1 if token.text == "-" else 1
            if self._tokens.fixed(4, 0, 9999):
                self._parts.zone_hour, self._parts.zone_minute = divmod(self._tokens.next().value, 100)
                if self._parts.zone_hour > 23 or self._parts.zone_minute > 59:
                    raise Invalid
            else:
                self._parts.zone_hour = self._tokens.need(2, 0, 23)
                if not self._tokens.skip(":"):
                    raise Invalid
                self._parts.zone_minute = self._tokens.need(2, 0, 59)

    # V8's lenient rules

    def _read_leniently(self, token: Token) -> None:
        is_sign = token.text in ("+", "-")
        self._has_number = bool(self._parts.day) or bool(self._parts.time)
        if token.kind == "number":
            self._read_number(token.value)
        elif token.kind == "word":
            self._read_word(token.text)
        elif is_sign and (self._parts.is_utc() or self._parts.time):
            self._read_offset(token)
        elif (is_sign or token.text == ")") and self._has_number:
            raise Invalid

    def _read_number(self, number: int) -> None:
        if self._tokens.skip(":"):
            self._read_clock_part(number)
        elif self._tokens.skip(".") and self._parts.time_expects(number):
            self._parts.time.append(number)
            if self._tokens.peek().kind != "number":
                raise Invalid
            self._parts.finish_time(_thousandths(self._tokens.next()))
        elif self._parts.zone_hour is not None and self._parts.zone_minute is None and number < 60:
            self._parts.zone_minute = number
        elif self._parts.time_expects(number):
            self._parts.finish_time(number)
            following = self._tokens.peek()
            if not (following.kind in ("end", "space") or following.text in ("z", "+", "-")):
                raise Invalid
        else:
            if len(self._parts.day) >= 3:
                raise Invalid
            self._parts.day.append(number)
            self._tokens.skip("-")

    def _read_clock_part(self, number: int) -> None:
        """Read a number of the clock that a colon follows; two colons leave out the minutes."""
        twice = self._tokens.skip(":")
        if (twice and self._parts.time) or len(self._parts.time) >= 4:
            raise Invalid
        self._parts.time += [number, 0] if twice else [number]
        if not twice:
            self._tokens.skip(".")

    def _read_word(self, word: str) -> None:
        if word in _HALVES and self._parts.time:
            self._parts.half = _HALVES[word]
        elif word[:3] in _MONTHS:
            self._parts.month = _MONTHS.index(word[:3]) + 1
            self._tokens.skip("-")
        elif word in _ZONES and self._has_number:
            self._parts.set_zone(_ZONES[word])
        elif self._has_number or self._tokens.peek().kind == "number":
            raise Invalid  # an unknown word after the first number, or right before one

    def _read_offset(self, token: Token) -> None:
        self._parts.sign = -1 if token.text == "-" else 1
        number = self._tokens.next() if self._tokens.peek().kind == "number" else Token("number")
        following = self._tokens.peek()
        if following.kind == "symbol" and following.text == ":":
            self._parts.zone_hour, self._parts.zone_minute = number.value, None
        elif number.length in (1, 2):
            self._parts.zone_hour, self._parts.zone_minute = number.value, 0
        elif number.length in (3, 4):
            self._parts.zone_hour, self._parts.zone_minute = divmod(number.value, 100)
        else:
            raise Invalid
