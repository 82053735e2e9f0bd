"""What a spool keeps of events that have ended: its bounds, and what is asked of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from typing_extensions import override

from forwarder.spool.history import TurnedAway
from forwarder.spool.sqlite.dead_letters import DeadLetters

T = TypeVar("T")


class KeepingHistory(DeadLetters):
    """The history of a spool, and its dead letters."""

    @override
    def bound_history(self, max_bytes: int, max_age_ms: int) -> None:
        history = self._transaction.history
        history.max_bytes, history.max_age_ms = max_bytes, max_age_ms

    @override
    def turn_away(self, events: Sequence[TurnedAway]) -> None:
        self._transaction.history.turn_away(events)

    @override
    async def write_turned_away(self) -> None:
        if self._transaction.history.has_turned_away:
            await self._note(lambda: None)

    @override
    async def look(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await self._read(question)

    @override
    async def expire(self, now: int) -> None:
        await super().expire(now)
        history, believed = self._transaction.history, self._dead_bounds.believed
        more = True
        while more:  # a range in each transaction, and others have theirs in between
            more = await self._note(lambda: history.expire(now, believed=believed))
