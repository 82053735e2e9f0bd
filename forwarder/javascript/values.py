"""JavaScript's value rules on JSON values, for what Segment's reference leaves to its language.

Values are what a JSON parser returns (None, bool, int, float, str, list, dict) and ``UNDEFINED``, an absent
value. Python's ``True == 1`` and whole numbers beyond 2**53 are treated as JavaScript would: booleans are no
numbers, and large whole numbers are rounded to doubles when they are written as text.
"""

import math
import re
from enum import Enum
from typing import Final


class Undefined(Enum):
    """The type of ``UNDEFINED``; false in conditions."""

    UNDEFINED = "undefined"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined.UNDEFINED
"""An absent value: not null, not written to JSON."""

SAFE_INTEGER: Final = 2**53
"""Up to here every whole number is a double."""

WHITESPACE: Final = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What ``String.prototype.trim`` takes away (not what ``str.strip`` does)."""

_DECIMAL = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_BASES = {"x": 16, "o": 8, "b": 2}


def is_number(value: object) -> bool:
    """Return whether ``typeof value`` is ``number``."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def truthy(value: object) -> bool:
    """Return ``Boolean(value)``: empty lists and objects are true, NaN is false."""
    if isinstance(value, (list, dict)):
        return True
    return bool(value) and value == value  # only NaN differs from itself


def trim(text: str) -> str:
    """Return ``text.trim()``."""
    return text.strip(WHITESPACE)


def to_double(number: float) -> float:
    """Return the double JavaScript would hold for a number of any size; infinite beyond the range."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def number_to_string(number: float) -> str:
    """Return ``String(number)``: shortest digits, exponents from 1e21 and below 1e-6, no minus on zero."""
    if isinstance(number, int) and -SAFE_INTEGER <= number <= SAFE_INTEGER:
        return str(int(number))
    double = to_double(number)
    if double != double:
        return "NaN"
    if math.isinf(double):
        return "Infinity" if double > 0 else "-Infinity"
    if double.is_integer() and -SAFE_INTEGER <= double <= SAFE_INTEGER:
        return str(int(double))
    sign = "-" if double < 0 else ""
    mantissa, _, exponent = repr(abs(double)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    return sign + _lay_out(digits, point)


def _lay_out(digits: str, point: int) -> str:
    """Return 0.``digits`` times 10**``point`` as ECMAScript's Number::toString writes it."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"{digits[0]}{'.' if count > 1 else ''}{digits[1:]}{exponent}"


def string_to_number(text: str) -> float:
    """Return ``Number(text)``; NaN where it is no number. Whole numbers come as int."""
    text = trim(text)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return whole(float(text))
    if _RADIX.fullmatch(text):
        return whole(to_double(int(text[2:], _BASES[text[1].lower()])))
    return math.nan


def whole(double: float) -> float:
    """Return a whole double as int, so that it is written to JSON without ``.0``; others unchanged."""
    if double.is_integer() and -SAFE_INTEGER <= double <= SAFE_INTEGER:
        return int(double)
    return double


def to_number(value: object) -> float:
    """Return ``Number(value)``: null is 0, objects are NaN, arrays go through their text."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        return string_to_number(value)
    if value is None:
        return 0
    if isinstance(value, list):
        return string_to_number(to_string(value))
    return math.nan


def to_string(value: object) -> str:
    """Return ``String(value)``: arrays joined by commas with null as empty, objects ``[object Object]``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_to_string(value)
    if value is None:
        return "null"
    if isinstance(value, list):
        return ",".join("" if one is None or one is UNDEFINED else to_string(one) for one in value)
    return "undefined" if value is UNDEFINED else "[object Object]"


def string_length(text: str) -> int:
    """Return ``text.length``: characters beyond U+FFFF count twice."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def string_units(text: str) -> list[str]:
    """Return the UTF-16 units of the text, each as a string of its own."""
    if text.isascii():
        return list(text)
    raw = text.encode("utf-16-le", "surrogatepass")
    return [chr(raw[at] | raw[at + 1] << 8) for at in range(0, len(raw), 2)]


def join_units(text: str) -> str:
    """Return the text with neighbouring surrogate halves made one character, as JavaScript sees them."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def utf8(text: str) -> bytes:
    """Return the text as UTF-8; unpaired surrogates, which have none, become U+FFFD."""
    return join_units(text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
