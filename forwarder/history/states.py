"""How events stand at each destination, and how long that took: of many events at once."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from forwarder.spool.api import StoredEvent
from forwarder.spool.sqlite import history_rows

_OVERLAPPING: Final = (
    f"SELECT number, first, last FROM settled WHERE last BETWEEN ?1 AND ?2 + {history_rows.WIDEST}"  # noqa: S608
    " AND first <= ?2 ORDER BY number"
)
_SETTLED: Final = "SELECT destination, at, body FROM settled WHERE number = ?"


class State(NamedTuple):
    """The end of an event at a destination. ``took_ms``: from when it was received until that was written."""

    outcome: str
    reason: str
    took_ms: int


def states_of(database: sqlite3.Connection, events: Sequence[StoredEvent]) -> dict[int, dict[str, State]]:
    """Return by seq and destination how events ended; where one waits, nothing is said."""
    received = {one.seq: one.received_at for one in events}
    seqs = sorted(received)
    found: dict[int, dict[str, State]] = {seq: {} for seq in seqs}
    if not seqs:
        return found
    # The index has all that is needed here; of the bodies only those are read that may say something.
    for number, first, last in database.execute(_OVERLAPPING, (seqs[0], seqs[-1])).fetchall():
        if not _within(seqs, first, last):
            continue
        destination, at, body = database.execute(_SETTLED, (number,)).fetchone() or ("", 0, b"")
        for ended in history_rows.unpack_settled(body)[0] if body else ():
            for seq in _within(seqs, ended.first, ended.last):
                found[seq][destination] = State(ended.outcome, ended.reason, max(0, at - received[seq]))
    return found


def _within(seqs: Sequence[int], first: int, last: int) -> Sequence[int]:
    """Return which of the sorted seqs lie between these two."""
    begin = bisect_left(seqs, first)
    return seqs[begin : bisect_left(seqs, last + 1, begin)]
