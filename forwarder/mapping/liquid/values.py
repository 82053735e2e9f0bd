"""Values in Liquid as LiquidJS treats them: their text, truth, order and properties."""

import math

from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.undefined import is_undefined

from forwarder.js import UNDEFINED, is_number, string_length, string_units, to_number, to_string

MAX_TEXT = 4_000_000
"""Longest text that rendering may hold, in characters: templates can double a value again and again."""


def bounded(size: float) -> None:
    """Raise ValueError if a text of this many characters is too long."""
    if size > MAX_TEXT:
        raise ValueError(f"the text grows beyond {MAX_TEXT} characters")


def plain(value: object) -> object:
    """Return undefined values as UNDEFINED, ``empty`` and ``blank`` as "", others unchanged."""
    if isinstance(value, (Empty, Blank)):
        return ""
    return UNDEFINED if is_undefined(value) else value


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
        return "".join(stringify(plain(one)) for one in value)
    return "" if is_nil(value) else to_string(value)


def number(value: object) -> float:
    """Return the value as a number, 0 for what is none."""
    result = math.nan if value is UNDEFINED else to_number(value)
    return 0 if math.isnan(result) else result


def as_list(value: object) -> list[object]:
    """Return the value as a list: nothing as an empty one, a single value as its one element."""
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
        return not value.strip()
    return value is False or is_nil(value) or is_empty(value)


def less(left: object, right: object) -> bool:
    """Return JavaScript's ``left < right``: two texts by letters, anything else as numbers."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return left.encode("utf-16-be", "surrogatepass") < right.encode("utf-16-be", "surrogatepass")
    return _numeric(left) < _numeric(right)


def less_or_equal(left: object, right: object) -> bool:
    """Return JavaScript's ``left <= right``."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return not less(right, left)
    return _numeric(left) <= _numeric(right)


def _primitive(value: object) -> object:
    return to_string(value) if isinstance(value, (list, dict)) else value


def _numeric(value: object) -> float:
    return math.nan if value is UNDEFINED else to_number(value)


def read(value: object, key: object) -> object:
    """Return a property: keys, list elements (from the end if negative), and size, first, last."""
    if is_nil(value):
        return value
    if isinstance(value, list) and is_number(key):
        return _at(value, key)
    name = to_string(key)
    if isinstance(value, dict):
        found = value.get(name, UNDEFINED)
        if name == "size" and found is UNDEFINED:
            return len(value)
        return found
    if isinstance(value, (list, str)):
        return _read_sequence(value, name)
    return UNDEFINED


def _read_sequence(value: list[object] | str, name: str) -> object:
    if name in ("size", "length"):
        return len(value) if isinstance(value, list) else string_length(value)
    if name in ("first", "last"):
        return _at(value, 0 if name == "first" else -1) if isinstance(value, list) else UNDEFINED
    if name.isascii() and name.isdigit() and len(name) < 10 and (name == "0" or name[0] != "0"):
        return _at(string_units(value) if isinstance(value, str) else value, int(name))
    return UNDEFINED


def _at(items: list[object] | list[str], index: object) -> object:
    if not isinstance(index, int):
        return UNDEFINED
    index = index + len(items) if index < 0 else index
    return items[index] if 0 <= index < len(items) else UNDEFINED


def read_path(value: object, path: str) -> object:
    """Return what a dotted path leads to."""
    for key in path.split("."):
        value = read(value, key)
    return value
