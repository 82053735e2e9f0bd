"""Conditions of ``if`` and ``unless``, compared as JavaScript compares."""

from collections.abc import Callable
from typing import Any

from liquid.builtin.expressions import BooleanExpression
from liquid.builtin.expressions import logical as parsed
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.context import RenderContext
from liquid.expression import Expression

from forwarder.mapping.liquid.values import (
    contains,
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


def _equal(left: object, right: object) -> bool:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Blank):
            return is_blank(other)
        if isinstance(one, Empty):
            return is_empty(other)
        if one is None:  # ``nil`` as written; the reference also lets it equal what is absent
            return is_nil(other)
    return equals(left, right)


def _ordered(compare: Compare) -> Compare:
    """Return the comparison that is false for ``blank``, ``empty`` and ``nil``."""

    def both(left: object, right: object) -> bool:
        special = any(one is None or isinstance(one, (Blank, Empty)) for one in (left, right))
        return not special and compare(left, right)

    return both


COMPARISONS: dict[type[Expression], Compare] = {
    parsed.EqExpression: _equal,
    parsed.NeExpression: lambda left, right: not _equal(left, right),
    parsed.LtExpression: _ordered(less),
    parsed.GtExpression: _ordered(lambda left, right: less(right, left)),
    parsed.LeExpression: _ordered(less_or_equal),
    parsed.GeExpression: _ordered(lambda left, right: less_or_equal(right, left)),
    parsed.ContainsExpression: contains,
    parsed.LogicalAndExpression: lambda left, right: is_true(left) and is_true(right),
    parsed.LogicalOrExpression: lambda left, right: is_true(left) or is_true(right),
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
        return self.compare(plain(self.left.evaluate(context)), plain(self.right.evaluate(context)))

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
        return not is_true(plain(self.right.evaluate(context)))

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
