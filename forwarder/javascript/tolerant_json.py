"""JSON that nearly is: what senders write although strict parsers refuse it, read without loss of the rest.

JSON.stringify writes half a character as ``\\ud83d``, Python's json writes NaN and Infinity, texts hold line
ends, and some languages write numbers that no double holds. JavaScript has no way to keep such numbers: where
it writes JSON, they are null.
"""

import json
import math
import re
from typing import Final

import msgspec

_SAFE_DIGITS: Final = 300
"""Of a number without an exponent; all of them are finite doubles."""
_INTEGERS: Final = range(-(2**63), 2**64)
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
"""What any half of a character is written as, and many a whole one."""


def read_tolerantly(text: bytes) -> object:
    """Return what the text holds. Numbers that are too large, NaN and Infinity are None.

    Raises ValueError (for what is no JSON at all) and RecursionError.
    """
    return _tolerant(_decoded(text))


def write_strictly(text: bytes) -> bytes:
    """Return the same as JSON that every parser takes; numbers keep the digits they were sent with.

    Raises ValueError and RecursionError as ``read_tolerantly``.
    """
    value = _digits_kept(_decoded(text))
    return _encode(_whole_characters(value) if _HALF.search(text) else value)


_encode = msgspec.json.Encoder().encode


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _null(_: str) -> None:
    return None


def _double(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _integer(digits: str) -> int | float | None:
    if len(digits) > _SAFE_DIGITS:
        return _double(digits)
    number = int(digits)
    return number if number in _INTEGERS else float(number)


def _same_digits(digits: str) -> msgspec.Raw | None:
    return msgspec.Raw(digits) if _double(digits) is not None else None


# Once for all: json.loads makes a decoder for each call that has hooks, which takes longer than an event.
_tolerant = json.JSONDecoder(
    strict=False, parse_constant=_null, parse_int=_integer, parse_float=_double
).decode
_digits_kept = json.JSONDecoder(
    strict=False, parse_constant=_null, parse_int=_same_digits, parse_float=_same_digits
).decode


def _whole_characters(value: object) -> object:
    """Return the value with U+FFFD for each half of a character."""
    if isinstance(value, str):
        return (
            value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole_characters(one) for one in value]
    return value
