"""``@liquid``: templates in Liquid, as LiquidJS renders them for Segment's reference.

Templates are compiled to functions once. The library python-liquid reads many templates otherwise than
LiquidJS does (names, numbers, quotes, operators in outputs, what may be left out), so this reads them itself.
Tags and filters the reference disables fail as they do there; an unknown filter does nothing.
"""

from collections.abc import Callable

from forwarder.errors import MappingError
from forwarder.js import string_length
from forwarder.mapping.liquid.builder import Builder
from forwarder.mapping.liquid.context import Context, run
from forwarder.mapping.liquid.cursor import Unreadable
from forwarder.mapping.liquid.filters import Clock, table
from forwarder.mapping.liquid.pieces import split
from forwarder.mapping.liquid.tags import DISABLED, TAGS

__all__ = ["Clock", "template"]

MAX_LENGTH = 1000
"""Longest template, in UTF-16 units."""

DIRECTIVE = "@liquid"


def template(text: str, field: str, clock: Clock) -> Callable[[object], str]:
    """Return the function that fills the template from a payload; ``clock`` gives ``now`` in seconds.

    It raises MappingError if the template fails on the payload. Raises MappingError if the template cannot be
    parsed or is too long.
    """
    if not text:
        return lambda payload: ""
    if string_length(text) > MAX_LENGTH:
        raise MappingError(f"the template is longer than {MAX_LENGTH} characters; shorten it")
    try:
        statements = Builder(text, table(clock), TAGS, DISABLED).statements(split(text))
    except Unreadable as error:
        raise MappingError(f"{error}; mend the template") from error

    def render(payload: object) -> str:
        context = Context(payload)
        try:
            run(statements, context)
        except ValueError as error:
            raise MappingError(f"{error}; mend the template", field, DIRECTIVE) from error
        return "".join(context.text)

    return render
