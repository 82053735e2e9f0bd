"""Values in Liquid as LiquidJS treats them: their text, truth, order and properties."""

import math
from enum import Enum

from forwarder.js import UNDEFINED, WHITESPACE, is_number, string_length, string_units, to_number, to_string

MAX_RANGE = 100_000
"""Most numbers in a range: its ends can come from an event."""


class Special(Enum):
    """Words that stand for more than one value in comparisons."""

    NIL = "nil"
    EMPTY = "empty"
    BLANK = "blank"


def plain(value: object) -> object:
    """Return what a word is outside of comparisons: nothing, or an empty text; other values unchanged."""
    if isinstance(value, Special):
        return None if value is Special.NIL else ""
    return value


def is_nil(value: object) -> bool:
    """Return whether the value is null or undefined."""
    return value is None or value is UNDEFINED


def is_true(value: object) -> bool:
    """Return Liquid's truth: everything but false, null and undefined."""
    return not (value is False or is_nil(value))


def stringify(value: object) -> str:
    """Return the text of a value: null and undefined as "", lists without separators."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(stringify, value))
    value = plain(value)
    return "" if is_nil(value) else to_string(value)


def numeric(value: object) -> float:
    """Return the value as a number, NaN for what is none."""
    value = plain(value)
    return math.nan if value is UNDEFINED else to_number(value)


def number(value: object) -> float:
    """Return the value as a number, 0 for what is none."""
    result = numeric(value)
    return 0 if math.isnan(result) else result


def as_list(value: object) -> list[object]:
    """Return the value as a list: nothing as an empty one, a single value as its one element."""
    value = plain(value)
    if is_nil(value):
        return []
    return value if isinstance(value, list) else [value]


def equals(left: object, right: object) -> bool:
    """Return strict equality; lists are compared element by element, objects are only equal to themselves."""
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(equals(one, other) for one, other in zip(left, right, strict=True))
        )
    if is_number(left):
        return is_number(right) and left == right
    if isinstance(left, (str, bool)):
        return type(left) is type(right) and left == right
    return left is right


def is_empty(value: object) -> bool:
    """Return whether the value equals ``empty``."""
    return isinstance(value, (str, list, dict)) and not value


def is_blank(value: object) -> bool:
    """Return whether the value equals ``blank``: empty, false, nothing, or white space only."""
    if isinstance(value, str):
        return not value.strip(WHITESPACE)
    return value is False or is_nil(value) or is_empty(value)


def less(left: object, right: object) -> bool:
    """Return JavaScript's ``left < right``: two texts by letters, anything else as numbers."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return left.encode("utf-16-be", "surrogatepass") < right.encode("utf-16-be", "surrogatepass")
    return numeric(left) < numeric(right)


def less_or_equal(left: object, right: object) -> bool:
    """Return JavaScript's ``left <= right``."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return not less(right, left)
    return numeric(left) <= numeric(right)


def _primitive(value: object) -> object:
    return to_string(value) if isinstance(value, (list, dict)) else value


def number_of_steps(first: float, last: float) -> int:
    """Return how many numbers a range has. Raises ValueError for more than MAX_RANGE."""
    if not last + 1 > first:
        return 0
    if not last - first < MAX_RANGE:
        raise ValueError(f"the range has more than {MAX_RANGE} numbers")
    return math.ceil(last + 1 - first)


def own(value: object, name: str) -> object:
    """Return a property that JavaScript's value has itself: a key, an element, a length."""
    if isinstance(value, dict):
        return value.get(name, UNDEFINED)
    if isinstance(value, (list, str)):
        if name == "length":
            return len(value) if isinstance(value, list) else string_length(value)
        if name.isascii() and name.isdigit() and len(name) < 10 and (name == "0" or name[0] != "0"):
            return _at(string_units(value) if isinstance(value, str) else value, int(name))
    return UNDEFINED


def read(value: object, key: object) -> object:
    """Return a property: an own one, an element (from the end if negative), or size, first, last."""
    if is_nil(value):
        return value
    if isinstance(value, list) and is_number(key):
        return _at(value, key)
    name = to_string(key)
    found = own(value, name)
    if found is UNDEFINED and isinstance(value, (list, str, dict)):
        if name == "size":
            return string_length(value) if isinstance(value, str) else len(value)
        if name in ("first", "last") and isinstance(value, list):
            return _at(value, 0 if name == "first" else -1)
    return found


def _at(items: list[object] | list[str], index: object) -> object:
    if not isinstance(index, (int, float)) or index != index // 1:
        return UNDEFINED
    at = int(index) + len(items) if index < 0 else int(index)
    return items[at] if 0 <= at < len(items) else UNDEFINED


def read_path(value: object, path: str) -> object:
    """Return what a dotted path leads to."""
    for key in path.split("."):
        value = read(value, key)
    return value
