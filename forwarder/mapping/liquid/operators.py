"""Operators of expressions, compared as JavaScript compares."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from forwarder.js import UNDEFINED, to_string
from forwarder.mapping.liquid.context import Context, Value
from forwarder.mapping.liquid.cursor import keyword
from forwarder.mapping.liquid.values import (
    Special,
    equals,
    is_blank,
    is_empty,
    is_nil,
    is_true,
    less,
    less_or_equal,
    plain,
)

Compare = Callable[[object, object], bool]


def equal(left: object, right: object) -> bool:
    """Return whether the values are equal; the words ``empty``, ``blank`` and ``nil`` stand for many."""
    for one, other in ((left, right), (right, left)):
        if one is Special.NIL:
            return is_nil(plain(other))
        if one is Special.BLANK:
            return other is Special.NIL or is_blank(other)
        if one is Special.EMPTY:
            return is_empty(other)
    return equals(left, right)


def _contains(left: object, right: object) -> bool:
    """Return whether a list has an element, or a text holds another; any text holds ``empty``."""
    left = plain(left)
    if isinstance(left, list):
        return any(equal(one, right) for one in left)
    return isinstance(left, str) and to_string(plain(right)) in left


def _ordered(compare: Compare) -> Compare:
    """Return the comparison that is false for ``blank``, ``empty`` and ``nil``."""

    def both(left: object, right: object) -> bool:
        return not (isinstance(left, Special) or isinstance(right, Special)) and compare(left, right)

    return both


def _true(value: object) -> bool:
    return is_true(plain(value))


_BINARY: Final[dict[str, Compare]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered(less),
    ">": _ordered(lambda left, right: less(right, left)),
    "<=": _ordered(less_or_equal),
    ">=": _ordered(lambda left, right: less_or_equal(right, left)),
    "contains": _contains,
    "and": lambda left, right: _true(left) and _true(right),
    "or": lambda left, right: _true(left) or _true(right),
}
_STRENGTH: Final = {**dict.fromkeys(_BINARY, 2), "not": 1, "and": 0, "or": 0}
WORDS: Final = re.compile(f"[=!><]=|[<>]|{keyword('contains', 'not', 'and', 'or').pattern}")
"""What can stand between operands."""


def combined(parts: Sequence[Value | str]) -> Value:
    """Return the value of operands and operators (texts) in the order they are written.

    Operators of the same strength are taken from the right. An operator without its operand takes nothing
    for it; of operands without an operator the first counts.
    """
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]
    steps = _operands_first(parts)

    def value(context: Context) -> object:
        operands: list[object] = []

        def last() -> object:
            return operands.pop() if operands else UNDEFINED

        for step in steps:
            if not isinstance(step, str):
                operands.append(step(context))
            elif step == "not":
                operands.append(not _true(last()))
            else:
                right = last()
                operands.append(_BINARY[step](last(), right))
        return operands[0]

    return value


def _operands_first(parts: Sequence[Value | str]) -> list[Value | str]:
    """Return the parts with each operator behind its operands."""
    ordered: list[Value | str] = []
    waiting: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            ordered.append(part)
            continue
        while waiting and _STRENGTH[waiting[-1]] > _STRENGTH[part]:
            ordered.append(waiting.pop())
        waiting.append(part)
    return ordered + waiting[::-1]
