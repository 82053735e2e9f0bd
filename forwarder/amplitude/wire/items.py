"""What planning yields, as values: nothing here sends."""

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.errors import ForwarderError, PayloadError

MOST_PRODUCTS: Final = 100
"""Products of one purchase that become events of their own. Each repeats all but the properties: unbounded,
an event of 32 kB would become 900 MB. The largest honest baskets known have some dozens."""


class Item(msgspec.Struct):
    """One thing Amplitude takes, before batching.

    ``body``: the event, identification, group identification, mapping entry or deletion, ready for JSON;
    ``data``: it as JSON, once it is written.
    ``min_id_length``: characters, for the request's ``options``; different values cannot share one.
    ``after_previous``: to be sent only once the item before it, of the same event, was taken.
    """

    endpoint: Endpoint
    body: dict[str, object]
    min_id_length: float | None = None
    after_previous: bool = False
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, as the reference would make it; either ``json`` or ``form`` is set."""

    method: str
    url: str
    json: dict[str, object] | None = None
    form: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - what Planned.warnings holds
    """Something Amplitude would cut, drop or misread.

    ``kind``: one of ``forwarder.amplitude.lint.Kind``; ``field``: dotted place in the item's body.
    """

    kind: str
    field: str
    message: str


@dataclass(slots=True)
class Planned:
    """What one matching subscription makes of one event.

    ``subscription``: its name; ``payload``: the action's fields as the event fills them; ``items``: in
    sending order; ``calls``: one per request of the reference; ``error``: why nothing is sent; ``warnings``:
    what Amplitude would cut, drop or misread.
    """

    subscription: str
    action: str
    payload: dict[str, object] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    error: ForwarderError | None = None
    warnings: Sequence[Warning] = ()


def within_bounds(items: MutableSequence[Item]) -> PayloadError | None:
    """Take the items beyond the bound out of the list; return the error where there are such."""
    if len(items) <= MOST_PRODUCTS + 1:
        return None
    del items[MOST_PRODUCTS + 1 :]
    reason = f"has more than {MOST_PRODUCTS} elements; the purchase and its first {MOST_PRODUCTS} are sent"
    return PayloadError({"$.products": reason})
