"""What planning yields, as values: nothing here sends."""

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.errors import ForwarderError, PayloadError

MOST_PRODUCTS: Final = 100
"""Products of one purchase that become events of their own. Each repeats all but the properties: unbounded,
an event of 32 kB would become 900 MB. The largest honest baskets known have some dozens."""


class Item(msgspec.Struct, eq=False, gc=False):
    """An item that Amplitude gets, from the action that makes it to the response.

    An action gives ``endpoint`` to ``as_object``, ``wire.writing`` adds ``data``, a job keeps it without
    ``body`` and notes ``done`` and ``reason``.

    ``body``: the event, identification, group identification, mapping entry or deletion, ready for JSON;
    ``data``: it as JSON. ``min_id_length``: characters, for the request's ``options``; different values
    cannot share one. ``after_previous``: to be sent only once the item before it, of the same event, was
    accepted. ``as_object``: where nothing shares its request, it goes in no list. ``user_id``, ``device_id``:
    the ids in it that a response may name. ``done``: nothing is left to do with it; ``reason``: why it
    failed, or empty.
    """

    endpoint: Endpoint
    body: dict[str, object]
    min_id_length: float | None = None
    after_previous: bool = False
    as_object: bool = False
    data: bytes = b""
    user_id: str | None = None
    device_id: str | None = None
    done: bool = False
    reason: str = ""

    def drop_body(self, user: object, device: object) -> None:
        """Keep of ``body``, which needs a lot more memory than ``data``, the ids alone: those given."""
        self.user_id = user if isinstance(user, str) else None
        self.device_id = device if isinstance(device, str) else None
        self.body = _NO_BODY

    @property
    def content_hash(self) -> str:
        """A short text that stands for endpoint and ``data``."""
        return blake2b(self.endpoint.encode() + self.data, digest_size=8).hexdigest()


_NO_BODY: Final[dict[str, object]] = {}


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request to Amplitude: ``content`` holds its bytes, ``json`` or ``form`` what they say.

    ``masked``: the bytes with the API key hidden.
    """

    method: str
    url: str
    json: dict[str, object] | None = None
    form: dict[str, str] | None = None
    content: bytes = field(default=b"", repr=False, compare=False)
    masked: bytes = field(default=b"", repr=False, compare=False)


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
    """The plan of one matching subscription for one event.

    ``subscription``: its name; ``payload``: the action's fields as the event fills them; ``items``: in
    sending order; ``calls``: the requests that delivery would send if there were nothing else to send;
    ``errors``: why something, or all, is not sent; ``warnings``: what Amplitude would cut, drop or misread.
    """

    subscription: str
    action: str
    payload: dict[str, object] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    errors: list[ForwarderError] = field(default_factory=list)
    warnings: Sequence[Warning] = ()

    @property
    def error(self) -> ForwarderError | None:
        """The first of ``errors``: why something, or all, is not sent."""
        return self.errors[0] if self.errors else None


def within_bounds(items: MutableSequence[Item]) -> PayloadError | None:
    """Take the items beyond the bound out of the list; return the error where there are such."""
    if len(items) <= MOST_PRODUCTS + 1:
        return None
    del items[MOST_PRODUCTS + 1 :]
    reason = f"has more than {MOST_PRODUCTS} elements; the purchase and its first {MOST_PRODUCTS} are sent"
    return PayloadError({"$.products": reason})
