"""Mistakes in a mapping that show without an event.

Finds what Segment's reference finds before it evaluates: directives in objects and in directives' options.
It does not look into lists; mistakes there show only when the list is evaluated.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from forwarder.errors import MappingError
from forwarder.javascript.values import UNDEFINED, string_length
from forwarder.mapping.shapes import METADATA, has_directive_key, kind_of

MAX_REPLACE_LENGTH = 10
"""Longest pattern and replacement of ``@replace``, in UTF-16 units."""

Problems: TypeAlias = Iterator[MappingError]
Check: TypeAlias = Callable[[object, str, str], Problems]


def validate(mapping: object) -> None:
    """Raise MappingError if the mapping has mistakes; its text names all of them."""
    problems = list(any_node(mapping, ""))
    if len(problems) > 1:
        raise MappingError("; ".join(map(str, problems)))
    if problems:
        raise problems[0]


def any_node(node: object, place: str) -> Problems:
    """Yield the mistakes of a node that may be anything."""
    if has_directive_key(node):
        yield from _directive(node, place)
    elif isinstance(node, dict):
        yield from _plain_object(node, place)


def _directive(node: object, place: str) -> Problems:
    assert isinstance(node, dict)
    names = [key for key in node if key.startswith("@")]
    others = [key for key in node if not key.startswith("@") and key != METADATA]
    if len(names) > 1:
        yield MappingError(f"has {len(names)} directives ({', '.join(names)}); keep one", place)
    elif others:
        yield MappingError(f"has other keys beside it ({', '.join(others)}); remove them", place, names[0])
    elif names[0] not in CHECKS:
        known = ", ".join(sorted(CHECKS))
        yield MappingError(f"is no directive; use one of {known}", place, names[0])
    else:
        yield from CHECKS[names[0]](node[names[0]], place, names[0])


def _plain_object(node: object, place: str) -> Problems:
    assert isinstance(node, dict)
    for key, child in node.items():
        yield from any_node(child, f"{place}.{key}" if place else key)


def _string_or_directive(node: object, place: str, name: str) -> Problems:
    if has_directive_key(node):
        yield from _directive(node, place)
    elif not isinstance(node, str):
        yield MappingError(f"should be a string or a directive but is {kind_of(node)}", place, name)


def _value_or_directive(node: object, place: str, name: str) -> Problems:
    if has_directive_key(node):
        yield from _directive(node, place)


def _object_or_directive(node: object, place: str, name: str) -> Problems:
    if isinstance(node, dict):
        yield from any_node(node, place)
    else:
        yield MappingError(f"should be an object or a directive but is {kind_of(node)}", place, name)


def _string(node: object, place: str, name: str) -> Problems:
    if not isinstance(node, str):
        yield MappingError(f"should be a string but is {kind_of(node)}", place, name)


def _boolean(node: object, place: str, name: str) -> Problems:
    if not isinstance(node, bool):
        yield MappingError(f"should be true or false but is {kind_of(node)}", place, name)


def _list(node: object, place: str, name: str) -> Problems:
    if not isinstance(node, list):
        yield MappingError(f"should be an array but is {kind_of(node)}", place, name)


def _sized(least: int) -> Check:
    def check(node: object, place: str, name: str) -> Problems:
        yield from _string(node, place, name)
        if isinstance(node, str) and not least <= string_length(node) <= MAX_REPLACE_LENGTH:
            yield MappingError(f"should have {least} to {MAX_REPLACE_LENGTH} characters", place, name)

    return check


def _one_of(*allowed: str) -> Check:
    """Return the check for some texts in any case (evaluation then takes only lower case)."""

    def check(node: object, place: str, name: str) -> Problems:
        yield from _string(node, place, name)
        if isinstance(node, str) and node.lower() not in allowed:
            yield MappingError(f"should be {' or '.join(allowed)} but is {node!r}", place, name)

    return check


def _options(required: dict[str, Check], optional: dict[str, Check]) -> Check:
    """Return the check for an object of options; options not named here may be any valid node."""

    def check(node: object, place: str, name: str) -> Problems:
        if not isinstance(node, dict) or has_directive_key(node):
            yield MappingError(f"should have an object of options but has {kind_of(node)}", place, name)
            return
        yield from _plain_object(node, f"{place}.{name}" if place else name)
        for key, field_check in {**required, **optional}.items():
            value = node.get(key, UNDEFINED)
            if value is not UNDEFINED:
                yield from field_check(value, f"{place}.{key}" if place else key, name)
            elif key in required:
                yield MappingError(f"needs {key!r}; add it", place, name)

    return check


def _array_path(node: object, place: str, name: str) -> Problems:
    if not isinstance(node, list):
        yield from _list(node, place, name)
        return
    yield from _string_or_directive(node[0] if node else UNDEFINED, place, name)
    yield from any_node(node[1] if len(node) > 1 else None, place)


def _merge(node: object, place: str, name: str) -> Problems:
    yield from _options({"objects": _list}, {"direction": _one_of("left", "right")})(node, place, name)
    objects = node.get("objects") if isinstance(node, dict) else None
    for one in objects if isinstance(objects, list) else ():
        yield from _object_or_directive(one, place, name)


CHECKS: dict[str, Check] = {
    "@if": _options({}, dict.fromkeys(("exists", "then", "else"), _value_or_directive)),
    "@case": _options({}, {"operator": _string, "value": _string_or_directive}),
    "@replace": _options(
        {"pattern": _sized(1), "value": _string_or_directive},
        {"replacement": _sized(0), "ignorecase": _boolean, "global": _boolean},
    ),
    "@arrayPath": _array_path,
    "@path": _string_or_directive,
    "@template": _string_or_directive,
    "@literal": _value_or_directive,
    "@excludeWhenNull": _value_or_directive,
    "@json": _options({"value": _value_or_directive, "mode": _one_of("encode", "decode")}, {}),
    "@flatten": _options({"value": _value_or_directive}, {"separator": _string}),
    "@merge": _merge,
    "@transform": _options({"apply": _object_or_directive, "mapping": _object_or_directive}, {}),
    "@liquid": _string,
}
"""Every directive with the check of its argument."""
