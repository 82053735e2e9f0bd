"""The dead letters in the spool: read, sent again, deleted."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from forwarder.spool.api import DeadLetter, StoredEvent
from forwarder.spool.sqlite import parked
from forwarder.spool.sqlite.file import SpoolFile
from forwarder.spool.sqlite.operations import DeadLettersDeleted, Redriven


class DeadLetters(SpoolFile):
    """The dead letters of a spool."""

    @override
    async def dead(
        self, destination: str | None = None, after: int = 0, limit: int = 100, number: int | None = None
    ) -> list[DeadLetter]:
        if number is not None:  # so that the table is not read up to there
            after = max(after, number - 1)
        rows = await self._ask(parked.DEAD, after, destination, number, limit)
        return [DeadLetter._make((*row[:3], StoredEvent(*row[3:8]), *row[8:])) for row in rows]

    @override
    def bound_dead(self, max_bytes: int, max_age_ms: int) -> None:
        self._dead_bounds.max_bytes, self._dead_bounds.max_age_ms = max_bytes, max_age_ms

    @override
    async def expire(self, now: int) -> None:

        def work() -> None:
            for change in self._dead_bounds.due((), now):
                self._do(change)

        await self._note(work)

    @override
    async def retry(self, numbers: Sequence[int]) -> int:
        back = parked.Extent(0, 0)

        def work() -> int:
            nonlocal back
            back = parked.extent_of(self._database, numbers)
            return self._do(Redriven(list(numbers)))

        return await self._note(work, lambda: self._capacity.grow_aside(back))

    @override
    async def drop(self, numbers: Sequence[int]) -> int:
        gone = parked.Extent(0, 0)

        def work() -> None:
            nonlocal gone
            gone = self._do(DeadLettersDeleted(list(numbers)))

        await self._note(work)
        return -gone.events
