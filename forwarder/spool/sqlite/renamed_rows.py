"""The table of renamings: in which sessions events are that were stamped with other ones when they came."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import starmap
from typing import Final

from msgspec.structs import astuple, replace

from forwarder.sessions.renaming import Renaming, SessionNames
from forwarder.spool.api import StoredEvent

_AFTER: Final = "SELECT who, scope, old, new, since, after, upto FROM renamed WHERE upto >= ? ORDER BY rowid"
_OUTDATED: Final = (
    "DELETE FROM renamed WHERE upto < min("
    " coalesce((SELECT min(first) FROM history), 1 << 62), coalesce((SELECT min(seq) FROM event), 1 << 62))"
)


def write(database: sqlite3.Connection, renamings: Sequence[Renaming]) -> None:
    """Write renamings, and let go of those of events that are in no table any more."""
    database.execute(_OUTDATED)
    database.executemany("INSERT INTO renamed VALUES (?,?,?,?,?,?,?)", map(astuple, renamings))


def read(database: sqlite3.Connection, first: int = 0) -> Iterator[Renaming]:
    """Yield renamings of events from this seq on, oldest first."""
    return starmap(Renaming, database.execute(_AFTER, (first,)))


def names(database: sqlite3.Connection) -> SessionNames:
    """Return what tells in which session each event is now."""
    return SessionNames(0, read(database))


def named(names: SessionNames, event: StoredEvent) -> StoredEvent:
    """Return an event with the session that it is in now."""
    if not names.renames(event.seq):
        return event
    body = names.named(event.seq, event.source, event.body)
    return event if body is event.body else replace(event, body=body)
