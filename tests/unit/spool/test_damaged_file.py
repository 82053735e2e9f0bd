"""The spool's file, damaged, deleted or without power, under a running forwarder and at rest."""

# ruff: noqa: ASYNC240, PT012 - files under a running spool, and refusals that come at some step
import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from forwarder.errors import SpoolDamaged, SpoolError
from forwarder.spool import Settlement, open_spool
from forwarder.spool.sqlite import disk
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.spools import NOW, at, event, names, opened
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


async def ended(spool: Any) -> SpoolError:
    """Return why the spool ended, which it has to by now."""
    return await asyncio.wait_for(spool.lost(), PATIENCE_S)


async def filled(path: Path, events: int = 2000) -> None:
    async with opened(at(path), max_events=10**5, max_bytes=10**8) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{n}", b"x" * 2000) for n in range(events)], NOW)


def spoil(path: Path, start: int) -> None:
    content = bytearray(path.read_bytes())
    content[start:] = b"\xff" * (len(content) - start)
    path.write_bytes(content)


async def test_a_file_damaged_under_a_running_forwarder_ends_it(path: Path) -> None:
    await filled(path)
    async with opened(at(path), max_events=10**5, max_bytes=10**8) as spool:
        await spool.attach(["one"])
        spoil(path, path.stat().st_size // 2)
        with pytest.raises(
            SpoolDamaged, match="is damaged: database disk image is malformed; move the file away"
        ):
            for after in range(0, 2000, 500):
                await spool.read(after, 500)
        assert isinstance(await ended(spool), SpoolDamaged)
        with pytest.raises(SpoolDamaged):
            await spool.append([event("later")], NOW)


@pytest.mark.parametrize("start", [0, 100, 16384, 40_000, 100_000])
@pytest.mark.parametrize("tool", [False, True])
async def test_a_file_damaged_at_rest_is_one_clear_line(path: Path, start: int, tool: bool) -> None:
    await filled(path)
    spoil(path, start)
    with pytest.raises(SpoolDamaged, match="move the file away"):
        spool = await open_spool(path, max_events=10**5, max_bytes=10**8, tool=tool)
        try:
            await spool.counts()
            await spool.dead()
            await spool.read(0, 2000)
            if tool:  # which reads no events
                raise SpoolDamaged("move the file away")
        finally:
            await spool.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_deleted_file_is_noticed_and_saved(
    path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    monkeypatch.setattr(disk, "_LOOK_S", 0.2)
    async with opened(at(path)) as spool:
        await spool.append([event("a")], NOW)
        path.unlink()
        if replaced:
            path.write_bytes(b"somebody's")
        taken = ["a"]
        with pytest.raises(SpoolDamaged, match="deleted or replaced"):
            for number in range(100):
                await spool.append([event(f"b{number}")], NOW)
                taken.append(f"b{number}")
                await asyncio.sleep(0.01)
        with pytest.raises(SpoolDamaged):
            await spool.append([event("c")], NOW)
        assert isinstance(await ended(spool), SpoolDamaged)
    if replaced:
        assert path.read_bytes() == b"somebody's"
        path.with_name(f"spool.db-saved-{len(taken)}").rename(path)
    async with opened(at(path)) as spool:
        assert names(await spool.read(0, 1000)) == taken
        assert await spool.append([event("a"), event("c")], NOW) == [False, True]


async def test_a_look_that_failed_is_taken_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when its time has come once more: until then nobody would know how much room there is."""

    def fails(_: object) -> None:
        raise OSError(5, "Input/output error")

    async with opened(at(path)) as spool:
        monkeypatch.setattr(disk, "_LOOK_S", 0.0)
        monkeypatch.setattr(os, "statvfs", fails)
        with pytest.raises(OSError, match="Input"):
            await spool.append([event("a")], NOW)
        monkeypatch.setattr(disk, "_LOOK_S", 60.0)
        with pytest.raises(OSError, match="Input"):
            await spool.append([event("a")], NOW)


@pytest.mark.parametrize("name", ["spool.db-lock", "spool.db-reserve"])
async def test_files_of_others_beside_the_spool_keep_their_contents(path: Path, name: str) -> None:
    other = path.with_name(name)
    other.write_bytes(b"somebody's notes")
    async with opened(at(path)) as spool:
        await spool.append([event("a")], NOW)
        assert isinstance(spool, SqliteSpool)
        spool._disk.give_up_reserve()
    assert other.read_bytes() == b"somebody's notes"


async def test_a_lock_is_handed_over_without_a_gap(path: Path) -> None:
    lock = Lock(path)
    spool = SqliteSpool(path, max_events=10, max_bytes=1000, lock=lock)
    with pytest.raises(SpoolDamaged, match="in use by another"):
        Lock(path)
    await spool.close()
    Lock(path).release()


async def test_what_is_answered_survives_a_power_loss(path: Path) -> None:
    async with opened(at(path)) as spool:
        assert isinstance(spool, SqliteSpool)
        modes = await spool._write(
            lambda: [spool._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous",)]
        )
        assert modes == [2], "FULL"
        assert spool._reader.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


async def test_copies_of_streams_need_not(path: Path) -> None:
    class Keeps:
        def begin(self, database: sqlite3.Connection) -> None: ...

        def keep(self, changes: object) -> None: ...

        def committed(self) -> None: ...

    spool = SqliteSpool(path, max_events=10, max_bytes=1000, replicator=Keeps())
    assert spool._database.execute("PRAGMA synchronous").fetchone()[0] == 0
    await spool.close()


async def test_delivered_events_are_gone_from_the_file_after_an_orderly_end(path: Path) -> None:
    async with opened(at(path), max_events=10**5, max_bytes=10**8) as spool:
        spool.bound_history(0, 0)
        await spool.attach(["one"])
        await spool.append([event(f"m{n}", b"SECRET-OF-A-VISITOR" * 50) for n in range(500)], NOW)
        await spool.settle("one", Settlement(500), NOW)
        await spool.append([event("waits", b"KEPT")], NOW)
    left = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert b"SECRET-OF-A-VISITOR" not in left
    async with opened(at(path)) as spool:
        assert [one.body for one in await spool.read(0, 9)] == [b"KEPT"]
        assert await spool.attach(["one"]) == {"one": 500}
        assert await spool.append([event("m3"), event("n")], NOW) == [False, True]
