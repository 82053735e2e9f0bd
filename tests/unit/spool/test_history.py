"""History: every accepted event in it once it has ended, within its bounds."""

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forwarder.spool import NewEvent, Settlement
from forwarder.spool.history import Ended, TurnedAway
from forwarder.spool.sqlite import disk, history_packing, history_rows
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.histories import ask, deliver, kept, rows
from tests.support.spools import HOUR, NOW, at, event, opened


async def test_an_event_that_ends_is_in_history_as_it_came(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["one"])
        await spool.append([NewEvent("shop", "a", b"\xff no json"), NewEvent("blog", "b", b"{}")], NOW)
        await spool.append([event("c")], NOW + 5)
        waiting = await spool.read(0, 9)
        await deliver(spool, 2)
        assert await spool.read(0, 9) == waiting[2:]
        assert (await kept(spool))[:2] == waiting[:2]
        await deliver(spool, 3)
        assert await kept(spool) == waiting


async def test_single_events_share_rows(tmp_path: Path) -> None:
    """Of each row on its way none is lost or doubled, and four small ones become one."""
    async with opened(at(tmp_path / "spool.db"), max_events=10**4) as spool:
        await spool.attach(["one"])
        for number in range(1, 331):
            await spool.append([event(f"m{number}")], NOW + number)
            if number % 30 == 0:
                await deliver(spool, number)
        await deliver(spool, 330)
        assert [(one.seq, one.received_at) for one in await kept(spool)] == [
            (number, NOW + number) for number in range(1, 331)
        ]
        assert [len(row) for row in await rows(spool)] == [120, 120, 30, 30, 30]
        assert [row[0].seq for row in await rows(spool)] == [
            first for (first,) in await ask(spool, "SELECT first FROM history_hash ORDER BY first")
        ]


@pytest.mark.parametrize("sizes", [[1], [300, 300], [2500], [100] * 9, [1, 500, 1]])
async def test_what_was_in_memory_is_read_again_after_a_start(tmp_path: Path, sizes: list[int]) -> None:
    where = at(tmp_path / "spool.db")
    done = 0
    for number, size in enumerate(sizes):
        async with opened(where, max_events=10**5) as spool:
            await spool.attach(["one"])
            await spool.append([event(f"{number}.{one}") for one in range(size)], NOW)
            done += size
            if number % 2:
                await deliver(spool, done - 1)
    async with opened(where, max_events=10**5) as spool:
        await deliver(spool, done)
        assert [one.seq for one in await kept(spool)] == list(range(1, done + 1))
        assert max(map(len, await rows(spool))) <= history_packing.ROW_EVENTS


async def test_large_events_have_rows_of_their_own(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db"), max_bytes=10**8) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{number}", b"x" * 900_000) for number in range(5)], NOW)
        await deliver(spool, 5)
        assert [one.message_id for one in await kept(spool)] == [f"m{number}" for number in range(5)]
        assert all(
            sum(len(one.body) for one in row) <= 2 * history_packing.ROW_BYTES for row in await rows(spool)
        )


async def test_a_refused_request_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a transaction wrote that came to nothing is written by the next one, once."""
    real = history_rows.insert
    failures = iter([True, False])

    def insert(*values: Any) -> int:
        size = real(*values)
        if next(failures, False):
            raise ZeroDivisionError
        return size

    async with opened(at(tmp_path / "spool.db"), max_events=10**4) as spool:
        await spool.attach(["one"])
        await spool.append([event("a")], NOW)
        monkeypatch.setattr(history_rows, "insert", insert)
        with pytest.raises(ZeroDivisionError):
            await deliver(spool, 1)
        await deliver(spool, 1)
        assert [one.message_id for one in await kept(spool)] == ["a"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 700), st.integers(0, 3000)), min_size=1, max_size=5),
    st.integers(200, 60_000),
    st.integers(1, 30),
)
async def test_within_its_bounds_the_latest_are_kept(
    tmp_path_factory: pytest.TempPathFactory, appends: list[tuple[int, int]], most: int, hours: int
) -> None:
    """After any appends: the last of all that was accepted are kept, without a gap, within the bounds."""
    path = tmp_path_factory.mktemp("spool") / "spool.db"
    async with opened(at(path), max_events=10**5, max_bytes=10**9) as spool:
        spool.bound_history(most, hours * HOUR)
        await spool.attach(["one"])
        done, now = 0, NOW
        for number, (count, size) in enumerate(appends):
            now = NOW + number * HOUR
            await spool.append([event(f"{number}.{one}", b"x" * size) for one in range(count)], now)
            done += count
            await deliver(spool, done, now)
        found = [one.seq for one in await kept(spool)]
        assert found == list(range(done + 1 - len(found), done + 1)), "the oldest go"
        bodies = await ask(spool, "SELECT sum(length(body)) FROM history")
        index = await ask(spool, "SELECT sum(length(hashes)) FROM history_hash")
        assert (bodies[0][0] or 0) + (index[0][0] or 0) <= most
        if sum(count * size for count, size in appends) < most // 4 and len(appends) < hours:
            assert len(found) == done or most < 20 * done


async def test_what_is_too_old_goes_once_the_clock_is_believed(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        spool.bound_history(10**9, HOUR)
        writer = cast("SqliteSpool", spool)._transaction.history
        await spool.attach(["one"])
        for number in range(1, 4):
            await spool.append([event(f"m{number}", b"x" * 10)] * 1, NOW + number * HOUR)
            writer.restart()  # a row each
            await deliver(spool, number)
            writer._state = writer._saved = writer._state._replace(small=())
        write = cast("SqliteSpool", spool)._note
        assert len(await rows(spool)) == 3
        await write(lambda: writer.expire(NOW + 3 * HOUR + 5, believed=False))
        assert len(await kept(spool)) == 3
        await write(lambda: writer.expire(NOW + 3 * HOUR + 5, believed=True))
        assert [one.seq for one in await kept(spool)] == [3]
        spool.bound_history(0, HOUR)
        await spool.expire(NOW + 3 * HOUR)
        assert await kept(spool) == []


async def test_it_gives_way_where_the_disk_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["one"])
        await spool.append([event("a"), event("b")], NOW)
        await deliver(spool, 1)
        assert len(await kept(spool)) == 2
        monkeypatch.setattr(disk, "SHORT", 2**62)
        await deliver(spool, 2)
        assert await kept(spool) == []
        await spool.append([event("c")], NOW)
        monkeypatch.setattr(disk, "SHORT", 0)
        await deliver(spool, 3)
        assert [one.seq for one in await kept(spool)] == [3]


async def test_off_it_keeps_nothing(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        spool.bound_history(0, 72 * HOUR)
        await spool.attach(["one"])
        await spool.append([event("a")], NOW)
        spool.turn_away([TurnedAway(NOW, "shop", "x", "rejected", "why")])
        assert await spool.append([event("a")], NOW) == [False]
        ended = Settlement(1, ended={("delivered", ""): 1}, ends=[Ended("delivered", "", 1, 1)])
        await spool.settle("one", ended, NOW)
        for table in ("history", "history_hash", "settled", "turned_away"):
            assert await ask(spool, f"SELECT count(*) FROM {table}") == [(0,)]
