"""``@liquid``: templates in Liquid, as LiquidJS renders them."""

from collections.abc import Callable

from liquid import Environment
from liquid.exceptions import LiquidError

from forwarder.errors import MappingError
from forwarder.js import string_length

MAX_LENGTH = 1000
"""Longest template, in UTF-16 units."""

DIRECTIVE = "@liquid"

_environment = Environment()


def template(text: str, field: str) -> Callable[[object], str]:
    """Return the function that fills the template from a payload.

    It raises MappingError at evaluation if the template cannot be parsed, is too long, or fails on the
    payload.
    """
    if not text:
        return lambda payload: ""
    if string_length(text) > MAX_LENGTH:
        return _failing(f"the template is longer than {MAX_LENGTH} characters; shorten it", field)
    try:
        parsed = _environment.from_string(text)
    except LiquidError as error:
        return _failing(str(error), field)

    def render(payload: object) -> str:
        try:
            return parsed.render(**payload) if isinstance(payload, dict) else parsed.render()
        except LiquidError as error:
            raise MappingError(str(error), field, DIRECTIVE) from error

    return render


def _failing(message: str, field: str) -> Callable[[object], str]:
    def fail(payload: object) -> str:
        raise MappingError(message, field, DIRECTIVE)

    return fail
