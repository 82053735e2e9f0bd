"""The one encoder of Amplitude's requests: delivery sends what it makes, ``forwarder plan`` shows it."""

import base64
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote_plus

import orjson

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Call, Item
from forwarder.amplitude.wire.limits import BOUNDS

MASK: Final = "..."
"""What is shown of a key."""
ENVELOPE_BYTES: Final = 400
"""Bytes kept free for what surrounds a request's items: key and options."""
_JSON: Final = frozenset({Endpoint.HTTPAPI, Endpoint.BATCH, Endpoint.DELETIONS})


class Keys(NamedTuple):
    """A project's keys. ``secret_key``: for deletions alone, else it may be empty."""

    api_key: str
    secret_key: str = ""


_MASKED: Final = Keys(MASK, MASK)


class Body(NamedTuple):
    """A request's body and headers."""

    content: bytes
    headers: dict[str, str]


def encode(endpoint: Endpoint, items: Sequence[Item], min_id_length: float | None, keys: Keys) -> Body:
    """Return the request for items that are written: their JSON is only joined. ``min_id_length``: theirs."""
    joined = b",".join([item.data for item in items])
    options = orjson.dumps({"min_id_length": min_id_length}) if min_id_length else b""
    if endpoint is Endpoint.DELETIONS:
        login = base64.b64encode(f"{keys.api_key}:{keys.secret_key}".encode()).decode()
        return Body(joined, {"content-type": "application/json", "authorization": f"Basic {login}"})
    if endpoint in _JSON:
        tail = b',"options":' + options if options else b""
        content = b'{"api_key":%b,"events":[%b]%b}' % (orjson.dumps(keys.api_key), joined, tail)
        return Body(content, {"content-type": "application/json"})
    field = b"mapping" if endpoint is Endpoint.USERMAP else b"identification"
    listed = joined if len(items) == 1 and items[0].as_object else b"[" + joined + b"]"
    content = b"api_key=%b&%b=%b" % (quote_plus(keys.api_key).encode(), field, form_text(listed))
    if options:
        content += b"&options=" + form_text(options)
    return Body(content, {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"})


_SAFE: Final = (string.ascii_letters + string.digits + "*._-% ").encode()
_ESCAPES: Final = {bytes([code]): b"%%%02X" % code for code in range(256) if code not in _SAFE} | {b" ": b"+"}
"""Spaces come last, for a plus has an escape of its own."""


def form_text(text: bytes) -> bytes:
    """Return the text as a form field's value."""
    text = text.replace(b"%", b"%25")  # before others bring in more of it
    for byte, escape in _ESCAPES.items():  # in a batch a ninth of the time of one by one
        if byte in text:
            text = text.replace(byte, escape)
    return text


def weight_of(endpoint: Endpoint) -> int:
    """Return how many bytes one byte of an item may need: three where it is percent-encoded."""
    return 1 if endpoint in _JSON else 3


def calls(items: Sequence[Item], keys: Keys, url: Callable[[Endpoint], str]) -> list[Call]:
    """Return the requests for written items of one action, with nothing else to send beside them."""
    return [_call(group, keys, url) for group in _grouped(items)]


def _grouped(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield the items that share a request, as delivery's batches do that hold nothing else."""
    group: list[Item] = []
    room = 0
    for item in items:
        size = weight_of(item.endpoint) * (len(item.data) + 1)
        if group and (item.after_previous or size > room or not _alike(group, item)):
            yield group
            group = []
        if not group:
            room = BOUNDS[item.endpoint].bytes - ENVELOPE_BYTES
        group.append(item)
        room -= size
    if group:
        yield group


def _alike(group: Sequence[Item], item: Item) -> bool:
    first = group[0]
    alike = item.endpoint is first.endpoint and item.min_id_length == first.min_id_length
    return alike and len(group) < BOUNDS[item.endpoint].items


def _call(items: Sequence[Item], keys: Keys, url: Callable[[Endpoint], str]) -> Call:
    endpoint, shortest = items[0].endpoint, items[0].min_id_length
    content = encode(endpoint, items, shortest, keys).content
    masked = encode(endpoint, items, shortest, _MASKED).content
    if endpoint in _JSON:
        return Call("POST", url(endpoint), json=orjson.loads(content), content=content, masked=masked)
    form = dict(parse_qsl(content.decode(), keep_blank_values=True, strict_parsing=True))
    return Call("POST", url(endpoint), form=form, content=content, masked=masked)
