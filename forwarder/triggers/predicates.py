"""Conditions to Python functions of an event."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from forwarder.javascript.paths import walk
from forwarder.javascript.values import UNDEFINED, to_double, to_number, to_string
from forwarder.triggers.conditions import Condition, Group, Node

Predicate: TypeAlias = Callable[[Mapping[str, Any]], bool]
Test: TypeAlias = Callable[[object], bool]


class Unanswerable(Exception):  # noqa: N818 - a state of the trigger, not a failure of the program
    """The reference crashes here; the whole trigger does not match."""


def predicate(node: Node) -> Predicate:
    """Return the function that says whether an event meets the condition or group.

    It raises Unanswerable where the reference crashes, as it reaches an empty group or a path without keys.
    """
    if isinstance(node, Condition):
        return _condition(node)
    if not node.children:
        return _crash
    parts = [predicate(child) for child in node.children]
    if len(parts) == 1:
        return parts[0]
    if node.operator == "or":
        return lambda event: _any(parts, event)
    return lambda event: _all(parts, event)


def types_of(node: Node) -> frozenset[str] | None:
    """Return the values of ``type`` with which an event may meet the condition or group; None: any."""
    if isinstance(node, Condition):
        is_type = node.field == "type" and node.path == () and node.operator == "="
        return frozenset((to_string(node.value),)) if is_type else None
    types = [types_of(child) for child in node.children]
    known = [one for one in types if one is not None]
    if node.operator == "and":
        return frozenset.intersection(*known) if known else None
    return frozenset.union(*known) if known and len(known) == len(types) else None


def of_type(node: Node, kind: str) -> Node | None:
    """Return what an event of this type still has to meet to meet the condition or group; None: nothing."""
    if isinstance(node, Condition):
        return None if types_of(node) == frozenset((kind,)) else node
    left = [of_type(child, kind) for child in node.children]
    if node.operator == "or" or not left:
        return None if None in left else node
    rest = [child for child in left if child is not None]
    return Group("and", rest) if rest else None


def can_crash(node: Node) -> bool:
    """Return whether ``predicate`` of this node can raise Unanswerable."""
    if isinstance(node, Group):
        return not node.children or any(map(can_crash, node.children))
    return node.path is None


def _any(parts: list[Predicate], event: Mapping[str, Any]) -> bool:
    for part in parts:  # noqa: SIM110 - a loop is twice as fast as any() over a generator
        if part(event):
            return True
    return False


def _all(parts: list[Predicate], event: Mapping[str, Any]) -> bool:
    for part in parts:  # noqa: SIM110 - as above
        if not part(event):
            return False
    return True


def _crash(event: Mapping[str, Any]) -> bool:
    raise Unanswerable


def _condition(condition: Condition) -> Predicate:
    field, path = condition.field, condition.path
    test = OPERATORS.get(condition.operator, _never)(condition.value)
    if path is None:
        return _crash
    if not path:
        return lambda event: test(event.get(field, UNDEFINED))
    if path == ("",):
        return lambda event: test(UNDEFINED)
    return lambda event: test(walk(event.get(field, UNDEFINED), path))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _never(value: object) -> Test:
    return lambda actual: False


def _equals(value: object) -> Test:
    text = to_string(value)
    return lambda actual: isinstance(actual, str) and actual == text


def _differs(value: object) -> Test:
    text = to_string(value)
    return lambda actual: not isinstance(actual, str) or actual != text


def _compare(compare: Callable[[float, float], bool]) -> Callable[[object], Test]:
    """Return the operator on real numbers; texts never compare, whatever they hold."""

    def make(value: object) -> Test:
        limit = to_number(value)
        return lambda actual: _is_number(actual) and compare(to_double(actual), limit)  # type: ignore[arg-type]

    return make


def _on_text(compare: Callable[[str, str], bool], *, wanted: bool) -> Callable[[object], Test]:
    """Return the operator on texts; anything else is neither contained nor not contained."""

    def make(value: object) -> Test:
        text = to_string(value)
        return lambda actual: isinstance(actual, str) and compare(actual, text) is wanted

    return make


def _ends_with(actual: str, text: str) -> bool:
    """Compare by UTF-16 units: ``match`` may have dropped half a character."""
    if "\udc00" <= text[:1] <= "\udfff":
        return _utf16(actual).endswith(_utf16(text))
    return actual.endswith(text)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _absent(actual: object) -> bool:
    return actual is None or actual is UNDEFINED


OPERATORS: dict[str, Callable[[object], Test]] = {
    "=": _equals,
    "!=": _differs,
    "number_equals": _compare(lambda actual, value: actual == value),
    "number_not_equals": _compare(lambda actual, value: actual != value),
    "<": _compare(lambda actual, value: actual < value),
    "<=": _compare(lambda actual, value: actual <= value),
    ">": _compare(lambda actual, value: actual > value),
    ">=": _compare(lambda actual, value: actual >= value),
    "contains": _on_text(lambda actual, text: text in actual, wanted=True),
    "not_contains": _on_text(lambda actual, text: text in actual, wanted=False),
    "starts_with": _on_text(str.startswith, wanted=True),
    "not_starts_with": _on_text(str.startswith, wanted=False),
    "ends_with": _on_text(_ends_with, wanted=True),
    "not_ends_with": _on_text(_ends_with, wanted=False),
    "exists": lambda value: lambda actual: not _absent(actual),
    "not_exists": lambda value: _absent,
    "is_true": lambda value: lambda actual: actual is True,
    "is_false": lambda value: lambda actual: actual is False,
}
"""What the words between field and value mean; the reference takes these names in the text as well."""
