"""A snapshot: all that a spool's tables hold beside the events, written once more as operations.

Records before a complete snapshot hold nothing that is needed but events, and may go once those have ended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, TypeAlias

import msgspec

from forwarder.spool.sqlite import erasure, stored_events
from forwarder.spool.sqlite.operations import AnyOperation, Appended, Operation

_TABLES: Final = {
    "cursor": 4,
    "ended": 4,
    "parked": 9,
    "dead": 11,
    "erased": 6,
    "gone": 2,
    "session": 4,
    "renamed": 7,
}
"""Table to its columns."""
_SEQUENCES: Final = "sqlite_sequence"
_NOTES: Final = "note"
_TOLD: Final = (erasure.ASKED, stored_events.START)
"""The notes that are not of this machine alone: of erasures, which tools wait for, and of destinations."""
_ROWS = 500
"""Rows in one record: half a megabyte of usual events; a larger record goes in several messages."""


class EpochStarted(msgspec.Struct, frozen=True, array_like=True, tag="opened"):
    """Another forwarder writes from here on."""

    def apply(self, database: sqlite3.Connection) -> None:
        """It changes nothing."""


class SnapshotBegin(msgspec.Struct, frozen=True, array_like=True, tag="begun"):
    """The beginning of a snapshot."""

    def apply(self, database: sqlite3.Connection) -> None:
        """Forget what else is known."""
        for table in _TABLES:
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - our words


class SnapshotRows(msgspec.Struct, frozen=True, array_like=True, tag="told"):
    """Rows of a table."""

    table: str
    rows: list[list[Any]]

    def apply(self, database: sqlite3.Connection) -> None:
        """Write them."""
        if self.table == _SEQUENCES:
            for name, seq in self.rows:
                database.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
                database.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, seq))
            return
        if self.table == _NOTES:
            database.executemany("INSERT OR REPLACE INTO note VALUES (?, ?)", self.rows)
            return
        marks = ",".join("?" * _TABLES[self.table])
        database.executemany(f"INSERT INTO {self.table} VALUES ({marks})", self.rows)  # noqa: S608 - our words


class SnapshotEnd(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """The end of a snapshot: from its beginning on, the stream holds all that is needed."""

    def apply(self, database: sqlite3.Connection) -> None:
        """It changes nothing."""


Logged: TypeAlias = AnyOperation | EpochStarted | SnapshotBegin | SnapshotRows | SnapshotEnd
"""All that a record may hold."""


def snapshot_records(database: sqlite3.Connection) -> Iterator[list[Operation[object]]]:
    """Yield the records of a snapshot, all but ``SnapshotEnd``."""
    yield [SnapshotBegin()]
    notes = database.execute("SELECT name, value FROM note WHERE name IN (?, ?)", _TOLD)
    if told := [list(row) for row in notes]:
        yield [SnapshotRows(_NOTES, told)]
    for table in (*_TABLES, _SEQUENCES):
        rows = database.execute(f"SELECT * FROM {table}")  # noqa: S608 - our words
        while some := list(islice(rows, _ROWS)):
            yield [SnapshotRows(table, [list(row) for row in some])]


def events(database: sqlite3.Connection) -> Iterator[list[Operation[object]]]:
    """Yield the records that hold all events that a destination still needs."""
    rows = stored_events.events(database, stored_events.first_waiting(database) - 1)
    while some := list(islice(rows, _ROWS)):
        yield [Appended(some)]
