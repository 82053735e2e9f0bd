"""Which events share a row of history."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.spool.sqlite.history_packing import (
    FULL,
    ROW_BYTES,
    ROW_EVENTS,
    Entries,
    is_full,
    rows_of,
)
from forwarder.spool.sqlite.history_rows import Entry


def events_of(sizes: Sequence[int]) -> Entries:
    """Return events that follow each other, of so many bytes each."""
    entries: list[Entry] = []
    total = 10**6
    for seq, size in enumerate(sizes, 1):
        total += size
        entries.append(((seq, 0, "demo", f"m{seq}", bytes(size), total), None, None))
    return tuple(entries)


def bytes_of(row: Entries) -> int:
    return sum(len(event[4]) for event, _, _ in row)


@pytest.mark.parametrize(
    ("sizes", "full"),
    [
        ([10] * (FULL - 1), False),
        ([10] * FULL, True),
        ([ROW_BYTES // 2, ROW_BYTES // 2 - 1], False),
        ([ROW_BYTES // 2, ROW_BYTES // 2], True),
    ],
)
def test_a_row_is_full_by_its_events_or_its_bytes(sizes: list[int], full: bool) -> None:
    assert is_full(events_of([1, *sizes])[1:]) == full
    assert not is_full(())


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=1500) | st.lists(st.integers(0, 3 * ROW_BYTES)))
def test_rows_follow_each_other_within_the_bounds(sizes: list[int]) -> None:
    events = events_of(sizes)
    rows, left = rows_of(events)
    assert [*chain.from_iterable(rows), *left] == list(events)
    assert not is_full(left)
    for row in rows:
        assert len(row) == 1 or (len(row) <= ROW_EVENTS and bytes_of(row) <= 2 * ROW_BYTES)


def test_rows_are_as_large_as_they_may_be() -> None:
    rows, left = rows_of(events_of([1] * (2 * ROW_EVENTS + FULL - 1)))
    assert ([len(row) for row in rows], len(left)) == ([ROW_EVENTS, ROW_EVENTS], FULL - 1)
    assert rows_of(()) == ([], ())
