"""A transaction of a spool with all that it writes to."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forwarder.sessions.book import SessionBook
from forwarder.sessions.facts import PAGE, SessionFacts, SessionRules
from forwarder.spool import NewEvent
from forwarder.spool.sqlite.capacity import Capacity
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.disk import Disk
from forwarder.spool.sqlite.history_rows import Entry
from forwarder.spool.sqlite.operations import Operation
from forwarder.spool.sqlite.schema import open_database
from forwarder.spool.sqlite.transaction import WriteTransaction
from tests.support.spools import NOW

RULES = SessionRules(source="shop", close=True)
MINUTE = 60_000


class History:
    """Notes what history is given; events up to ``upto`` are in rows then."""

    def __init__(self, upto: int = 0) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.upto = upto

    def add(self, entries: Sequence[Entry]) -> int:
        self.calls.append(("add", entries))
        return self.upto

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.calls.append((name, *given))


class Elsewhere:
    """Notes what is kept elsewhere, or refuses it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def begin(self, database: sqlite3.Connection) -> None:
        self.calls.append(("begin", database))

    def keep(self, changes: Sequence[Operation[object]]) -> None:
        self.calls.append(("keep", list(changes)))

    def committed(self) -> None:
        self.calls.append(("committed", None))


class Setup:
    """A spool's file and its transactions."""

    def __init__(
        self, path: Path, *, max_events: int = 100, max_bytes: int = 10**6, elsewhere: bool = False
    ) -> None:
        self.database = open_database(path, durable=False)
        self.dedup = DedupIndex(path, slots=64)
        self.capacity = Capacity(self.database, max_events, max_bytes)
        self.disk = Disk(path, self.database)
        self.book = SessionBook()
        self.elsewhere = Elsewhere() if elsewhere else None
        self.one = WriteTransaction(
            self.database, self.dedup, self.capacity, self.disk, self.elsewhere, self.book
        )

    def begin(self) -> None:
        self.one.begin()
        self.database.execute("BEGIN IMMEDIATE")

    def commit(self) -> list[Any]:
        self.one.finish()
        self.database.execute("COMMIT")
        return self.one.committed()

    def add(self, *events: NewEvent, now: int = NOW) -> list[bool]:
        marks = [self.dedup.fingerprint(one.source, one.message_id) for one in events]
        return self.one.add(events, marks, now)

    def take(self, *events: NewEvent, now: int = NOW) -> list[Any]:
        """One transaction that lets events in; return its rows."""
        self.begin()
        self.add(*events, now=now)
        return self.commit()

    def rows(self) -> list[tuple[int, str, int]]:
        return self.database.execute("SELECT seq, message_id, total FROM event ORDER BY seq").fetchall()

    def close(self) -> None:
        self.dedup.close()
        self.database.close()


def visit(name: str, minute: int, device: str = "d", rules: SessionRules = RULES) -> NewEvent:
    """Return a page's event to which an id may be given."""
    body = b'{"n":"%b"}' % name.encode()
    opening = b'{"Actions Amplitude":{"session_id":'
    facts = SessionFacts(
        rules, PAGE, f"\0d{device}", "", NOW + minute * MINUTE, None, opening, len(body) - 1, 0
    )
    return NewEvent(rules.source, name, body, facts)
