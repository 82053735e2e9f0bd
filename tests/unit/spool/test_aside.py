"""What is set aside comes back as it was, and is removed for good where its user is deleted."""

import sqlite3
from pathlib import Path

import pytest

from forwarder.errors import SpoolDamaged, SpoolFull
from forwarder.spool import Parked, Settlement, StoredEvent
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.schema import unusable
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import Erasure
from tests.support.spools import NOW, event


async def filled(path: Path) -> tuple[SqliteSpool, list[StoredEvent]]:
    """Return a spool with three events, all parked at one destination, two of them in one group."""
    spool = SqliteSpool(path, max_events=100, max_bytes=10**6)
    await spool.attach(["one"])
    await spool.append([event(name, name.encode() * 10) for name in ("a", "b", "c")], NOW)
    events = await spool.read(0, 9)
    kept = [
        Parked(events[0], "u1", ("u1", "d1"), b"first"),
        Parked(events[1], "u1", ("u1",), b""),
        Parked(events[2], "", (), b"third"),
    ]
    await spool.settle("one", Settlement(3, park=kept), NOW)
    assert await spool.parked("one", "u1", 0, 9) == kept[:2]
    assert await spool.parked("one", "", 0, 9) == kept[2:]
    return spool, events


async def test_what_is_parked_comes_back_as_it_was_page_by_page(tmp_path: Path) -> None:
    spool, events = await filled(tmp_path / "spool.db")
    assert [one.event.seq for one in await spool.parked("one", "u1", 0, 1)] == [1]
    assert [one.event.seq for one in await spool.parked("one", "u1", 1, 9)] == [2]
    assert await spool.parked("other", "u1", 0, 9) == []
    first = await spool.all_parked(0, 2)
    assert [(name, one) for _, name, one in first] == [("one", events[0]), ("one", events[1])]
    rest = await spool.all_parked(first[-1][0], 2)
    assert [one for _, _, one in rest] == events[2:]
    assert {one.name: (set(one.keys), one.events) for one in await spool.groups("one")} == {
        "u1": ({"u1", "d1"}, 2),
        "": (set(), 1),
    }
    assert await spool.aside("one", 1) == {2, 3}
    await spool.close()


async def test_what_is_removed_frees_its_bytes_and_nothing_else(tmp_path: Path) -> None:
    spool, _ = await filled(tmp_path / "spool.db")
    await spool.erase(Erasure(parked=[("one", 1), ("one", 77), ("other", 2)]))
    left = [(one.event.body, one.state) for one in await spool.parked("one", "u1", 0, 9)]
    assert left == [(b"", b""), (b"b" * 10, b"")]
    assert spool._capacity._aside == (3, 20)
    await spool.close()


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (sqlite3.SQLITE_FULL, SpoolFull, "spool.db: its disk is full"),
        (sqlite3.SQLITE_CORRUPT, SpoolDamaged, "spool.db"),
        (sqlite3.SQLITE_READONLY, SpoolDamaged, "spool.db cannot be used: odd; check its folder"),
    ],
)
def test_what_makes_a_file_unusable_is_said(code: int, kind: type[Exception], said: str) -> None:
    error = sqlite3.OperationalError("odd")
    error.sqlite_errorcode = code
    found = unusable(Path("spool.db"), error)
    assert type(found) is kind
    assert str(found).startswith(said)


def test_half_characters_have_fingerprints_of_their_own(tmp_path: Path) -> None:
    seen = DedupIndex(tmp_path / "spool.db", slots=64)
    assert len({seen.fingerprint("web", name) for name in ("a", "a\ud800", "a\udc00", "")}) == 4
    seen.close()
