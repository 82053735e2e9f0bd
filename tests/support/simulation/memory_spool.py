"""The simulation's spool as delivery sees one: every question and every write may fail, before or after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from forwarder.errors import SpoolError
from forwarder.sessions.facts import NO_RULES, SessionRules
from forwarder.spool import Counts, MessageGroup, Parked, Settlement, Standing, StoredEvent
from forwarder.spool.history import TurnedAway
from forwarder.spool.suppression import UserMark
from tests.support.simulation.spool import Destination, MemorySpool


class AsyncSpool:
    """Keeps all that it was told, also what it was told before it failed."""

    def __init__(self) -> None:
        self.kept = MemorySpool()
        self._listeners: list[Callable[[Sequence[StoredEvent]], None]] = []

    def accept(self, event: StoredEvent) -> None:
        """Take an event in, and say so."""
        self.kept.events.append(event)
        for call in list(self._listeners):
            call([event])

    def on_append(self, call: Callable[[Sequence[StoredEvent]], None]) -> Callable[[], None]:
        """See ``Spool``."""
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    async def attach(self, destinations: Sequence[str]) -> dict[str, int]:
        """See ``Spool``."""
        await asyncio.sleep(0.001)
        for name in destinations:
            self.kept.destinations.setdefault(name, Destination())
        return {name: self.kept.destinations[name].cursor for name in destinations}

    async def read(self, after: int, limit: int) -> list[StoredEvent]:
        """See ``Spool``."""
        await asyncio.sleep(0.001)
        return self.kept.read(after, limit)

    async def settle(self, destination: str, settlement: Settlement, now: int) -> None:
        """See ``Spool``."""
        await asyncio.sleep(0.001)
        self.kept.destinations[destination].settle(settlement)
        self.kept.destinations[destination].check(len(self.kept.events))

    async def end_sessions(self, rules: Mapping[str, SessionRules], now: int) -> int:
        """See ``Spool``: delivery has nothing to do with sessions."""
        return 0

    def hand_on(self, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        """See ``Spool``."""
        return list(events)

    def bound_sessions(self, max_devices: int, rules: Mapping[str, SessionRules] = NO_RULES) -> None:
        """See ``Spool``."""

    def bound_history(self, max_bytes: int, max_age_ms: int) -> None:
        """See ``Spool``: it keeps none."""

    def turn_away(self, events: Sequence[TurnedAway]) -> None:
        """See ``Spool``."""

    async def write_turned_away(self) -> None:
        """See ``Spool``."""

    async def forget_sessions(self) -> None:
        """See ``Spool``."""

    async def groups(self, destination: str) -> list[MessageGroup]:
        """See ``Spool``."""
        await asyncio.sleep(0)
        return self.kept.destinations[destination].groups()

    async def aside(self, destination: str, after: int) -> set[int]:
        """See ``Spool``."""
        await asyncio.sleep(0)
        return {seq for seq in self.kept.destinations[destination].aside() if seq > after}

    async def parked(self, destination: str, group: str, after: int, limit: int) -> list[Parked]:
        """See ``Spool``."""
        await asyncio.sleep(0.001)
        return self.kept.destinations[destination].group(group, limit)

    async def erasure(self) -> int:
        """See ``Spool``."""
        return 0

    async def marks(self) -> list[UserMark]:
        """See ``Spool``."""
        return []

    async def expire(self, now: int) -> None:
        """See ``Spool``."""

    async def counts(self) -> Counts:
        """See ``Spool``."""
        await asyncio.sleep(0.001)
        accepted = len(self.kept.events)
        standings = {
            name: Standing(accepted, one.waiting(accepted), one.ended, one.redriven, len(one.parked), 0)
            for name, one in self.kept.destinations.items()
        }
        return Counts(accepted, 0, None, standings)

    async def lost(self) -> SpoolError:
        """See ``Spool``."""
        return await asyncio.Future()

    def end_within(self, seconds: float) -> None:
        """See ``Spool``."""

    async def close(self) -> None:
        """See ``Spool``."""
