"""History: every accepted event in it once it has ended, within its bounds."""

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forwarder.spool import NewEvent, Settlement
from forwarder.spool.history import Ended, TurnedAway
from forwarder.spool.sqlite import disk, history_packing, history_rows
from forwarder.spool.sqlite.history_packing import FULL
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.histories import ask, deliver, kept, rows
from tests.support.spools import HOUR, NOW, at, event, opened


async def test_an_event_is_kept_as_it_came(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["one"])
        await spool.append([NewEvent("shop", "a", b"\xff no json"), NewEvent("blog", "b", b"{}")], NOW)
        await spool.append([event("c")], NOW + 5)
        waiting = await spool.read(0, 9)
        await deliver(spool, 2)
        assert await spool.read(0, 9) == waiting[2:]
        assert await kept(spool) == waiting
        await deliver(spool, 3)
        assert await kept(spool) == waiting


@pytest.mark.parametrize("together", [1, 30, FULL, 130])
async def test_events_share_rows(tmp_path: Path, together: int) -> None:
    """None is lost or doubled on its way into a row, whether it has ended by then or not."""
    async with opened(at(tmp_path / "spool.db"), max_events=10**4) as spool:
        await spool.attach(["one"])
        count = 330 // together * together
        done = 0
        for number in range(0, count, together):
            await spool.append([event(f"m{number + one}") for one in range(together)], NOW + number)
            if number % 4 == 0:
                done = number
                await deliver(spool, done)
        assert [one.seq for one in await spool.read(0, count)] == [*range(done + 1, count + 1)]
        await deliver(spool, count)
        assert [one.message_id for one in await kept(spool)] == [f"m{number}" for number in range(count)]
        assert len(await rows(spool)) == {1: 3, 30: 2, FULL: 3, 130: 2}[together]
        table = await ask(spool, "SELECT count(*) FROM event")
        assert table == [(count - sum(map(len, await rows(spool))),)]


async def test_what_waits_in_rows_is_read_after_a_start(tmp_path: Path) -> None:
    """As many as are asked for, from the middle of a row on, and those of the table behind them."""
    where = at(tmp_path / "spool.db")
    async with opened(where, max_events=10**4) as spool:
        await spool.attach(["one"])
        for size in (450, 30, 80):
            await spool.append([event(f"{size}.{one}") for one in range(size)], NOW + size)
        await deliver(spool, 37)
        before = await spool.counts()
    async with opened(where, max_events=10**4) as spool:
        assert await spool.counts() == before
        assert (before.events, before.oldest_at) == (560 - 37, NOW + 450)
        for after, limit in ((0, 5), (37, 5), (398, 4), (400, 60), (478, 4), (479, 1), (0, 999), (560, 9)):
            first = max(37, after) + 1
            expected = list(range(first, min(first + limit, 561)))
            assert [one.seq for one in await spool.read(after, limit)] == expected
        assert (await spool.read(479, 1))[0].message_id == "30.29"


async def test_bytes_that_wait_are_counted_wherever_they_lie(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db"), max_events=10**4) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"{one}", b"x" * one) for one in range(1, 131)], NOW)
        await spool.append([event(f"a{one}", b"x" * 1000) for one in range(3)], NOW)
        for done in (0, 5, 129, 130, 132, 133):
            await deliver(spool, done)
            counts = await spool.counts()
            left = [*range(1, 131), 1000, 1000, 1000][done:]
            assert (counts.events, counts.bytes) == (len(left), sum(left))


async def test_numbers_go_on_where_all_rows_are_gone(tmp_path: Path) -> None:
    where = at(tmp_path / "spool.db")
    async with opened(where, max_events=10**4) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{one}") for one in range(FULL)], NOW)
        await deliver(spool, FULL)
        spool.bound_history(0, 0)
        await spool.expire(NOW)
        assert await kept(spool) == []
    async with opened(where) as spool:
        assert await spool.attach(["one", "two"]) == {"one": FULL, "two": FULL}
        await spool.append([event("next")], NOW)
        assert [one.seq for one in await kept(spool)] == [FULL + 1]


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
        assert max(map(len, await rows(spool)), default=0) <= history_packing.ROW_EVENTS


async def test_large_events_have_rows_of_their_own(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db"), max_bytes=10**8) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{number}", b"x" * 900_000) for number in range(5)], NOW)
        await deliver(spool, 5)
        assert [one.message_id for one in await kept(spool)] == [f"m{number}" for number in range(5)]
        assert all(
            sum(len(one.body) for one in row) <= 2 * history_packing.ROW_BYTES for row in await rows(spool)
        )


async def test_a_transaction_that_comes_to_nothing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it wrote is written by the next one, once."""
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
        some = [event(f"m{number}") for number in range(FULL)]
        with pytest.raises(ZeroDivisionError):
            await spool.append(some, NOW)
        assert await spool.append(some, NOW) == [True] * FULL
        assert [one.message_id for one in await kept(spool)] == ["a", *(one.message_id for one in some)]


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


async def test_what_is_too_old_goes_once_the_clock_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_packing, "FULL", 1)
    async with opened(at(tmp_path / "spool.db")) as spool:
        spool.bound_history(10**9, HOUR)
        writer = cast("SqliteSpool", spool)._transaction.history
        await spool.attach(["one"])
        for number in range(1, 4):
            await spool.append([event(f"m{number}", b"x" * 10)], NOW + number * HOUR)
            await deliver(spool, number)
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
    monkeypatch.setattr(history_packing, "FULL", 2)
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["one"])
        await spool.append([event("a"), event("b")], NOW)
        await spool.append([event("c"), event("d")], NOW)
        await deliver(spool, 3)
        assert len(await rows(spool)) == 2
        monkeypatch.setattr(disk, "SHORT", 2**62)
        await deliver(spool, 3)
        assert [one.seq for one in await kept(spool)] == [3, 4], "one of these waits"
        await deliver(spool, 4)
        assert await kept(spool) == []
        await spool.append([event("e"), event("f")], NOW)
        monkeypatch.setattr(disk, "SHORT", 0)
        await deliver(spool, 6)
        assert [one.seq for one in await kept(spool)] == [5, 6]


async def test_off_it_keeps_nothing(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        spool.bound_history(0, 72 * HOUR)
        await spool.attach(["one"])
        await spool.append([event("a")], NOW)
        spool.turn_away([TurnedAway(NOW, "shop", "x", "rejected", "why")])
        assert await spool.append([event("a")], NOW) == [False]
        ended = Settlement(1, ended={("delivered", ""): 1}, ends=[Ended("delivered", "", 1, 1)])
        await spool.settle("one", ended, NOW)
        for table in ("event", "history", "history_hash", "settled", "turned_away"):
            assert await ask(spool, f"SELECT count(*) FROM {table}") == [(0,)]
