"""Walking into a JSON value by keys, as JavaScript's property access does it."""

from collections.abc import Sequence

from forwarder.javascript.values import UNDEFINED, string_length, string_units, truthy


def walk(value: object, keys: Sequence[str]) -> object:
    """Return what lies below ``value`` at ``keys``.

    Stops at the first falsy value and returns it, as Segment's reference does: below null there is
    null, below "" there is "". UNDEFINED where a key is missing.
    """
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, UNDEFINED)
        elif not truthy(value):
            return value
        else:
            value = _member(value, key)
    return value


def _member(value: object, key: str) -> object:
    """Return an element or the length of a list or text; UNDEFINED for anything else."""
    if isinstance(value, list):
        if key == "length":
            return len(value)
        return _element(value, key)
    if isinstance(value, str):
        if key == "length":
            return string_length(value)
        return _element(string_units(value), key)
    return UNDEFINED


def _element(items: Sequence[object], key: str) -> object:
    """Return the element an array index names: plain digits without leading zeros."""
    if not (key.isascii() and key.isdigit()) or (key[0] == "0" and key != "0") or len(key) > 10:
        return UNDEFINED
    index = int(key)
    return items[index] if index < len(items) else UNDEFINED
