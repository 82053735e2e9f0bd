"""The tags of templates as functions of a context."""

import re
from collections.abc import Sequence
from typing import Final

from forwarder.js import UNDEFINED, to_string, truthy
from forwarder.mapping.liquid.builder import Builder, Tag, Tags, written
from forwarder.mapping.liquid.context import Context, Statement, Value, run
from forwarder.mapping.liquid.cursor import Unreadable
from forwarder.mapping.liquid.expressions import filtered, operand
from forwarder.mapping.liquid.pieces import Piece, lines
from forwarder.mapping.liquid.values import is_true, plain

DISABLED: Final = ("case", "for", "include", "layout", "render", "tablerow")
"""Tags the reference switches off."""

_COMMENT_LINE: Final = re.compile(r"\n\s*[^#\s]")


def _nothing(context: Context) -> None:
    pass


def _assign(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    cursor = build.cursor(tag)
    name = cursor.word()
    if not name or not cursor.accept("="):
        cursor.fail("assign takes a name, = and a value")
    value = filtered(cursor, build.filters)

    def assign(context: Context) -> None:
        context.assigned[name] = value(context)

    return assign


def _capture(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    cursor = build.cursor(tag)
    name = cursor.word() or cursor.quoted()
    if name is None:
        cursor.fail("capture takes a name")
    statements, _ = build.block(tag, rest, "endcapture")

    def capture(context: Context) -> None:
        text, context.text = context.text, []
        run(statements, context)
        context.assigned[name], context.text = "".join(context.text), text

    return capture


def _comment(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    _skipped(tag, rest, "endcomment")
    return _nothing


def _raw(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    text = "".join(piece.raw for piece in _skipped(tag, rest, "endraw"))
    return lambda context: context.write(text)


def _skipped(opening: Piece, rest: list[Piece], stop: str) -> list[Piece]:
    """Take the pieces up to a tag, whatever they are."""
    skipped: list[Piece] = []
    while rest:
        piece = rest.pop()
        if piece.kind == "tag" and piece.name == stop:
            return skipped
        skipped.append(piece)
    raise Unreadable(f"{opening.raw} is not closed; add {{% {stop} %}}")


def _inline_comment(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    if _COMMENT_LINE.search(build.text, tag.start, tag.stop):
        raise Unreadable("every line of a comment begins with #")
    return _nothing


def _echo(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    return _nothing if tag.start >= tag.stop else written(build.value(tag))


def _if(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    """``if``: tags that end its parts may hold nothing else, and ``else`` comes once, last."""
    branches: list[tuple[Value, list[Statement]]] = []
    otherwise: list[Statement] = []
    stop = tag
    while stop.name in ("if", "elsif"):
        condition = build.value(stop)
        statements, stop = build.block(tag, rest, "elsif", "else", "endif")
        branches.append((condition, statements))
    if stop.name == "else":
        _must_be_bare(build, stop)
        otherwise, stop = build.block(tag, rest, "elsif", "else", "endif")
    if stop.name != "endif":
        raise Unreadable(f"{stop.name} after else; else comes last")
    _must_be_bare(build, stop)
    return _chosen(branches, otherwise)


def _unless(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    """``unless``: what follows the part of the first ``else`` is skipped."""
    branches: list[tuple[Value, list[Statement]]] = []
    otherwise: list[Statement] = []
    condition = build.value(tag)
    statements, stop = build.block(tag, rest, "elsif", "else", "endunless")
    branches.append((lambda context: not is_true(plain(condition(context))), statements))
    while stop.name == "elsif":
        other = build.value(stop)
        statements, stop = build.block(tag, rest, "elsif", "else", "endunless")
        branches.append((other, statements))
    if stop.name == "else":
        otherwise, stop = build.block(tag, rest, "elsif", "else", "endunless")
    while stop.name != "endunless":
        _, stop = build.block(tag, rest, "elsif", "else", "endunless")
    return _chosen(branches, otherwise)


def _must_be_bare(build: Builder, tag: Piece) -> None:
    if tag.start < tag.stop:
        raise Unreadable(f"unexpected {build.text[tag.start : tag.stop]!r} after {tag.name}")


def _chosen(branches: Sequence[tuple[Value, list[Statement]]], otherwise: list[Statement]) -> Statement:
    def choose(context: Context) -> None:
        for condition, statements in branches:
            if is_true(plain(condition(context))):
                run(statements, context)
                return
        run(otherwise, context)

    return choose


def _counter(step: int, *, shows_new: bool) -> Tag:
    def tag_(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
        name = build.cursor(tag).word()

        def count(context: Context) -> None:
            context.write(context.count(name, step)[shows_new])

        return count

    return tag_


def _cycle(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    """``cycle``: one value after the other; cycles of one group and length go on where the other was."""
    cursor = build.cursor(tag)
    group: Value | None = None
    values: list[Value] = []
    first = operand(cursor)
    if first is not None:
        if cursor.accept(":"):
            group = first
        else:
            values.append(first)
    while cursor.at < cursor.end:
        value = operand(cursor)
        if value is not None:
            values.append(value)
        cursor.skip_to(",")
    if not values:
        cursor.fail("cycle takes values")

    def cycle(context: Context) -> None:
        name = to_string(UNDEFINED if group is None else group(context))
        at = context.cycles.get((name, len(values)), 0)
        context.cycles[name, len(values)] = (at + 1) % len(values)
        value = values[at](context)
        if truthy(value):
            context.write(value)

    return cycle


def _block(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    """``block``: without layouts, nothing but what it encloses."""
    statements, _ = build.block(tag, rest, "endblock")
    return lambda context: run(statements, context)


def _stop(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    """``break`` and ``continue``: outside of loops they end the template."""

    def stop(context: Context) -> None:
        context.stopped = True

    return stop


def _liquid(build: Builder, tag: Piece, rest: list[Piece]) -> Statement:
    statements = build.statements(lines(build.text, tag.start, tag.stop))
    return lambda context: run(statements, context)


TAGS: Final[Tags] = {
    "assign": _assign,
    "capture": _capture,
    "comment": _comment,
    "raw": _raw,
    "#": _inline_comment,
    "echo": _echo,
    "if": _if,
    "unless": _unless,
    "increment": _counter(1, shows_new=False),
    "decrement": _counter(-1, shows_new=True),
    "cycle": _cycle,
    "block": _block,
    "break": _stop,
    "continue": _stop,
    "liquid": _liquid,
}
