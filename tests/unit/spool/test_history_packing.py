"""Which events share a row of history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.spool.sqlite.history_packing import (
    FULL,
    ROW_BYTES,
    ROW_EVENTS,
    Entries,
    combined,
    is_full,
    rows_of,
)
from forwarder.spool.sqlite.history_rows import Entry


def rows_with(*rows: Sequence[int]) -> list[Entries]:
    """Return rows of events that follow each other, of so many bytes each."""
    found: list[Entries] = []
    seq, total = 0, 10**6
    for sizes in rows:
        row: list[Entry] = []
        for size in sizes:
            seq, total = seq + 1, total + size
            row.append(((seq, 0, "demo", f"m{seq}", bytes(size), total), None, None))
        found.append(tuple(row))
    return found


def seqs(entries: Entries) -> list[int]:
    return [row[0] for row, _, _ in entries]


def combine(*rows: Sequence[int]) -> tuple[list[list[int]], list[int]]:
    """Return the seqs of the small rows that stay and of the row to be written; the last row is the tail."""
    *small, tail = rows_with(*rows)
    kept, events = combined(tuple(small), tail)
    return [seqs(row) for row in kept], seqs(events)


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
    assert is_full(rows_with([1], sizes)[1]) == full


def test_several_small_rows_of_a_size_become_one() -> None:
    assert combine([10], [10], [10]) == ([[1], [2]], [3]), "not yet so many"
    assert combine([10], [10], [10], [10]) == ([], [1, 2, 3, 4])
    assert combine([10], [10], [10], [4]) == ([[1], [2], [3]], [4]), "more than twice as large"
    assert combine([10], [10], [10], [5]) == ([], [1, 2, 3, 4]), "twice as large"
    assert combine([100], [10], [10], [10], [10]) == ([[1]], [2, 3, 4, 5]), "the large one stays"


def test_a_row_that_was_combined_is_combined_again() -> None:
    fours, ones = [[10] * 4] * 3, [[10]] * 4
    assert combine(*fours, *ones) == ([], list(range(1, 17)))


def test_a_full_row_takes_all_small_ones_in() -> None:
    assert combine([10] * 200, [10], [10] * FULL) == ([], list(range(1, 202 + FULL)))


def test_rows_before_a_gap_stay_as_they_are() -> None:
    """Of events that came while there was no history."""
    one, two, three, _, tail = rows_with([10], [10], [10], [10], [10])
    assert combined((one, two, three), tail) == ((), tail)


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=1500))
def test_rows_follow_each_other_within_the_bounds(sizes: list[int]) -> None:
    (events,) = rows_with(sizes)
    rows = rows_of(events)
    assert list(chain.from_iterable(rows)) == list(events)
    assert max(map(len, rows)) <= ROW_EVENTS


@pytest.mark.parametrize("step", [1, 3, 25, 100])
def test_an_event_is_written_a_few_times_only(step: int) -> None:
    """Delivered one by one or some at a time; written with each of 256, it would be 128 times on average."""
    small: tuple[Entries, ...] = ()
    written: Counter[int] = Counter()
    most = 0
    for tail in rows_with(*[[1000] * step] * (4 * FULL // step)):
        small, events = combined(small, tail)
        written.update(seqs(events))
        small = () if is_full(events) else (*small, events)
        most = max(most, len(small))
        assert all(before[-1][0][0] + 1 == after[0][0][0] for before, after in pairwise(small))
    assert max(written.values()) <= 5
    assert most <= 12, "and few rows are small"


@settings(max_examples=50)
@given(st.lists(st.integers(0, 20).map(lambda power: 2**power), min_size=150, max_size=250))
def test_whatever_sizes_come_few_rows_are_small_and_take_little_memory(sizes: list[int]) -> None:
    """Their events stay in memory until they are written again."""
    small: tuple[Entries, ...] = ()
    for tail in rows_with(*[[size] for size in sizes]):
        small, events = combined(small, tail)
        small = () if is_full(events) else (*small, events)
        assert len(small) <= 60
        assert sum(len(row[4]) for entries in small for row, _, _ in entries) < 8 * ROW_BYTES
