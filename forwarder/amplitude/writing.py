"""Items written as JSON, for delivery."""

from collections.abc import Mapping
from typing import Final

import orjson

from forwarder.amplitude.items import Item
from forwarder.errors import PayloadError
from forwarder.mapping.json_text import stringify

DEEPEST_SENT: Final = 200
"""Levels that are written at all."""


def write(item: Item) -> None:
    """Write the item's body into its ``data``. Raises PayloadError where it is nested too deeply."""
    try:
        item.data = orjson.dumps(item.body)
    except orjson.JSONEncodeError:
        refuse_too_deep(item.body)
        item.data = stringify(item.body).encode()  # half characters, and integers beyond 64 bits


def refuse_too_deep(body: Mapping[str, object]) -> None:
    """Raise PayloadError where something in an item's body lies too deep to be written."""
    for name, value in body.items():
        if _deeper(value, DEEPEST_SENT):
            reason = f"is nested deeper than {DEEPEST_SENT} levels; flatten it, or map a part of it"
            raise PayloadError({f"$.{name}": reason})


def _deeper(value: object, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(one, levels - 1) for one in inner)
