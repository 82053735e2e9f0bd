"""The dedup index and its files: careful with those of others, with damaged and with earlier ones."""

import os
from pathlib import Path

import pytest

from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.dedup_table import new_table
from tests.support.dedup_tables import files, known, mark, old_table
from tests.support.spools import HOUR, NOW, at, event, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


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
