"""Which item of a plan is the one that was sent: both were made of one event, if by different systems."""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from forwarder.comparing.items import Item


class Pair(NamedTuple):
    """Two items of one event; None where one side has none."""

    sent: Item | None
    planned: Item | None


Key = Callable[[Item], Hashable | None]


def pairs_of(sent: Sequence[Item], planned: Sequence[Item]) -> list[Pair]:
    """Pair the items, the surest first: in the order of the plan, then what was sent and would not be.

    Sure is one message id and mapping; then the message id (Segment sends it as insert id where a mapping
    says so); then who, what and when; then who and what; last, for events that bear another name, the message
    id, or who and when. Each in the order in which they came.
    """
    partner: dict[int, int] = {}
    free = set(range(len(sent)))
    for key in _KEYS:
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for at in sorted(free):
            if (value := key(sent[at])) is not None:
                waiting[value].append(at)
        for at, item in enumerate(planned):
            value = key(item)
            if at not in partner and value is not None and waiting[value]:
                partner[at] = waiting[value].popleft()
                free.discard(partner[at])
    pairs = [Pair(sent[partner[at]] if at in partner else None, item) for at, item in enumerate(planned)]
    return pairs + [Pair(sent[at], None) for at in sorted(free)]


def _of_one_mapping(item: Item) -> Hashable | None:
    found = (item.kind, item.message_id, item.mapping, item.body.get("event_type"), _product(item))
    return _hashable(*found) if item.message_id and item.mapping else None


def _of_one_message(item: Item) -> Hashable | None:
    found = (item.kind, item.message_id, item.body.get("event_type"), _product(item))
    return _hashable(*found) if item.message_id else None


def _at_one_time(item: Item) -> Hashable | None:
    time = item.body.get("time")
    return None if time is None else _hashable(*_who(item), item.body.get("event_type"), time, _product(item))


def _of_one_kind(item: Item) -> Hashable | None:
    return _hashable(*_who(item), item.body.get("event_type"), _product(item))


def _alike(item: Item) -> Hashable | None:
    return _hashable(*_who(item), item.body.get("event_type"))


def _renamed(item: Item) -> Hashable | None:
    return _hashable(item.kind, item.message_id, _product(item)) if item.message_id else None


def _renamed_at_one_time(item: Item) -> Hashable | None:
    time = item.body.get("time")
    return None if time is None else _hashable(*_who(item), time, _product(item))


def _who(item: Item) -> tuple[object, ...]:
    return (item.kind, item.body.get("user_id"), item.body.get("device_id"), item.body.get("group_value"))


def _product(item: Item) -> object:
    return item.body.get("productId")


def _hashable(*values: object) -> Hashable:
    return repr(values)


_KEYS: tuple[Key, ...] = (
    *(_of_one_mapping, _of_one_message, _at_one_time, _of_one_kind, _alike),
    *(_renamed, _renamed_at_one_time),
)
