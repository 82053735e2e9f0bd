"""Events as the texts that a page hands to the owner's code, as JSON.stringify writes them."""

from collections.abc import Iterable
from typing import Any

from browser_plugin.freeze.workload import written

ROOM = 65_536
"""Bytes of UTF-8 that an event may have in the page: twice what Segment takes."""
WHOLE_NUMBERS = 1e21
"""Whole numbers below this are written without an exponent, and without a point."""
TOUCH = ""
"""The text that no page hands over: the owner's constants are read then (``touch``)."""


def texts_of(events: Iterable[dict[str, Any]]) -> list[str]:
    """Return events as a page writes them; those that are too long for it are left out."""
    return [text for text in map(text_of, events) if len(text.encode()) <= ROOM]


def text_of(event: dict[str, Any]) -> str:
    """Return an event as a page writes it."""
    return written(_as_numbers(event))


def _as_numbers(value: Any) -> Any:
    """Return a JSON value with JavaScript's numbers: it has one kind, and writes 1.0 as 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) < WHOLE_NUMBERS:
        return int(value)
    if isinstance(value, dict):
        return {name: _as_numbers(one) for name, one in value.items()}
    return [_as_numbers(one) for one in value] if isinstance(value, list) else value
