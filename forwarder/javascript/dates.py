"""Date texts as V8, the JavaScript engine of Node and Chrome, reads them.

ISO 8601 first; what is left over goes through V8's lenient rules ("Jun 1, 2024 8:30 PM GMT+2"). Both work on
one stream of tokens, and the lenient rules go on with what the strict ones have read. The local zone is UTC.
"""

from collections.abc import Sequence
from typing import Final

from forwarder.javascript.calendar import time_of
from forwarder.javascript.date_tokens import MOST_DIGITS, Token, tokens_of

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HALVES: Final = {"am": 0, "pm": 12}
_HOURS_BEHIND: Final = {"edt": 4, "est": 5, "cdt": 5, "cst": 6, "mdt": 6, "mst": 7, "pdt": 7, "pst": 8}
_ZONES: Final = dict.fromkeys(("ut", "utc", "z", "gmt"), 0) | {
    name: -hours for name, hours in _HOURS_BEHIND.items()
}
LONGEST: Final = 1000
"""Characters of a text that can be a date; V8 has no bound, but who sends more does not mean a date."""
_MOST_SECONDS: Final = 2**31 - 1

_END: Final = Token("end")


class Invalid(Exception):  # noqa: N818 - a step of reading, never seen outside
    """The text is no date."""


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
    """The state that V8's two parsers share."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._day: list[int] = []
        self._month: int | None = None
        self._time: list[int] = []
        self._half: int | None = None
        self._sign: int | None = None
        self._zone_hour: int | None = None
        self._zone_minute: int | None = None
        self._is_iso = False

    def read(self) -> int | None:
        """Return ms since the epoch, None out of range. Raises Invalid."""
        token = self._read_iso()
        while token.kind != "end":
            self._read_leniently(token)
            token = self._next()
        year, month, day = self._date()
        hour, minute, second, millisecond = self._clock()
        return time_of(year, month - 1, day, hour, minute, second - self._offset(), millisecond)

    # Reading the stream

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _skip(self, symbol: str) -> bool:
        found = self._peek()
        if found.kind == "symbol" and found.text == symbol:
            self._at += 1
            return True
        return False

    def _fixed(self, length: int, least: int, most: int) -> bool:
        """Tell whether a number of so many digits, in bounds, comes next."""
        token = self._peek()
        return token.kind == "number" and token.length == length and least <= token.value <= most

    def _need(self, length: int, least: int, most: int) -> int:
        if not self._fixed(length, least, most):
            raise Invalid
        return self._next().value

    # ISO 8601

    def _read_iso(self) -> Token:
        """Read as much as is ISO 8601; return the token where the lenient rules must go on."""
        token = self._read_iso_date()
        if token is not None:
            return token
        following = self._peek()
        if following.kind == "word" and following.text == "t":
            self._next()
            self._read_iso_time()
            self._read_iso_zone()
            if self._peek() is not _END:
                raise Invalid
        elif following is not _END:
            return self._next()
        self._is_iso = True
        return _END

    def _read_iso_date(self) -> Token | None:
        token = self._peek()
        if token.text in ("+", "-"):
            self._next()
            year = self._peek()
            if not self._fixed(6, 0, 999_999):
                return token
            self._next()
            if token.text == "-" and year.value == 0:
                return token
            self._day.append(-year.value if token.text == "-" else year.value)
        elif self._fixed(4, 0, 9999):
            self._day.append(self._next().value)
        else:
            return self._next()
        for most in (12, 31):
            if not self._skip("-"):
                break
            if not self._fixed(2, 1, most):
                return self._next()
            self._day.append(self._next().value)
        return None

    def _read_iso_time(self) -> None:
        hour = self._need(2, 0, 24)
        self._time.append(hour)
        most = 0 if hour == 24 else 59
        if not self._skip(":"):
            raise Invalid
        self._time.append(self._need(2, 0, most))
        if not self._skip(":"):
            return
        self._time.append(self._need(2, 0, most))
        if self._skip("."):
            fraction = self._next()
            if fraction.kind != "number" or (hour == 24 and fraction.value):
                raise Invalid
            self._time.append(_thousandths(fraction))

    def _read_iso_zone(self) -> None:
        token = self._peek()
        if token.kind == "word" and token.text == "z":
            self._next()
            self._set_zone(0)
        elif token.text in ("+", "-"):
            self._next()
            self._sign = -1 if token.text == "-" else 1
            if self._fixed(4, 0, 9999):
                self._zone_hour, self._zone_minute = divmod(self._next().value, 100)
                if self._zone_hour > 23 or self._zone_minute > 59:
                    raise Invalid
            else:
                self._zone_hour = self._need(2, 0, 23)
                if not self._skip(":"):
                    raise Invalid
                self._zone_minute = self._need(2, 0, 59)

    def _set_zone(self, hours: int) -> None:
        self._sign = -1 if hours < 0 else 1
        self._zone_hour, self._zone_minute = abs(hours), 0

    # V8's lenient rules

    def _read_leniently(self, token: Token) -> None:
        is_sign = token.text in ("+", "-")
        self._has_number = bool(self._day) or bool(self._time)
        if token.kind == "number":
            self._read_number(token.value)
        elif token.kind == "word":
            self._read_word(token.text)
        elif is_sign and (self._is_utc() or self._time):
            self._read_offset(token)
        elif (is_sign or token.text == ")") and self._has_number:
            raise Invalid

    def _is_utc(self) -> bool:
        return self._zone_hour == 0 and self._zone_minute == 0

    def _time_expects(self, number: int) -> bool:
        return len(self._time) in (1, 2, 3) and number < (0, 60, 60, 1000)[len(self._time)]

    def _read_number(self, number: int) -> None:
        if self._skip(":"):
            self._read_clock_part(number)
        elif self._skip(".") and self._time_expects(number):
            self._time.append(number)
            if self._peek().kind != "number":
                raise Invalid
            self._finish_time(_thousandths(self._next()))
        elif self._zone_hour is not None and self._zone_minute is None and number < 60:
            self._zone_minute = number
        elif self._time_expects(number):
            self._finish_time(number)
            following = self._peek()
            if not (following.kind in ("end", "space") or following.text in ("z", "+", "-")):
                raise Invalid
        else:
            if len(self._day) >= 3:
                raise Invalid
            self._day.append(number)
            self._skip("-")

    def _read_clock_part(self, number: int) -> None:
        """Read a number of the clock that a colon follows; two colons leave out the minutes."""
        twice = self._skip(":")
        if (twice and self._time) or len(self._time) >= 4:
            raise Invalid
        self._time += [number, 0] if twice else [number]
        if not twice:
            self._skip(".")

    def _finish_time(self, number: int) -> None:
        self._time = [*self._time, number, 0, 0, 0][:4]

    def _read_word(self, word: str) -> None:
        if word in _HALVES and self._time:
            self._half = _HALVES[word]
        elif word[:3] in _MONTHS:
            self._month = _MONTHS.index(word[:3]) + 1
            self._skip("-")
        elif word in _ZONES and self._has_number:
            self._set_zone(_ZONES[word])
        elif self._has_number or self._peek().kind == "number":
            raise Invalid  # an unknown word after the first number, or right before one

    def _read_offset(self, token: Token) -> None:
        self._sign = -1 if token.text == "-" else 1
        number = self._next() if self._peek().kind == "number" else Token("number")
        following = self._peek()
        if following.kind == "symbol" and following.text == ":":
            self._zone_hour, self._zone_minute = number.value, None
        elif number.length in (1, 2):
            self._zone_hour, self._zone_minute = number.value, 0
        elif number.length in (3, 4):
            self._zone_hour, self._zone_minute = divmod(number.value, 100)
        else:
            raise Invalid

    # Putting it together

    def _date(self) -> tuple[int, int, int]:
        """Return year, month from 1, and day."""
        if not self._day:
            raise Invalid
        first, second, third = [*self._day, 1, 1][:3]
        if self._month is not None:
            month = self._month
            day, year = (first, second) if 1 <= first <= 31 else (second, first)
        elif self._is_iso or not 1 <= first <= 31:
            year, month, day = first, second, third
        else:
            month, day, year = first, second, third
        if not self._is_iso and 0 <= year <= 99:
            year += 2000 if year <= 49 else 1900
        if not (1 <= month <= 12 and 1 <= day <= 31):
            raise Invalid
        return year, month, day

    def _offset(self) -> int:
        """Return the seconds the zone is ahead of UTC; V8 keeps 32 bits of them."""
        seconds = ((self._zone_hour or 0) * 3600 + (self._zone_minute or 0) * 60) % 2**32
        if seconds > _MOST_SECONDS:
            raise Invalid
        return (self._sign or 0) * seconds

    def _clock(self) -> tuple[int, int, int, int]:
        hour, minute, second, millisecond = [*self._time, 0, 0, 0, 0][:4]
        if self._half is not None:
            if hour > 12:
                raise Invalid
            hour = hour % 12 + self._half
        if (minute, second, millisecond) == (0, 0, 0) and hour == 24:
            return 24, 0, 0, 0
        if hour > 23 or minute > 59 or second > 59 or millisecond > 999:
            raise Invalid
        return hour, minute, second, millisecond
