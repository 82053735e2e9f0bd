"""The dedup index: keyed, bounded and on time."""

import mmap
import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.dedup_table import FARTHEST, Table, new_table
from tests.support.dedup_tables import files, known, mark, old_table, unkeyed
from tests.support.spools import HOUR, NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def seen(path: Path) -> Iterator[DedupIndex]:
    index = DedupIndex(path, slots=64)
    yield index
    index.close()


def test_nobody_outside_knows_where_an_id_falls(path: Path) -> None:
    ours, others = DedupIndex(path), DedupIndex(path.with_name("other.db"))
    names = [f"m{n}" for n in range(100)]
    first = [ours.fingerprint("shop", name) for name in names]
    assert not set(first) & {others.fingerprint("shop", name) for name in names}
    assert not set(first) & set(map(unkeyed, names))
    mark(ours, "a")
    ours.close()
    again = DedupIndex(path)
    assert [again.fingerprint("shop", name) for name in names] == first, "the key stays with the tables"
    again.close()
    others.close()


def longest_run(path: Path) -> int:
    words = memoryview(path.read_bytes()).cast("Q")[7:]
    runs = "".join("x" if word else " " for word in words).split()
    return max(map(len, runs))


def test_ids_chosen_to_collide_are_spread_like_any_others(path: Path) -> None:
    """Chosen by the hash everybody can compute, as far as an attacker sees it."""
    chosen = [name for n in range(200_000) if unkeyed(name := f"m{n}") >> 4 & 63 == 0]
    assert len(chosen) > 3000
    seen = DedupIndex(path, slots=1 << 14)
    mark(seen, *chosen)
    assert all(known(seen, name) for name in chosen)
    assert longest_run(next(path.parent.glob("*-seen-*"))) < 100
    seen.close()


def test_probing_is_bounded_whatever_the_fingerprints(path: Path) -> None:
    table = new_table(path, 1 << 12, os.urandom(16), NOW)
    colliding = [n << 40 | 5 for n in range(1, FARTHEST + 2)]
    assert [table.add(one) for one in colliding] == [True] * FARTHEST + [False]
    assert [table.has(one) for one in colliding] == [True] * FARTHEST + [False]
    table.close()


def test_marks_without_a_place_go_into_another_table(path: Path) -> None:
    seen = DedupIndex(path, slots=1 << 12)
    colliding = [n << 40 | 5 for n in range(1, FARTHEST + 2)]
    seen.add(colliding, NOW)
    assert all(seen.has(one, "", "") for one in colliding)
    assert [table.mask + 1 for table in seen._tables] == [1 << 12, 1 << 13]
    seen.close()


def test_a_mark_is_known_for_24_hours_after_the_last_of_its_table(seen: DedupIndex) -> None:
    mark(seen, "a")
    mark(seen, "b", at=NOW + 11 * HOUR)
    assert known(seen, "b", NOW + 34 * HOUR)
    assert known(seen, "a", NOW + 34 * HOUR), "at most 36 hours"
    assert not known(seen, "a", NOW + 36 * HOUR)
    assert not known(seen, "b", NOW + 36 * HOUR)


def test_steady_traffic_is_forgotten_all_the_same(path: Path, seen: DedupIndex) -> None:
    for hour in range(72):
        mark(seen, f"m{hour}", at=NOW + hour * HOUR)
        assert known(seen, f"m{max(0, hour - 24)}")
        assert not known(seen, f"m{hour - 37}")
    assert len(files(path)) <= 4


@pytest.mark.parametrize("reopened", [False, True])
def test_a_clock_that_was_ahead_for_years_leaves_nothing_behind(path: Path, reopened: bool) -> None:
    seen, years = DedupIndex(path, slots=64), 12 * 365 * 24 * HOUR
    mark(seen, *(f"ahead{n}" for n in range(60)), at=NOW + years)  # a full table and another
    if reopened:
        seen.close()
        seen = DedupIndex(path, slots=64)
    mark(seen, "back", at=NOW)
    assert known(seen, "ahead0", NOW + 23 * HOUR), "from the jump on they count as new"
    for hour in range(1, 80):
        mark(seen, f"m{hour}", at=NOW + hour * HOUR)
    assert not known(seen, "ahead0")
    assert not known(seen, "ahead59")
    assert not known(seen, "back")
    assert len(files(path)) <= 4
    seen.close()


def test_a_small_step_back_forgets_nothing(seen: DedupIndex) -> None:
    mark(seen, "a", at=NOW)
    mark(seen, "b", at=NOW - 30_000)
    assert known(seen, "a", NOW + 23 * HOUR)
    assert known(seen, "b", NOW + 23 * HOUR)


def test_any_marks_are_found_and_no_others(path: Path) -> None:
    chance = random.Random(1)
    marks = [chance.getrandbits(64) or 1 for _ in range(30)]
    words = mmap.mmap(-1, 8 * (64 + 7))
    struct.pack_into("<2Q", words, 0, 0x5345454E5345454E, 2)
    table = Table(words, None, 1)
    assert all(map(table.add, marks))
    assert all(map(table.has, marks))
    assert not any(table.has(mark ^ 1) for mark in marks if mark ^ 1 not in marks)
    table.close()


def test_a_table_is_full_at_three_fifths_and_the_next_one_is_twice_as_large(
    path: Path, seen: DedupIndex
) -> None:
    table = new_table(path.with_name("other.db"), 64, b"k" * 16, NOW)
    for number in range(1, 39):
        assert not table.full
        assert table.add(number)
        assert table.add(number), "it is there already, and counts once"
    assert table.full
    table.close()
    for number in range(200):
        mark(seen, f"m{number}", at=NOW)
    assert [one.mask + 1 for one in seen._tables] == [64, 128, 256]
    assert all(known(seen, f"m{number}") for number in range(200))


def test_ids_with_half_characters_are_ids_in_tables_of_either_kind(path: Path) -> None:
    old_table(path, "a")
    seen = DedupIndex(path, slots=64)
    half = "\ud83d"
    assert not known(seen, half)
    mark(seen, half, at=NOW)
    assert known(seen, half)
    seen.close()


def test_fingerprints_are_64_bits_and_never_that_of_a_free_place(
    seen: DedupIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Digest:
        def __init__(self, said: bytes) -> None:
            self.said = said

        def copy(self) -> "Digest":
            return self

        def update(self, _: bytes) -> None: ...

        def digest(self) -> bytes:
            return self.said

    for said, mark_of_it in ((bytes(8), 1), (b"\1" + bytes(7), 1), (bytes(7) + b"\1", 1 << 56)):
        monkeypatch.setattr(seen, "_hash", Digest(said))
        assert seen.fingerprint("shop", "m") == mark_of_it
