"""What the generated functions call: one function for each step that is more than an expression.

``where`` is the (field, directive) an error names.
"""

from collections.abc import Callable, Sequence
from typing import NoReturn, TypeAlias

from forwarder.errors import MappingError
from forwarder.javascript import json
from forwarder.javascript.values import UNDEFINED, string_length, string_units, to_string, truthy
from forwarder.mapping.bounds import bounded
from forwarder.mapping.paths import look_up, without_root
from forwarder.mapping.runtime import replacing
from forwarder.mapping.runtime.cleaning import clean_fields
from forwarder.mapping.runtime.templates import render
from forwarder.mapping.shapes import kind_of
from forwarder.mapping.validation import MAX_REPLACE_LENGTH

Where: TypeAlias = tuple[str, str]
Compiled: TypeAlias = Callable[[object], object]


def fail(where: Where, message: str) -> NoReturn:
    """Raise the MappingError of a mistake that Segment's reference finds only when it evaluates."""
    raise MappingError(message, *where)


def need_string(where: Where, value: object) -> str:
    """Return the value if it is a string."""
    if not isinstance(value, str):
        fail(where, f"expected a string, got {kind_of(value)}")
    return value


def dynamic_path(where: Where, path: object, payload: object) -> object:
    """``@path`` whose path another directive gives."""
    return look_up(payload, without_root(need_string(where, path)))


def dynamic_template(where: Where, template: object, payload: object) -> str:
    """``@template`` whose text is known only at evaluation."""
    try:
        return render(need_string(where, template), payload)
    except ValueError as error:
        fail(where, str(error))


def is_filled(value: object) -> bool:
    """Return the condition of ``@if`` with ``blank``: true unless missing, null or loosely equal to ""."""
    if isinstance(value, list):
        return to_string(value) != ""
    return isinstance(value, dict) or truthy(value)


def change_case(where: Where, value: object, operator: object) -> object:
    """``@case``: strings in lower or upper case, anything else unchanged."""
    if not isinstance(value, str):
        return value
    if operator == "lower":
        return value.lower()
    if operator == "upper":
        return value.upper()
    fail(where, "'operator' should be lower or upper")


def replace(
    where: Where, value: object, steps: Sequence[tuple[str, str]], ignore_case: bool, everywhere: bool
) -> str:
    """``@replace``: each (pattern, replacement) in turn; "" for what is no string, number or boolean."""
    if value is None or value is UNDEFINED or isinstance(value, (list, dict)) or not steps:
        return ""
    text = to_string(value)
    for pattern, replacement in steps:
        if max(string_length(pattern), string_length(replacement)) > MAX_REPLACE_LENGTH:
            fail(where, f"patterns and replacements should have at most {MAX_REPLACE_LENGTH} characters")
        try:
            text = replacing.replace(
                text, pattern, replacement, ignore_case=ignore_case, everywhere=everywhere
            )
        except ValueError as error:
            fail(where, str(error))
    return text


def each(root: object, shape: Compiled) -> object:
    """``@arrayPath`` with a shape: the shape of each element or of the one object; others as they are."""
    if isinstance(root, list):
        return [shape(item) for item in root]
    return [shape(root)] if isinstance(root, dict) else root


def flatten(where: Where, value: object, separator: object, keep_arrays: bool) -> dict[str, object]:
    """``@flatten``: one level of fields, keys joined by the separator; a scalar comes under the key ""."""
    if not isinstance(separator, str):
        fail(where, "'separator' should be a string")
    fields: dict[str, object] = {}
    try:
        _flatten_into(fields, value, "", separator, keep_arrays, 0)
    except ValueError as error:
        fail(where, str(error))
    return fields


def _flatten_into(
    fields: dict[str, object], value: object, prefix: str, separator: str, keep_arrays: bool, size: int
) -> int:
    """Flatten one value below ``prefix``; return the characters of all names so far, given ``size`` before.

    Raises ValueError where these are too many: each name repeats all names above it.
    """
    if isinstance(value, dict):
        entries = [(key, value[key]) for key in json.ordered_keys(value)]
    elif isinstance(value, list) and not keep_arrays:
        entries = [(str(index), item) for index, item in enumerate(value)]
    else:
        fields[prefix] = value
        return size
    for key, one in entries:
        name = f"{prefix}{separator}{key}" if prefix else key
        size += len(name)
        bounded(size)
        size = _flatten_into(fields, one, name, separator, keep_arrays, size)
    return size


def encode(value: object) -> object:
    """``@json`` to text; nothing stays nothing."""
    return UNDEFINED if value is UNDEFINED else json.stringify(value)


def decode(value: object) -> object:
    """``@json`` from text; what is no JSON text stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.parse(value)
    except ValueError:
        return value


def merge(direction: object, objects: list[object]) -> dict[str, object]:
    """``@merge``: fields of all objects, later ones first with ``right``, earlier ones with ``left``."""
    merged: dict[str, object] = {}
    for one in reversed(objects) if direction == "left" else objects:
        if isinstance(one, dict):
            merged.update(one)
        elif isinstance(one, (list, str)):
            items = string_units(one) if isinstance(one, str) else one
            merged.update((str(index), item) for index, item in enumerate(items))
    return merged


def transform(where: Where, apply: Compiled, payload: object, mapping: Compiled) -> object:
    """``@transform``: the mapping, given what ``apply`` makes of the payload."""
    if payload is UNDEFINED:
        payload = {}
    if not isinstance(payload, dict):
        fail(where, f"the payload must be an object, got {kind_of(payload)}")
    return mapping(clean_fields(apply(payload)))
