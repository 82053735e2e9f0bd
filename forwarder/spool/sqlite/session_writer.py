"""Devices' sessions in a spool's transactions: decided with events, written with them, undone with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from forwarder.sessions.book import SessionBook
from forwarder.sessions.closer import end_event
from forwarder.sessions.facts import SessionFacts, SessionRules
from forwarder.sessions.renaming import SessionNames
from forwarder.sessions.stamp import stamped
from forwarder.spool.api import NewEvent
from forwarder.spool.sqlite import renamed_rows, session_rows
from forwarder.spool.sqlite.operations import Operation, SessionsChanged, SessionsRenamed
from forwarder.spool.sqlite.session_rows import SessionCleaner


class SessionWriter:
    """The session part of the transaction under way. It belongs to the writer's thread.

    ``names``: what deliveries ask, in the event loop.
    """

    def __init__(self, database: sqlite3.Connection, book: SessionBook, last: int, first: int) -> None:
        """``last``: the highest seq of all events: what came before this start has its session for good.

        ``first``: the lowest seq that is still there.
        """
        self._database = database
        self.book = book
        self._cleaner = SessionCleaner(database, book)
        self.names = SessionNames(last, renamed_rows.read(database, first))
        book.load(session_rows.read(database), self.names)
        self._now = 0

    def begin(self) -> None:
        """A transaction begins, or the one under way has come to nothing."""
        self._now = 0
        self.book.begin()

    def assign(
        self, facts: Sequence[SessionFacts | None], bodies: Sequence[bytes], now: int, seq: int
    ) -> tuple[list[bytes], list[int | None]]:
        """Return the bodies of events that come together, and the sessions that are decided here.

        ``facts``: what the session rules look at; ``now``: ms since the epoch; ``seq``: that of the event
        before.
        """
        self._now = now
        given: list[int | None] = [None] * len(facts)
        stamps = list(bodies)
        for index, done in enumerate(self.book.assign(facts, now, seq)):
            event = facts[index]
            if done is not None and event is not None:
                stamps[index] = stamped(stamps[index], event, done)
                given[index] = done.session_id
        return stamps, given

    def ends(self, rules: Mapping[str, SessionRules], now: int, since: int) -> list[NewEvent]:
        """Return the Session Ended of sessions that nobody continued; see ``SessionBook.end``."""
        self._now = now
        return [
            NewEvent(end.source, *end_event(end, rules[end.source], now))
            for end in self.book.end(rules, now, since)
        ]

    def changes(self) -> list[Operation[object]]:
        """Return what is to be written of this transaction."""
        book, now = self.book, self._now
        found: list[Operation[object]] = []
        upto = self._cleaner.clean(now) if now and self._cleaner.is_due(now) else 0
        row = book.changed(now, upto)
        if row is not None:
            found.append(SessionsChanged(row, upto))
        if book.late.renamings:
            found.append(SessionsRenamed(book.late.renamings))
        return found

    def forget(self, is_deleted: Callable[[str], bool]) -> list[Operation[object]]:
        """Forget devices of deleted users; return what is to be written. ``is_deleted``: by a user's id."""
        keys = self.book.devices.forget_users(is_deleted)
        rows = list(session_rows.read(self._database)) if keys else []
        left = [self.book.rows.without(row, keys) for row in rows]
        return [SessionsChanged(row, 0) for row in left if row is not None]
