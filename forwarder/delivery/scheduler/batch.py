"""What goes to Amplitude in one request: bounds, and the request's bytes."""

from __future__ import annotations

import base64
import string
from typing import NamedTuple
from urllib.parse import quote_plus

import orjson

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.delivery.scheduler.job import Job, JobItem


class Bound(NamedTuple):
    """The most items and bytes one request may have."""

    items: int
    bytes: int


BOUNDS = {
    Endpoint.HTTPAPI: Bound(2000, 1_000_000),
    Endpoint.BATCH: Bound(2000, 20_000_000),
    Endpoint.IDENTIFY: Bound(1024, 1_000_000),
    Endpoint.GROUPIDENTIFY: Bound(1024, 1_000_000),
    Endpoint.USERMAP: Bound(2000, 1_000_000),
    Endpoint.DELETIONS: Bound(1, 1_000_000),
}
"""Amplitude's documented limits. Deletions go one by one: each is a job of its own there."""

_ENVELOPE = 400
"""Bytes kept free for what surrounds the items: key and options."""


class Batch:
    """Items that go in one request, in order.

    ``jobs``: their events, each once; ``split_level``: how often its bound was halved; ``due_at``: when it
    goes even if not full, ms since the epoch; ``full``: nothing more goes in; ``room``: bytes still free;
    ``weight``: bytes that one byte of an item may need, three where it is percent-encoded.
    """

    __slots__ = (
        *("due_at", "endpoint", "full", "items", "min_id_length", "split_level"),
        *("job_items", "jobs", "room", "weight"),
    )

    def __init__(self, part: JobItem, level: int, most: int) -> None:
        """``part``: what kind of item it is for; ``most``: items, before halving."""
        self.endpoint = part.endpoint
        self.min_id_length = part.min_id_length
        self.split_level = level
        bound = BOUNDS[part.endpoint]
        self.items = max(1, min(bound.items >> level, most))
        self.room = bound.bytes - _ENVELOPE
        self.weight = 1 if part.endpoint in _JSON else 3
        self.due_at = 0
        self.jobs: list[Job] = []
        self.job_items: list[JobItem] = []
        self.full = False

    def fits(self, part: JobItem) -> bool:
        """Tell whether the part fits; an empty batch takes anything, for Amplitude itself to judge."""
        fits = self.weight * (len(part.data) + 1) <= self.room
        return (fits and not self.full) or not self.job_items

    def add(self, part: JobItem) -> None:
        """Append the part."""
        self.job_items.append(part)
        self.room -= self.weight * (len(part.data) + 1)
        self.full = len(self.job_items) >= self.items

    def next_split_level(self) -> int:
        """Return the level at which half as many fit."""
        level, half = self.split_level, len(self.job_items) // 2
        items = BOUNDS[self.endpoint].items
        while items >> level > max(1, half):
            level += 1
        return level


_JSON = frozenset({Endpoint.HTTPAPI, Endpoint.BATCH, Endpoint.DELETIONS})


class Body(NamedTuple):
    """A request's body and headers."""

    content: bytes
    headers: dict[str, str]


def encode(batch: Batch, api_key: str, secret_key: str) -> Body:
    """Return the request for the batch; the items are already JSON and are only joined."""
    parts = b",".join([part.data for part in batch.job_items])
    options = orjson.dumps({"min_id_length": batch.min_id_length}) if batch.min_id_length else b""
    if batch.endpoint is Endpoint.DELETIONS:
        login = base64.b64encode(f"{api_key}:{secret_key}".encode()).decode()
        return Body(parts, {"content-type": "application/json", "authorization": f"Basic {login}"})
    if batch.endpoint in _JSON:
        tail = b',"options":' + options if options else b""
        content = b'{"api_key":%b,"events":[%b]%b}' % (orjson.dumps(api_key), parts, tail)
        return Body(content, {"content-type": "application/json"})
    field = b"mapping" if batch.endpoint is Endpoint.USERMAP else b"identification"
    content = b"api_key=%b&%b=%b" % (quote_plus(api_key).encode(), field, form_text(b"[" + parts + b"]"))
    if options:
        content += b"&options=" + form_text(options)
    return Body(content, {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"})


_SAFE = (string.ascii_letters + string.digits + "*._-% ").encode()
_ESCAPES = {bytes([code]): b"%%%02X" % code for code in range(256) if code not in _SAFE} | {b" ": b"+"}
"""Spaces come last, for a plus has an escape of its own."""


def form_text(text: bytes) -> bytes:
    """Return the text as a form field's value."""
    text = text.replace(b"%", b"%25")  # before others bring in more of it
    for byte, escape in _ESCAPES.items():  # in a batch a ninth of the time of one by one
        if byte in text:
            text = text.replace(byte, escape)
    return text
