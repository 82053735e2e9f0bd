"""Expressions and filters: text to functions of a context."""

from collections.abc import Callable, Mapping
from typing import Final

from forwarder.js import UNDEFINED, to_number
from forwarder.mapping.liquid.context import Context, Value
from forwarder.mapping.liquid.cursor import Cursor, keyword
from forwarder.mapping.liquid.operators import WORDS, combined
from forwarder.mapping.liquid.values import Special, number_of_steps, plain, read

Filters = Mapping[str, Callable[..., object]]

_LITERALS: Final = {
    "true": True,
    "false": False,
    "nil": Special.NIL,
    "null": Special.NIL,
    "empty": Special.EMPTY,
    "blank": Special.BLANK,
}
_LITERAL: Final = keyword(*_LITERALS)


def filtered(cursor: Cursor, filters: Filters) -> Value:
    """Read an expression and its filters, to the end. Raises Unreadable."""
    value = _expression(cursor)
    while not cursor.is_done():
        if not cursor.accept("|"):
            cursor.fail(f"unexpected {cursor.peek()!r}; a filter begins with |")
        name = cursor.word()
        if name:
            value = _applied(filters.get(name), value, _arguments(cursor))
        elif cursor.at < cursor.end:
            cursor.fail("a filter needs a name")
    return value


def operand(cursor: Cursor) -> Value | None:
    """Read a literal, quoted text, range, number or name with what follows it; None if none comes."""
    cursor.skip_blanks()
    root = _root(cursor)
    keys = _properties(cursor, named=root is not None)
    if not keys:
        return root
    return _path(root, keys)


def scope_path(cursor: Cursor) -> Value:
    """Read a name with what follows it, as a path; undefined if none comes."""
    cursor.skip_blanks()
    keys = _properties(cursor, named=False)
    return _path(None, keys) if keys else _constant(UNDEFINED)


def _expression(cursor: Cursor) -> Value:
    parts: list[Value | str] = []
    while not cursor.is_done():
        part = cursor.take(WORDS) or operand(cursor)
        if part is None:
            break
        parts.append(part)
    if not parts:
        cursor.fail("a value is missing")
    return combined(parts)


def _constant(value: object) -> Value:
    return lambda context: value


def _root(cursor: Cursor) -> Value | None:
    word = cursor.take(_LITERAL)
    if word:
        return _constant(_LITERALS[word])
    text = cursor.quoted()
    if text is not None:
        return _constant(text)
    if cursor.peek() == "(":
        return _range(cursor)
    number = cursor.number()
    return None if number is None else _constant(number)


def _range(cursor: Cursor) -> Value:
    """Read ``(1..5)``."""
    cursor.accept("(")
    low = operand(cursor)
    if low is None or not cursor.accept(".."):
        cursor.fail("a range is written as (1..5)")
    high = operand(cursor)
    if high is None or not cursor.accept(")"):
        cursor.fail("a range is written as (1..5)")

    def numbers(context: Context) -> list[float]:
        first, last = to_number(plain(low(context))), to_number(plain(high(context)))
        return [first + step for step in range(number_of_steps(first, last))]

    return numbers


def _properties(cursor: Cursor, *, named: bool) -> list[Value]:
    """Read ``.name`` and ``[key]``, as many as come; unless ``named``, a name comes first."""
    keys: list[Value] = []
    while True:
        if cursor.peek() == "[":
            cursor.at += 1
            keys.append(operand(cursor) or _constant(""))
            # Whatever else stands before the bracket is skipped.
            if not cursor.skip_to("]"):
                cursor.fail("[ is not closed")
            continue
        if not named and not keys and (word := cursor.word()):
            keys.append(_constant(word))
            continue
        if cursor.peek() != "." or cursor.peek(1) == ".":
            return keys
        cursor.at += 1
        word = cursor.word()
        if not word:
            return keys
        keys.append(_constant(word))


def _path(root: Value | None, keys: list[Value]) -> Value:
    def value(context: Context) -> object:
        names = [key(context) for key in keys]
        found = context.look_up(names.pop(0)) if root is None else root(context)
        for name in names:
            found = read(found, plain(name))
        return found

    return value


def _arguments(cursor: Cursor) -> list[Value]:
    arguments: list[Value] = []
    if cursor.accept(":"):
        while True:
            argument = _argument(cursor)
            if argument is not None:
                arguments.append(argument)
            if not cursor.accept(","):
                break
    if not cursor.is_done() and cursor.peek() != "|":
        cursor.fail(f"unexpected {cursor.peek()!r} after a filter")
    return arguments


def _argument(cursor: Cursor) -> Value | None:
    """Read an argument; one with a name is the list of both to LiquidJS's filters."""
    cursor.skip_blanks()
    start = cursor.at
    argument = operand(cursor)
    name = cursor.text[start : cursor.at]
    if argument is None or not cursor.accept(":"):
        return argument
    value = operand(cursor) or _constant(UNDEFINED)
    return lambda context: [name, value(context)]


def _applied(filter_: Callable[..., object] | None, value: Value, arguments: list[Value]) -> Value:
    if filter_ is None:  # an unknown filter does nothing
        return value
    return lambda context: filter_(value(context), *[argument(context) for argument in arguments])
