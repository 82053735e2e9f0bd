"""Message groups, their parked events, and what a scheduler loads of them."""

from forwarder.delivery.scheduler.parking import REDRIVEN
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.spool import MessageGroup, Parked, StoredEvent
from tests.support.simulation.lines import NOW


def group(name: str, *keys: str, events: int = 1) -> MessageGroup:
    return MessageGroup(name, frozenset(keys or (name,)), events)


def rows(name: str, *events: StoredEvent, state: bytes = b"") -> list[Parked]:
    return [Parked(one, name, (name,), state) for one in events]


def loads(one: Scheduler, now: int = NOW) -> tuple[str, int] | None:
    """Return what is loaded next beside what an operator sends again, of which there is nothing."""
    if (load := one.loader.load(now)) and load[0] == REDRIVEN:
        one.loader.loaded(REDRIVEN, [], now)
        load = one.loader.load(now)
    return load
