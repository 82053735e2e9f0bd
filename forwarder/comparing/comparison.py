"""What a comparison came to: events with their differences, and a summary by mapping and field."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forwarder.comparing.differences import Difference, How, differences
from forwarder.comparing.items import Item, Read, items_of_plan
from forwarder.comparing.pairing import Pair, pairs_of

NO_MAPPING = "(no mapping)"
"""Where something was sent that no mapping of this configuration makes."""


@dataclass(frozen=True, slots=True)
class Compared:
    """An item and its counterpart. ``differences``: without those that are on purpose."""

    pair: Pair
    differences: tuple[Difference, ...] = ()
    expected: tuple[Difference, ...] = ()

    @property
    def item(self) -> Item:
        """Return the planned one, else the one that was sent."""
        found = self.pair.planned or self.pair.sent
        assert found is not None, "a pair has one item at least"
        return found

    @property
    def mapping(self) -> str:
        """Return the name of the subscription that makes it."""
        return self.item.mapping or NO_MAPPING

    @property
    def missing(self) -> How | None:
        """Return which side has it alone; None for both."""
        if self.pair.sent is None:
            return How.ONLY_PLANNED
        return How.ONLY_SENT if self.pair.planned is None else None

    @property
    def same(self) -> bool:
        """Return whether both sides have it, alike but for what differs on purpose."""
        return self.missing is None and not self.differences


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the summary. ``count``: items; ``example``: the first difference, None for a whole item."""

    mapping: str
    field: str
    how: How
    count: int
    example: Difference | None


@dataclass(slots=True)
class Comparison:
    """All items, by the message id of the event that they were made of; what has none comes last."""

    events: dict[str, list[Compared]] = field(default_factory=dict)
    unsent: int = 0
    """Events of which neither side sends anything."""

    @property
    def items(self) -> list[Compared]:
        """Return all items."""
        return [one for compared in self.events.values() for one in compared]

    @property
    def differing(self) -> list[Compared]:
        """Return the items that are not the same."""
        return [one for one in self.items if not one.same]

    @property
    def expected(self) -> Counter[str]:
        """Return how often each field differs on purpose."""
        return Counter(difference.field for one in self.items for difference in one.expected)

    def summary(self) -> list[Row]:
        """Return the differences by mapping and field, the most frequent first in each mapping."""
        counts: Counter[tuple[str, str, How]] = Counter()
        examples: dict[tuple[str, str, How], Difference | None] = {}
        for one in self.differing:
            for name, how, example in _rows_of(one):
                key = (one.mapping, name, how)
                counts[key] += 1
                examples.setdefault(key, example)
        rows = [Row(*key, count, examples[key]) for key, count in counts.items()]
        return sorted(rows, key=lambda row: (row.mapping == NO_MAPPING, row.mapping, -row.count, row.field))


def _rows_of(one: Compared) -> Iterator[tuple[str, How, Difference | None]]:
    if one.missing:
        yield f"the whole {one.item.kind}", one.missing, None
    for difference in one.differences:
        yield difference.field, difference.how, difference


def compare(lines: Sequence[Mapping[str, Any]], sent: Read) -> Comparison:
    """Compare plan's lines, one for each event, with what was sent.

    Where what was sent is another plan, events are paired by their message ids alone.
    """
    made = Comparison()
    planned = [item for line in lines for item in items_of_plan(line)]
    ids = dict.fromkeys(str(line.get("messageId")) for line in lines)
    if sent.planned:
        pairs = [
            pair
            for message_id in dict.fromkeys((*ids, *(one.message_id for one in sent.items)))
            for pair in pairs_of(_of(sent.items, message_id), _of(planned, message_id))
        ]
    else:
        pairs = pairs_of(sent.items, planned)
    by_event: dict[str, list[Compared]] = {message_id: [] for message_id in ids}
    for pair in pairs:
        one = compared(pair)
        by_event.setdefault(one.item.message_id, []).append(one)
    made.events = {message_id: found for message_id, found in by_event.items() if found}
    made.unsent = len(by_event) - len(made.events)
    return made


def _of(items: Sequence[Item], message_id: str) -> list[Item]:
    return [one for one in items if one.message_id == message_id]


def compared(pair: Pair) -> Compared:
    """Return how the two items of a pair differ."""
    if pair.sent is None or pair.planned is None:
        return Compared(pair)
    found = list(differences(pair.sent.body, pair.planned.body))
    return Compared(
        pair, tuple(one for one in found if not one.expected), tuple(one for one in found if one.expected)
    )
