"""Items written as JSON, for delivery: within bounds, and in whole characters."""

from collections.abc import Mapping, MutableSequence
from typing import Final

import orjson

from forwarder.amplitude.wire.items import Item, within_bounds
from forwarder.errors import ForwarderError, PayloadError
from forwarder.javascript.json import stringify
from forwarder.text import whole_value

DEEPEST_SENT: Final = 200
"""Levels that are written at all."""
MOST_WRITTEN: Final = 4_000_000
"""Bytes that are written for one event at one destination. A large event (32 kB) with 100 products needs
3.3 MB where each product repeats all of it; Amplitude takes requests of 1 MB, batches of 20 MB."""

Written = dict[int, tuple[object, bytes]]
"""Values written before, by identity, with what was written: what an event's items share is written once."""


def write_within_bounds(items: MutableSequence[Item], room: int, errors: list[ForwarderError]) -> int:
    """Write what a subscription makes of an event; return what is left of ``room`` bytes.

    What is beyond the bounds is taken out of the list, and ``errors`` tell of it. Raises PayloadError as
    ``write`` does.
    """
    if len(items) == 1:  # as nearly always: what follows, with nothing to share
        write(items[0])
        if len(items[0].data) <= room:
            return room - len(items[0].data)
    beyond = within_bounds(items)
    room, too_large = write_all(items, room)
    if beyond is not None:
        errors.append(beyond)
    if too_large is not None:
        errors.append(too_large)
    return room


def write_all(items: MutableSequence[Item], room: int = MOST_WRITTEN) -> tuple[int, PayloadError | None]:
    """Write the items within ``room`` bytes; return what is left, and an error where more was needed.

    The items that found no room are taken out of the list. Raises PayloadError as ``write`` does.
    """
    written: Written = {}
    for number, item in enumerate(items):
        write(item, written)
        if len(item.data) > room:
            del items[number:]
            reason = f"makes items of more than {MOST_WRITTEN} bytes; map less of the event"
            return 0, PayloadError({"$": reason})
        room -= len(item.data)
    return room, None


def write(item: Item, written: Written | None = None) -> None:
    """Write the item's body into its ``data``. Raises PayloadError where it is nested too deeply.

    Where the body holds halves of characters, which JSON cannot, both have U+FFFD instead afterwards.
    """
    try:
        item.data = orjson.dumps(item.body)
    except orjson.JSONEncodeError:
        refuse_too_deep(item.body)
        written = {} if written is None else written
        values = {name: _written(value, written) for name, value in item.body.items()}
        item.body = {name: value for name, (value, _) in values.items()}
        item.data = orjson.dumps({name: orjson.Fragment(data) for name, (_, data) in values.items()})


def _written(value: object, written: Written) -> tuple[object, bytes]:
    """Return a value as it is written, and it as JSON."""
    if id(value) in written:
        return written[id(value)]
    whole = value
    try:
        data = orjson.dumps(value)
    except orjson.JSONEncodeError:  # half characters, and integers beyond 64 bits
        whole = whole_value(value)
        data = stringify(whole).encode()
    if isinstance(value, (dict, list)):  # which live as long as the items that hold them
        written[id(value)] = whole, data
    return whole, data


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
