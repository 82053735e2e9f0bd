"""The dedup index: keyed, bounded, on time, and careful with files."""

import mmap
import os
import random
import struct
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import pytest

from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.dedup_table import FARTHEST, Table, new_table
from tests.support.spools import HOUR, NOW, at, event, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def seen(path: Path) -> Iterator[DedupIndex]:
    index = DedupIndex(path, slots=64)
    yield index
    index.close()


def mark(seen: DedupIndex, *names: str, at: int = NOW) -> None:
    """As the spool does it: forget what is old, then mark."""
    seen.expire(at)
    seen.add([seen.fingerprint("shop", name) for name in names], at)


def known(seen: DedupIndex, name: str, at: int | None = None) -> bool:
    if at is not None:
        seen.expire(at)
    return seen.has(seen.fingerprint("shop", name), "shop", name)


def files(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir())


def unkeyed(name: str) -> int:
    return int.from_bytes(blake2b(f"shop\n{name}".encode(), digest_size=8).digest(), "little")


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


THEIRS = ("x.bak", "notes.txt", "backup.tar.gz", "64.1.bak", "64.bak", "64", "64.1~", "a.1", "-64.1", "64.-1")


def test_files_of_others_are_left_alone(path: Path) -> None:
    contents = {f"spool.db-seen-{end}": os.urandom(600) for end in THEIRS}
    contents |= {"spool.db-seen-64.7": b"a file of somebody's, with a name like ours" * 9}
    contents |= {"other.db-seen-64.3": os.urandom(600), "spool.db-seen-": b"", "xspool.db-seen-64.9": b""}
    for name, content in contents.items():
        path.with_name(name).write_bytes(content)
    path.with_name("spool.db-seen-64.5").mkdir()
    seen = DedupIndex(path, slots=64)
    mark(seen, *(f"m{n}" for n in range(200)))
    assert all(known(seen, f"m{n}") for n in range(200))
    seen.expire(NOW + 40 * HOUR)
    seen.close()
    assert {name: path.with_name(name).read_bytes() for name in contents} == contents
    assert files(path) == sorted([*contents, "spool.db-seen-64.5"])


async def test_a_copy_of_a_table_beside_it_stops_nothing(path: Path) -> None:
    async with opened(at(path)) as spool:
        await spool.append([event("a")], NOW)
    (table,) = path.parent.glob("*-seen-*")
    copied = path.with_name(f"{table.name}.bak")
    copied.write_bytes(table.read_bytes())
    async with opened(at(path)) as spool:
        assert await spool.append([event("a"), event("b")], NOW + 13 * HOUR) == [False, True]
        assert await spool.append([event("c")], NOW + 26 * HOUR) == [True]
    assert copied.exists()


@pytest.mark.parametrize("size", [0, 3, 24, 56, 400, 56 + 8 * 63], ids=str)
def test_a_table_cut_off_at_rest_is_forgotten(path: Path, size: int) -> None:
    seen = DedupIndex(path, slots=64)
    mark(seen, "a")
    seen.close()
    (table,) = path.parent.glob("*-seen-*")
    os.truncate(table, size)
    seen = DedupIndex(path, slots=64)
    assert not known(seen, "a")
    mark(seen, "a")
    assert known(seen, "a")
    assert len(files(path)) == 1, "the useless one is gone"
    seen.close()


@pytest.mark.parametrize("size", [0, 100])
async def test_a_table_cut_off_under_a_running_spool_kills_nobody(path: Path, size: int) -> None:
    """Without the look at its size this is SIGBUS, which ends the test run."""
    async with opened(at(path), max_events=10**5) as spool:
        await spool.append([event(f"m{n}") for n in range(1000)], NOW)
        for table in path.parent.glob("*-seen-*"):
            os.truncate(table, size)
        await spool.append([event(f"n{n}") for n in range(1000)], NOW)
        assert await spool.append([event("n0"), event("o0")], NOW) == [False, True]


def old_table(path: Path, *names: str) -> None:
    """Write a table as the forwarders before keys did."""
    words = [0] * 64
    for name in names:
        place = unkeyed(name) & 63
        while words[place]:
            place = (place + 1) & 63
        words[place] = unkeyed(name)
    header = (0x5345454E5345454E, 1, NOW, NOW, len(names))
    path.with_name("spool.db-seen-64.4").write_bytes(struct.pack("<69Q", *header, *words))


def test_tables_without_a_key_are_asked_until_they_expire(path: Path) -> None:
    old_table(path, "a", "b")
    for _ in range(2):
        seen = DedupIndex(path, slots=64)
        mark(seen, "c", at=NOW + HOUR)
        assert [known(seen, name) for name in "abcd"] == [True, True, True, False]
        seen.close()
    seen = DedupIndex(path, slots=64)
    mark(seen, "d", at=NOW + 25 * HOUR)
    assert [known(seen, name) for name in "abcd"] == [False, False, True, True]
    assert not path.with_name("spool.db-seen-64.4").exists()
    seen.close()


def test_a_disk_without_room_leaves_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    seen = DedupIndex(path, slots=64)
    mark(seen, *(f"m{n}" for n in range(100)))
    seen.check()
    assert all(known(seen, f"m{n}") for n in range(100))
    assert files(path) == []
    seen.close()


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


def test_a_table_whose_places_are_no_power_of_two_is_forgotten(path: Path) -> None:
    """Its places could not be found again by a mask."""
    made = DedupIndex(path, slots=64)
    made.add([made.fingerprint("a", "b")], NOW)
    made.close()
    [file] = path.parent.glob("*-seen-*")
    odd = file.with_name(file.name.replace("-seen-64.", "-seen-60."))
    odd.write_bytes(file.read_bytes()[: -4 * 8])
    file.unlink()
    again = DedupIndex(path)
    assert not again.has(again.fingerprint("a", "b"), "a", "b")
    assert not odd.exists()
    again.close()


def test_tables_are_numbered_from_one_and_for_their_owner_alone(path: Path) -> None:
    first = new_table(path, 64, b"k" * 16, NOW)
    second = new_table(path, 64, b"k" * 16, NOW)
    assert (first.number, second.number) == (1, 2)
    assert (first.began, first.last) == (NOW, NOW)
    for one in path.parent.iterdir():
        assert one.stat().st_mode & 0o777 == 0o600, "nobody else reads what came"
    first.set_times(NOW + 1, NOW + 2)
    assert (first.began, first.last) == (NOW + 1, NOW + 2)
    first.set_times(-5, -5)
    assert (first.began, first.last) == (0, 0)
    for one in path.parent.iterdir():
        one.unlink()
    first.drop()
    second.drop()


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
