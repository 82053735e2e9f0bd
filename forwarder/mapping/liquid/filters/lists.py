"""Filters on lists, and those that take any value."""

from collections.abc import Callable

from forwarder.js import UNDEFINED, join_units, string_length, string_units, to_number, to_string, truthy
from forwarder.mapping import json_text
from forwarder.mapping.liquid.values import (
    as_list,
    bounded,
    equals,
    is_nil,
    is_true,
    read,
    read_path,
    stringify,
)

MAX_INDENT = 10


def _join(value: object, separator: object = UNDEFINED) -> str:
    between = " " if is_nil(separator) else stringify(separator)
    items = as_list(value)
    bounded(len(items) * len(between))
    return between.join("" if is_nil(one) else to_string(one) for one in items)


def _end(value: object, index: int) -> object:
    """Return the first or last element of a list or text, "" of anything else."""
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
        data = to_number(read_path(item, stringify(key)) if truthy(key) else item)
        total += data if data == data else 0
    return total


def _slice(value: object, begin: object = UNDEFINED, length: object = 1) -> object:
    if is_nil(value):
        return []
    items = value if isinstance(value, list) else string_units(stringify(value))
    start, count = _whole(begin), _whole(length)
    start = len(items) + start if start < 0 else start
    taken = [] if start < 0 or count < 0 else items[start : start + count]
    return taken if isinstance(value, list) else join_units("".join(taken))


def _whole(value: object) -> int:
    result = to_number(value)
    if result != result:
        return 0
    return int(max(-(2**31), min(2**31, result)))


def _where(value: object, key: object = UNDEFINED, wanted: object = UNDEFINED) -> list[object]:
    found = [(item, read_path(item, stringify(key))) for item in as_list(value)]
    return [item for item, got in found if (is_true(got) if wanted is UNDEFINED else equals(got, wanted))]


def _default(value: object, other: object = UNDEFINED, *, allow_false: object = False) -> object:
    if isinstance(value, (list, str)):
        return value or other
    if value is False and allow_false:
        return False
    return value if is_true(value) else other


def _json(value: object, space: object = 0) -> object:
    if value is UNDEFINED:
        return UNDEFINED
    indent = space[:MAX_INDENT] if isinstance(space, str) else " " * max(0, min(MAX_INDENT, _whole(space)))
    return json_text.stringify(value, indent)


FILTERS: dict[str, Callable[..., object]] = {
    "join": _join,
    "first": lambda value: _end(value, 0),
    "last": lambda value: _end(value, -1),
    "size": _size,
    "sum": _sum,
    "compact": lambda value: [one for one in as_list(value) if not is_nil(one)],
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
