"""What goes to Amplitude in one request."""

from __future__ import annotations

from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.limits import BOUNDS
from forwarder.amplitude.wire.requests import ENVELOPE_BYTES, weight_of
from forwarder.delivery.scheduler.job import Job


class Batch:
    """A batch: the items that go in one request, in order.

    ``jobs``: their events, each once; ``split_level``: how often its bound was halved; ``due_at``: when it
    goes even if not full, ``sent_at``: when it went, ms since the epoch; ``full``: nothing more goes in;
    ``room``: bytes still free; ``weight``: bytes that one byte of an item may need, three where it is
    percent-encoded.
    """

    __slots__ = (
        *("due_at", "endpoint", "full", "max_items", "min_id_length", "sent_at", "split_level"),
        *("items", "jobs", "room", "weight"),
    )

    def __init__(self, item: Item, level: int, most: int) -> None:
        """``item``: what kind of item it is for; ``most``: items, before halving."""
        self.endpoint = item.endpoint
        self.min_id_length = item.min_id_length
        self.split_level = level
        bound = BOUNDS[item.endpoint]
        self.max_items = max(1, min(bound.items >> level, most))
        self.room = bound.bytes - ENVELOPE_BYTES
        self.weight = weight_of(item.endpoint)
        self.due_at = self.sent_at = 0
        self.jobs: list[Job] = []
        self.items: list[Item] = []
        self.full = False

    def fits(self, item: Item) -> bool:
        """Return whether the item fits; an empty batch takes anything, for Amplitude itself to judge."""
        fits = self.weight * (len(item.data) + 1) <= self.room
        return (fits and not self.full) or not self.items

    def add(self, item: Item) -> None:
        """Append the item."""
        self.items.append(item)
        self.room -= self.weight * (len(item.data) + 1)
        self.full = len(self.items) >= self.max_items

    def next_split_level(self) -> int:
        """Return the level at which half as many fit."""
        level, half = self.split_level, len(self.items) // 2
        items = BOUNDS[self.endpoint].items
        while items >> level > max(1, half):
            level += 1
        return level
