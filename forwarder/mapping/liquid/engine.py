"""python-liquid set up as the reference sets up LiquidJS."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TextIO

from liquid import BoundTemplate, Environment
from liquid.ast import Node
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.case_tag import CaseTag
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.for_tag import ForTag
from liquid.builtin.tags.if_tag import IfNode, IfTag
from liquid.builtin.tags.include_tag import IncludeTag
from liquid.builtin.tags.render_tag import RenderTag
from liquid.builtin.tags.tablerow_tag import TablerowTag
from liquid.builtin.tags.unless_tag import UnlessNode, UnlessTag
from liquid.context import RenderContext
from liquid.exceptions import LiquidSyntaxError
from liquid.exceptions import OutputStreamLimitError as RenderedTooLongError
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import Token

from forwarder.js import UNDEFINED
from forwarder.mapping.liquid.conditions import javascript
from forwarder.mapping.liquid.filters import Clock, table
from forwarder.mapping.liquid.values import bounded, plain, read, stringify


class Context(RenderContext):
    """Looks names up in what the template assigned, then in the payload; nothing else is there."""

    written = 0

    def write(self, expression: Expression, buffer: TextIO) -> int:
        """Write the text of a value; all texts together are bounded."""
        text = stringify(plain(expression.evaluate(self)))
        self.written += len(text)
        try:
            bounded(self.written)
        except ValueError as error:
            raise RenderedTooLongError(str(error), token=expression.token) from error
        return buffer.write(text)

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """Return the value a path leads to, as LiquidJS reads properties."""
        keys: Iterator[object] = iter(path)
        name = plain(next(keys))
        value: object = UNDEFINED
        for namespace in (self.locals, self.globals, self.counters):
            if isinstance(name, str) and name in namespace:
                value = namespace[name]
                break
        for key in keys:
            value = read(value, plain(key))
        return self.env.undefined(str(name), token=token) if value is UNDEFINED else value


class Template(BoundTemplate):
    """A template that is rendered in our context."""

    context_class = Context


class TextNode(OutputNode):
    """``{{ ... }}``: the value's text as LiquidJS writes it."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value's text."""
        assert isinstance(context, Context)
        return context.write(self.expression, buffer)


class EchoTextNode(EchoNode):
    """``{% echo ... %}``."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value's text."""
        assert isinstance(context, Context)
        return context.write(self.expression, buffer)


class Text(Output):
    """Output statements."""

    node_class = TextNode


class EchoText(EchoTag):
    """Echo tags."""

    node_class = EchoTextNode


def _with_javascript(node: Node) -> Node:
    """Return the ``if`` or ``unless`` with its conditions compared as JavaScript compares."""
    if isinstance(node, (IfNode, UnlessNode)):
        node.condition = javascript(node.condition)
        for alternative in node.alternatives:
            alternative.expression = javascript(alternative.expression)
    return node


class If(IfTag):
    """``if``."""

    def parse(self, stream: TokenStream) -> Node:
        """Return the parsed tag."""
        return _with_javascript(super().parse(stream))


class Unless(UnlessTag):
    """``unless``."""

    def parse(self, stream: TokenStream) -> Node:
        """Return the parsed tag."""
        return _with_javascript(super().parse(stream))


class LayoutTag(Tag):
    """Named only to be disabled."""

    name = "layout"
    block = False


def _disabled(tag: type[Tag]) -> type[Tag]:
    """Return the tag in a form that cannot be used."""

    class Disabled(tag):  # type: ignore[valid-type, misc]
        def parse(self, stream: TokenStream) -> Node:
            raise LiquidSyntaxError(f"tag {self.name!r} is disabled", token=stream.current)

    return Disabled


DISABLED_TAGS: Sequence[type[Tag]] = (CaseTag, ForTag, IncludeTag, RenderTag, TablerowTag, LayoutTag)


class LiquidJS(Environment):
    """Tags and filters as the reference has them."""

    template_class = Template
    suppress_blank_control_flow_blocks = False
    logical_not_operator = True
    logical_parentheses = True
    shorthand_indexes = True

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        super().__init__(strict_filters=False)

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register the tags and filters."""
        super().setup_tags_and_filters(extra=extra)
        ours: list[type[Tag]] = [Text, EchoText, If, Unless, *map(_disabled, DISABLED_TAGS)]
        for tag in ours:
            self.add_tag(tag)
        self.filters = table(self.clock)


@lru_cache(maxsize=8)
def environment(clock: Clock) -> LiquidJS:
    """Return what parses templates, with this clock; it holds no state between templates."""
    return LiquidJS(clock)
