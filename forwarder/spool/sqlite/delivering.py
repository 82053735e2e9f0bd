"""What deliveries need of the spool: events in order, what is parked, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from typing_extensions import override

from forwarder.spool.api import MessageGroup, Parked, Settlement, StoredEvent
from forwarder.spool.sqlite import history_rows, parked, renamed_rows, stored_events
from forwarder.spool.sqlite.file import SpoolFile
from forwarder.spool.sqlite.operations import Attached, Settled


class Delivering(SpoolFile):
    """The delivering side of a spool."""

    @override
    async def attach(self, destinations: Sequence[str]) -> dict[str, int]:
        return await self._note(lambda: self._do(Attached(list(destinations), self._capacity.first - 1)))

    @override
    async def read(self, after: int, limit: int) -> list[StoredEvent]:
        if after >= self._capacity.last:
            return []
        after = max(after, self._capacity.first - 1)
        rows = await self._read(partial(stored_events.some, after=after, limit=limit))
        return [StoredEvent(*row[:5]) for row in rows]

    @override
    def hand_on(self, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        sessions = self._transaction.sessions
        if sessions is None or not events:
            return list(events)
        names = sessions.names
        allowed = names.hand_on(events[-1].seq)
        handed = [event for event in events if event.seq <= allowed]
        if not names.renames(events[0].seq):  # nor any that came after it
            return handed
        return [renamed_rows.named(names, event) for event in handed]

    @override
    async def settle(self, destination: str, settlement: Settlement, now: int) -> None:
        capacity = self._capacity
        grown = parked.Extent(0, 0)
        edge = (0, 0)
        more = True

        history = self._transaction.history
        if not history.is_on:
            settlement = settlement._replace(ends=(), sent=())

        def work() -> None:
            nonlocal grown
            grown = self._do(Settled(destination, settlement, now))
            if settlement.ends or settlement.sent:
                history.note_settled(history_rows.size_of(settlement))
            for change in self._dead_bounds.due(settlement.dead, now):
                self._do(change)
            trim()

        def trim() -> None:
            nonlocal edge, more
            self._transaction.write()
            more = history.let_go(self._trim)
            edge = capacity.look()

        def after() -> None:
            nonlocal grown
            capacity.first, capacity.before = edge
            capacity.grow_aside(grown)
            grown = parked.Extent(0, 0)

        await self._note(work, after)
        while more:
            await self._note(trim, after)

    @override
    async def groups(self, destination: str) -> list[MessageGroup]:
        groups: dict[str, MessageGroup] = {}
        for name, keys, events in await self._ask(parked.GROUPS, destination):
            group = groups.get(name, MessageGroup(name, frozenset(), 0))
            groups[name] = MessageGroup(
                name, group.keys.union(keys.split("\n") if keys else ()), group.events + events
            )
        return list(groups.values())

    @override
    async def aside(self, destination: str, after: int) -> set[int]:
        return {row[0] for row in await self._ask(parked.ABOVE, destination, after)}

    @override
    async def parked(self, destination: str, group: str, after: int, limit: int) -> list[Parked]:
        rows = await self._ask(parked.PARKED, destination, group, after, limit)
        return [
            Parked(StoredEvent(*row[:5]), row[5], tuple(row[6].split("\n")) if row[6] else (), row[7])
            for row in rows
        ]
