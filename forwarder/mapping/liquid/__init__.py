"""``@liquid``: templates in Liquid, as LiquidJS renders them for Segment's reference.

python-liquid parses and runs the templates; filters, comparisons, texts of values and property access here
follow LiquidJS. Tags and filters the reference disables fail as they do there; an unknown filter does
nothing.
"""

from collections.abc import Callable

from liquid.exceptions import LiquidError

from forwarder.errors import MappingError
from forwarder.js import string_length
from forwarder.mapping.liquid.engine import environment
from forwarder.mapping.liquid.filters import Clock

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
        parsed = environment(clock).from_string(text)
    except LiquidError as error:
        raise MappingError(_one_line(error)) from error

    def render(payload: object) -> str:
        try:
            return parsed.render(payload if isinstance(payload, dict) else {})
        except LiquidError as error:
            raise MappingError(_one_line(error), field, DIRECTIVE) from error

    return render


def _one_line(error: LiquidError) -> str:
    """Return the error's own words without the excerpt of the template that follows them."""
    return f"{error.message}; mend the template" if error.message else "the template cannot be used"
