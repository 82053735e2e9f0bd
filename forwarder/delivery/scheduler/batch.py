"""What goes to Amplitude in one request."""

from __future__ import annotations

from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.limits import BOUNDS
from forwarder.amplitude.wire.requests import ENVELOPE_BYTES, weight_of
from forwarder.delivery.scheduler.job import Job


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

    def __init__(self, part: Item, level: int, most: int) -> None:
        """``part``: what kind of item it is for; ``most``: items, before halving."""
        self.endpoint = part.endpoint
        self.min_id_length = part.min_id_length
        self.split_level = level
        bound = BOUNDS[part.endpoint]
        self.items = max(1, min(bound.items >> level, most))
        self.room = bound.bytes - ENVELOPE_BYTES
        self.weight = weight_of(part.endpoint)
        self.due_at = 0
        self.jobs: list[Job] = []
        self.job_items: list[Item] = []
        self.full = False

    def fits(self, part: Item) -> bool:
        """Tell whether the part fits; an empty batch takes anything, for Amplitude itself to judge."""
        fits = self.weight * (len(part.data) + 1) <= self.room
        return (fits and not self.full) or not self.job_items

    def add(self, part: Item) -> None:
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
