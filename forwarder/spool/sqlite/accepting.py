"""Accepts events, each once, and gives them their sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from typing_extensions import override

from forwarder.errors import SpoolDamaged, SpoolFull
from forwarder.sessions.facts import NO_RULES, SessionRules
from forwarder.spool.api import NewEvent, StoredEvent
from forwarder.spool.sqlite.file import SpoolFile
from forwarder.spool.sqlite.transaction import EndsRefusedError


class Accepting(SpoolFile):
    """The accepting side of a spool."""

    _refused_at: int | None = None
    """When a sender was last refused for lack of room, ms since the epoch."""
    _sessions_since: int | None = None
    """When this process first looked for sessions that nobody continued, ms since the epoch."""

    @override
    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        if self._transaction.dedup is None:
            raise SpoolDamaged(f"{self._path} was opened beside a forwarder; send events to that one")
        fingerprint = self._transaction.dedup.fingerprint
        marks = [fingerprint(event.source, event.message_id) for event in events]
        try:
            return await self._write(lambda: self._transaction.add(events, marks, now))
        except SpoolFull:
            self._refused_at = now
            raise

    @override
    def on_append(self, call: Callable[[Sequence[StoredEvent]], None]) -> Callable[[], None]:
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    @override
    async def end_sessions(self, rules: Mapping[str, SessionRules], now: int) -> int:
        since = self._sessions_since = now if self._sessions_since is None else self._sessions_since
        if self._transaction.sessions is None or not self._transaction.sessions.book.is_due(now):
            return 0
        try:
            return await self._write(lambda: self._transaction.end_sessions(rules, now, since))
        except EndsRefusedError:
            return 0

    @override
    def bound_sessions(self, max_devices: int, rules: Mapping[str, SessionRules] = NO_RULES) -> None:
        sessions = self._transaction.sessions
        if sessions is not None:
            sessions.book.max_devices = max_devices
            sessions.names.scopes = {name: one.scope for name, one in rules.items()}
