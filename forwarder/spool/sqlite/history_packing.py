"""Which events share a row of history: plain functions of values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, takewhile
from typing import Final, TypeAlias

from forwarder.spool.sqlite.history_rows import Entry

Entries: TypeAlias = tuple[Entry, ...]
"""The events of one row, without a gap."""
ROW_EVENTS: Final = 400
"""Most events in a row: more gain 5 % of the bytes, and each event that is shown costs reading a row."""
ROW_BYTES: Final = 1_000_000
"""Bytes of events from which on a row has no room for more."""
FULL: Final = 256
"""Events from which on a row stays as it is; smaller ones are written again together with later ones."""
ALIKE: Final = 4
"""So many small rows of about the same bytes become one."""


def is_full(entries: Sequence[Entry]) -> bool:
    """Return whether events that follow each other fill a row."""
    return len(entries) >= FULL or _size(entries) >= ROW_BYTES


def _size(entries: Sequence[Entry]) -> int:
    """Return the bytes of events that follow each other."""
    (first, _, _), (last, _, _) = entries[0], entries[-1]
    return last[5] - first[5] + len(first[4])


def rows_of(entries: Entries) -> list[Entries]:
    """Return the events as rows, each within the bounds or of one event."""
    rows: list[Entries] = []
    at = 0
    while at < len(entries):
        some = entries[at : at + ROW_EVENTS]
        while len(some) > 1 and _size(some) > 2 * ROW_BYTES:
            some = some[: len(some) // 2]
        rows.append(some)
        at += len(some)
    return rows


def combined(small: tuple[Entries, ...], tail: Entries) -> tuple[tuple[Entries, ...], Entries]:
    """Return the small rows that stay, and the events of those after them with the tail's.

    Rows are combined once there are several of about one size. So an event that is delivered by itself is
    written about four times until its row is full, not once with each of the 256.
    """
    if small and small[-1][-1][0][0] + 1 != tail[0][0][0]:
        return (), tail
    while small and (some := _to_be_combined(small, tail)):
        small, tail = small[:-some], (*chain.from_iterable(small[-some:]), *tail)
    return small, tail


def _to_be_combined(small: Sequence[Entries], tail: Entries) -> int:
    """Return how many of the last small rows become one with the tail."""
    if is_full(tail):
        return len(small)
    most = 2 * _size(tail)
    alike = sum(1 for _ in takewhile(lambda row: _size(row) <= most, reversed(small)))
    return alike if alike >= ALIKE - 1 else 0
