"""Which events share a row of history: plain functions of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from forwarder.spool.sqlite.history_rows import Entry

Entries: TypeAlias = tuple[Entry, ...]
"""The events of one row, without a gap."""
ROW_EVENTS: Final = 400
"""Most events in a row: more gain 5 % of the bytes, and each event that is shown costs reading a row."""
ROW_BYTES: Final = 1_000_000
"""Bytes of events from which on a row has no room for more."""
FULL: Final = 100
"""Events from which on a row is written; fewer stay in their table until there are more. A request of this
many, as libraries send them, is a row of its own: a tenth more bytes than with 400, but its events never
are rows of their own, which costs as much time again."""


def is_full(entries: Sequence[Entry]) -> bool:
    """Return whether events that follow each other fill a row."""
    return len(entries) >= FULL or bool(entries and _size(entries) >= ROW_BYTES)


def _size(entries: Sequence[Entry]) -> int:
    """Return the bytes of events that follow each other."""
    (first, _, _), (last, _, _) = entries[0], entries[-1]
    return last[5] - first[5] + len(first[4])


def rows_of(entries: Entries) -> tuple[list[Entries], Entries]:
    """Return the events as full rows, each within the bounds or of one event, and those that are left."""
    rows: list[Entries] = []
    at = 0
    while is_full(entries[at:]):
        some = entries[at : at + ROW_EVENTS]
        while len(some) > 1 and _size(some) > 2 * ROW_BYTES:
            some = some[: len(some) // 2]
        rows.append(some)
        at += len(some)
    return rows, entries[at:]
