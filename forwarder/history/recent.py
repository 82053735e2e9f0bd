"""The newest events of history, in bounded numbers; for a reader's thread."""

from __future__ import annotations

import sqlite3
from itertools import islice

from forwarder.history import finding
from forwarder.history.filters import Filters
from forwarder.spool.api import StoredEvent


def recent_events(
    database: sqlite3.Connection, limit: int, since: int = 0, source: str = ""
) -> list[StoredEvent]:
    """Return up to ``limit`` accepted events, newest first. ``since``: received, ms since the epoch."""
    database.execute("BEGIN")  # an event may come from one table into the other meanwhile
    try:
        return list(islice(finding.events(database, Filters(source=source, since=since)), limit))
    finally:
        database.execute("COMMIT")
