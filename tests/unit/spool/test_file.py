"""The spool's file: of its own format or an older one, sound, and served from by one forwarder."""

import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from forwarder.errors import SpoolDamaged, SpoolFull
from forwarder.spool import NewDead, Settlement, open_spool
from forwarder.spool.sqlite import schema
from forwarder.spool.suppression import marks_for
from tests.support.spools import NOW, at, event, names, opened

FORMAT_1 = Path(__file__).parent / "data/spool_format_1.db.gz"
FORMAT_2 = Path(__file__).parent / "data/spool_format_2.db.gz"
"""What version 0.1.0 left."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def format_1(path: Path) -> Path:
    """A file of format 1 as its forwarder left it."""
    path.write_bytes(gzip.decompress(FORMAT_1.read_bytes()))
    return path


async def test_a_second_forwarder_is_refused(path: Path) -> None:
    async with opened(at(path)):
        with pytest.raises(SpoolDamaged, match="in use by another forwarder"):
            await open_spool(path, max_events=1, max_bytes=1)
        tool = await open_spool(path, max_events=1, max_bytes=1, tool=True)
        assert await tool.dead() == []
        await tool.close()


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to be read as one" * 100)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
        database.execute("PRAGMA user_version=99")
    database.close()


@pytest.mark.parametrize(
    ("make", "says"),
    [(_garbage, "not a database"), (_foreign, "another program"), (_newer, "newer forwarder")],
)
async def test_a_file_that_is_no_spool_is_refused(
    path: Path, make: Callable[[Path], None], says: str
) -> None:
    make(path)
    with pytest.raises(SpoolDamaged, match=rf"spool\.db .*{says}"):
        await open_spool(path, max_events=1, max_bytes=1)


def _spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)


async def test_a_damaged_file_is_refused_after_a_crash(path: Path) -> None:
    async with opened(at(path), max_events=10**5, max_bytes=10**8) as spool:
        await spool.append([event(f"m{n}", b"x" * 2000) for n in range(2000)], NOW)
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM note")  # as if it had not ended in order
    database.close()
    _spoil(path)
    with pytest.raises(SpoolDamaged, match="move the file away"):
        await open_spool(path, max_events=1, max_bytes=1)


async def test_an_older_format_is_migrated(format_1: Path) -> None:
    path = format_1
    async with opened(at(path)) as spool:
        assert await spool.attach(["one", "two"]) == {"one": 4, "two": 2}
        assert names(await spool.read(2, 9)) == [f"m{n}" for n in range(3, 9)]
        assert await spool.append([event("m8"), event("m9")], NOW) == [False, True]
        groups = {group.name: (set(group.keys), group.events) for group in await spool.groups("one")}
        assert groups == {"u1": ({"u1", "d1"}, 1), "u2": ({"u2"}, 1)}
        assert await spool.aside("one", 4) == {6, 7}
        assert [(one.event.seq, one.reason) for one in await spool.dead()] == [
            (3, "invalid time"),
            (7, "silenced"),
        ]
        assert await spool.marks() == []
        assert await spool.mark_users(marks_for(["u1"], [""], 0), NOW) == 1
        # How events ended before is not known: what was still to end then, and what came since, adds up.
        one, two = (await spool.counts()).destinations.values()
        assert (one.accepted, one.waiting, one.parked, one.dead) == (5, 5, 2, 2)
        assert (two.accepted, two.waiting) == (7, 7)
        await spool.settle("one", Settlement(9, unpark=[2, 6], ended={("delivered", ""): 5}), NOW)
        assert (await spool.counts()).destinations["one"][:3] == (5, 0, {("delivered", ""): 5})
    async with opened(at(path)) as spool:
        assert (await spool.counts()).destinations["one"].accepted == 5
        assert [mark.upto for mark in await spool.marks()] == [9]


async def test_a_file_of_version_0_1_0_keeps_its_counts(path: Path) -> None:
    path.write_bytes(gzip.decompress(FORMAT_2.read_bytes()))  # noqa: ASYNC240 - a test
    for _ in range(2):
        async with opened(at(path)) as spool:
            assert await spool.attach(["one", "two"]) == {"one": 5, "two": 2}
            assert names(await spool.read(2, 9)) == [f"m{n}" for n in range(3, 9)]
            assert await spool.append([event("m8")], NOW) == [False]
            assert [(group.name, set(group.keys)) for group in await spool.groups("one")] == [
                ("u1", {"u1", "d1"})
            ]
            assert [one.reason for one in await spool.dead()] == ["invalid time"]
            one, two = (await spool.counts()).destinations.values()
            assert (one.accepted, one.waiting, one.parked, one.dead) == (8, 4, 1, 1)
            assert one.ended == {("delivered", ""): 3}
            assert (two.accepted, two.waiting) == (8, 6)
            assert two.ended == {("delivered", ""): 1, ("filtered", "no trigger"): 1}


async def test_a_tool_makes_no_file(path: Path) -> None:
    with pytest.raises(SpoolDamaged, match="there is no spool"):
        await open_spool(path, max_events=1, max_bytes=1, tool=True)
    assert not path.exists()  # noqa: ASYNC240 - a test


async def test_a_tool_takes_a_file_only_as_it_is(format_1: Path) -> None:
    with pytest.raises(SpoolDamaged, match="start this one on it once"):
        await open_spool(format_1, max_events=1, max_bytes=1, tool=True)


async def test_what_a_tool_sends_again_spoils_no_count(path: Path) -> None:
    async with opened(at(path), max_events=1) as spool:
        await spool.attach(["one"])
        await spool.append([event("a")], NOW)
        (a,) = await spool.read(0, 1)
        await spool.settle("one", Settlement(1, dead=[NewDead(a, "why", b"{}", b"")]), NOW)
        tool = await at(path).open(tool=True)
        assert await tool.retry([1]) == 1
        await tool.close()
        assert (await spool.counts()).destinations["one"].parked == 1
        await spool.settle("one", Settlement(1, unpark=[1]), NOW)
        assert await spool.append([event("b")], NOW) == [True]
        with pytest.raises(SpoolFull):
            await spool.append([event("c")], NOW)
