"""Conditions of ``if`` and ``unless``, compared as JavaScript compares."""

from collections.abc import Callable
from typing import Any

from liquid.builtin.expressions import BooleanExpression
from liquid.builtin.expressions import logical as parsed
from liquid.builtin.expressions.primitive import Blank, Empty, Nil
from liquid.context import RenderContext
from liquid.expression import Expression
from liquid.undefined import is_undefined

from forwarder.js import UNDEFINED, to_string
from forwarder.mapping.liquid.values import (
    equals,
    is_blank,
    is_empty,
    is_nil,
    is_true,
    less,
    less_or_equal,
)

Compare = Callable[[object, object], bool]


def _value(operand: Expression, context: RenderContext) -> object:
    """Return an operand; the words ``empty``, ``blank`` and ``nil`` stay what they are.

    Unlike a null in the payload, the word ``nil`` also equals what is absent.
    """
    if isinstance(operand, Nil):
        return operand
    value = operand.evaluate(context)
    return UNDEFINED if is_undefined(value) else value


def _equal(left: object, right: object) -> bool:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Blank):
            return is_blank(other)
        if isinstance(one, Empty):
            return is_empty(other)
        if isinstance(one, Nil):
            return is_nil(other) or isinstance(other, Nil)
    return equals(left, right)


def _true(value: object) -> bool:
    return is_true(value) and not isinstance(value, Nil)


def _contains(left: object, right: object) -> bool:
    """Return whether a list has an element, or a text holds another; any text holds ``empty``."""
    if isinstance(left, list):
        return any(_equal(one, right) for one in left)
    if not isinstance(left, str) or isinstance(right, (Blank, Empty)):
        return isinstance(left, str)
    if isinstance(right, Nil):
        return "null" in left
    return ("undefined" if right is UNDEFINED else to_string(right)) in left


def _ordered(compare: Compare) -> Compare:
    """Return the comparison that is false for ``blank``, ``empty`` and ``nil``."""

    def both(left: object, right: object) -> bool:
        special = isinstance(left, (Blank, Empty, Nil)) or isinstance(right, (Blank, Empty, Nil))
        return not special and compare(left, right)

    return both


COMPARISONS: dict[type[Expression], Compare] = {
    parsed.EqExpression: _equal,
    parsed.NeExpression: lambda left, right: not _equal(left, right),
    parsed.LtExpression: _ordered(less),
    parsed.GtExpression: _ordered(lambda left, right: less(right, left)),
    parsed.LeExpression: _ordered(less_or_equal),
    parsed.GeExpression: _ordered(lambda left, right: less_or_equal(right, left)),
    parsed.ContainsExpression: _contains,
    parsed.LogicalAndExpression: lambda left, right: _true(left) and _true(right),
    parsed.LogicalOrExpression: lambda left, right: _true(left) or _true(right),
}


class Comparison(Expression):
    """Two values compared by JavaScript's rules."""

    __slots__ = ("compare", "left", "right")

    def __init__(self, compare: Compare, source: Any) -> None:
        super().__init__(token=source.token)
        self.compare = compare
        self.left = javascript(source.left)
        self.right = javascript(source.right)

    def evaluate(self, context: RenderContext) -> object:
        """Return whether the comparison holds."""
        return self.compare(_value(self.left, context), _value(self.right, context))

    def children(self) -> list[Expression]:
        """Return both sides."""
        return [self.left, self.right]


class Negation(Expression):
    """``not``."""

    __slots__ = ("right",)

    def __init__(self, source: Any) -> None:
        super().__init__(token=source.token)
        self.right = javascript(source.right)

    def evaluate(self, context: RenderContext) -> object:
        """Return whether the value is not true."""
        return not _true(_value(self.right, context))

    def children(self) -> list[Expression]:
        """Return the one operand."""
        return [self.right]


def javascript(expression: Expression) -> Expression:
    """Return a parsed condition with JavaScript's comparisons in place of python-liquid's."""
    compare = COMPARISONS.get(type(expression))
    if compare is not None:
        return Comparison(compare, expression)
    if isinstance(expression, parsed.LogicalNotExpression):
        return Negation(expression)
    if isinstance(expression, BooleanExpression):
        return BooleanExpression(expression.token, javascript(expression.expression))
    return expression
