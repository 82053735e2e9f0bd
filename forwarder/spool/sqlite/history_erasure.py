"""Removing accepted events: rows are written anew without them, answers about them are blotted out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from forwarder.spool.api import StoredEvent
from forwarder.spool.history import SentBatch
from forwarder.spool.sqlite import history_rows

_ROW: Final = "SELECT first, events, body FROM history WHERE first <= ? ORDER BY first DESC LIMIT 1"
_SETTLED: Final = "SELECT number, body FROM settled WHERE last >= ? AND first <= ?"


def erase(database: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """Remove the contents, ids and keys of events, and what was answered about them.

    Their places stay, empty, so that the seqs of others do.
    """
    left = sorted(set(seqs))
    while left:
        first, events, body = database.execute(_ROW, (left[-1],)).fetchone() or (left[-1], 1, None)
        theirs = {seq for seq in left if seq >= first}
        left = [seq for seq in left if seq < first]
        if body is not None and min(theirs) < first + events:
            _rewrite(database, history_rows.unpack(first, body), theirs)
    database.executemany(
        "UPDATE event SET message_id = '', body = x'' WHERE seq = ?", [(seq,) for seq in seqs]
    )
    if seqs:
        _blot_out(database, set(seqs))


def _rewrite(database: sqlite3.Connection, events: Iterable[StoredEvent], theirs: set[int]) -> None:
    kept = [
        StoredEvent(one.seq, one.received_at, one.source, "", b"") if one.seq in theirs else one
        for one in events
    ]
    rows = [(one.seq, one.received_at, one.source, one.message_id, one.body, 0) for one in kept]
    body, index = history_rows.pack(rows), history_rows.index_of([(row, None, None) for row in rows])
    database.execute("UPDATE history SET body = ? WHERE first = ?", (body, rows[0][0]))
    database.execute("UPDATE history_hash SET hashes = ? WHERE first = ?", (index, rows[0][0]))


def _blot_out(database: sqlite3.Connection, theirs: set[int]) -> None:
    """Remove answers to requests that these events were in: they may name who was refused."""
    for number, body in database.execute(_SETTLED, (min(theirs), max(theirs))).fetchall():
        ends, sent = history_rows.unpack_settled(body)
        changed = [one._replace(answer=b"") if _is_about(one, theirs) else one for one in sent]
        if changed != sent:
            packed = history_rows.pack_settled(ends, changed)
            database.execute("UPDATE settled SET body = ? WHERE number = ?", (packed, number))


def _is_about(sent: SentBatch, theirs: set[int]) -> bool:
    return any(first <= seq <= last for first, last in sent.events for seq in theirs)
