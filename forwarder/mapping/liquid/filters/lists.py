"""Filters on lists, and those that take any value."""

from collections.abc import Callable
from typing import TypeGuard

from forwarder.js import (
    UNDEFINED,
    is_number,
    join_units,
    string_length,
    string_units,
    to_string,
    truthy,
    whole,
)
from forwarder.mapping import json_text
from forwarder.mapping.bounds import bounded
from forwarder.mapping.liquid.context import Context
from forwarder.mapping.liquid.cursor import Cursor
from forwarder.mapping.liquid.expressions import scope_path
from forwarder.mapping.liquid.operators import equal
from forwarder.mapping.liquid.values import (
    Special,
    as_list,
    is_nil,
    is_true,
    numeric,
    plain,
    read,
    read_path,
    stringify,
)

LONGEST_SLICE = 100_000_000
MAX_INDENT = 10


def _join(value: object, separator: object = UNDEFINED) -> str:
    separator = plain(separator)
    between = " " if is_nil(separator) else stringify(separator)
    items = as_list(value)
    bounded(len(items) * len(between))
    return between.join("" if is_nil(one) else to_string(one) for one in items)


def _end(value: object, index: int) -> object:
    """Return the first or last element of a list or text, "" of anything else."""
    value = plain(value)
    if isinstance(value, str):
        return string_units(value)[index] if value else ""
    return read(value, index) if isinstance(value, list) else ""


def _size(value: object) -> object:
    if isinstance(value, str):
        return string_length(value)
    if isinstance(value, list):
        return len(value)
    return value.get("length") or 0 if isinstance(value, dict) else 0


def _sum(value: object, key: object = UNDEFINED) -> float:
    total: float = 0
    for item in as_list(value):
        data = numeric(read_path(item, stringify(key)) if truthy(key) else item)
        total += data if data == data else 0
    return whole(float(total))


def _slice(value: object, begin: object = UNDEFINED, length: object = 1) -> object:
    """Return elements or UTF-16 units; a text for a number is joined to the other, not added."""
    value = plain(value)
    if is_nil(value):
        return []
    items = value if isinstance(value, list) else string_units(stringify(value))
    if numeric(begin) < 0:
        begin = _plus(len(items), begin)
    if numeric(begin) < 0 or numeric(length) < 0:
        return [] if isinstance(value, list) else ""
    if numeric(length) > LONGEST_SLICE:
        raise ValueError(f"the length is more than {LONGEST_SLICE}")
    taken = items[_whole(begin) : _whole(_plus(begin, length))]
    return taken if isinstance(value, list) else join_units("".join(taken))


def _plus(left: object, right: object) -> object:
    """Return JavaScript's ``left + right``."""
    left, right = plain(left), plain(right)
    if isinstance(left, (str, list, dict)) or isinstance(right, (str, list, dict)):
        return to_string(left) + to_string(right)
    return numeric(left) + numeric(right)


def _whole(value: object) -> int:
    result = numeric(value)
    if result != result:
        return 0
    return int(max(-(2**31), min(2**31, result)))


def _where(value: object, key: object = UNDEFINED, wanted: object = UNDEFINED) -> list[object]:
    """Return the elements whose property, which may be a path, is the wanted one, or true."""
    text = stringify(key)
    path = scope_path(Cursor(text, 0, len(text)))
    found = [(item, path(Context(item))) for item in as_list(value)]
    return [item for item, got in found if (is_true(got) if wanted is UNDEFINED else equal(got, wanted))]


def _default(value: object, other: object = UNDEFINED, *options: object) -> object:
    """Return the value or the other one; with ``allow_false: true`` false counts as a value."""
    value = plain(value)
    if isinstance(value, (list, str)):
        return value or other
    if value is False and any(truthy(one[1]) for one in options if _names(one, "allow_false")):
        return False
    return value if is_true(value) else other


def _names(option: object, name: str) -> TypeGuard[list[object]]:
    """Return whether an argument is the named one: to filters it comes as a list of name and value."""
    return isinstance(option, list) and len(option) == 2 and option[0] == name


def _json(value: object, space: object = 0) -> object:
    if value is UNDEFINED:
        return UNDEFINED
    if isinstance(value, Special):
        return "{}"
    indent = None
    if isinstance(space, str) and space:
        indent = space[:MAX_INDENT]
    elif is_number(space) and numeric(space) > 0:
        indent = " " * min(MAX_INDENT, _whole(space))
    return json_text.stringify(value, indent)


FILTERS: dict[str, Callable[..., object]] = {
    "join": _join,
    "first": lambda value: _end(value, 0),
    "last": lambda value: _end(value, -1),
    "size": _size,
    "sum": _sum,
    "compact": lambda value: [one for one in as_list(value) if not is_nil(plain(one))],
    "push": lambda value, one=UNDEFINED: [*as_list(value), one],
    "unshift": lambda value, one=UNDEFINED: [one, *as_list(value)],
    "pop": lambda value: as_list(value)[:-1],
    "shift": lambda value: as_list(value)[1:],
    "slice": _slice,
    "where": _where,
    "default": _default,
    "json": _json,
    "jsonify": _json,
    "inspect": _json,
    "raw": lambda value: value,
}
