"""Why a trigger matches an event, or does not: each of its conditions with its answer."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forwarder.javascript.paths import walk
from forwarder.javascript.values import UNDEFINED
from forwarder.triggers.conditions import Condition, Group, Node
from forwarder.triggers.parser import parse
from forwarder.triggers.predicates import Unanswerable, predicate

_WORDS = {
    "number_equals": "=",
    "number_not_equals": "!=",
    "exists": "!= null",
    "not_exists": "= null",
    "is_true": "= true",
    "is_false": "= false",
}
_FUNCTIONS = {"contains": "contains({}, {})", "starts_with": "match({}, {})", "ends_with": "match({}, {})"}
_LONGEST = 80
"""Characters shown of a value."""


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """The result of a condition or group: ``holds`` or not, its text, the ``actual`` value, and its depth."""

    holds: bool
    text: str
    actual: str
    depth: int


def trace_trigger(text: str, event: Mapping[str, Any]) -> list[ConditionResult]:
    """Return the answer of every condition, groups before what they hold. Raises TriggerError."""
    group = parse(text)
    if len(group.children) == 1:
        return list(_trace(group.children[0], event, 0))
    return list(_trace(group, event, 0))


def _trace(node: Node, event: Mapping[str, Any], depth: int) -> Iterator[ConditionResult]:
    try:
        holds = predicate(node)(event)
    except Unanswerable:
        holds = False
    if isinstance(node, Group):
        yield ConditionResult(holds, "all of" if node.operator == "and" else "any of", "", depth)
        for child in node.children:
            yield from _trace(child, event, depth + 1)
        return
    value = event.get(node.field, UNDEFINED)
    if node.path:
        value = walk(value, node.path)
    yield ConditionResult(holds, _written(node), "missing" if value is UNDEFINED else _short(value), depth)


def _written(condition: Condition) -> str:
    field = ".".join((condition.field, *(condition.path or ())))
    name = condition.operator.removeprefix("not_")
    if name in _FUNCTIONS:
        value = str(condition.value)
        value = {"starts_with": f"{value}*", "ends_with": f"*{value}"}.get(name, value)
        call = _FUNCTIONS[name].format(field, _short(value))
        return call if name == condition.operator else f"!{call}"
    if condition.operator in _WORDS and condition.value is None:
        return f"{field} {_WORDS[condition.operator]}"
    return f"{field} {_WORDS.get(condition.operator, condition.operator)} {_short(condition.value)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, (dict, list)) else _kind(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _kind(value: object) -> str:
    return "an object" if isinstance(value, dict) else "a list"
