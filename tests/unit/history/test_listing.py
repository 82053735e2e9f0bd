"""Pages of events, and what is new: nothing twice, nothing left out, within bounds."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import orjson
import pytest

from forwarder.history.filters import Filters
from forwarder.history.latest import news, upto_now
from forwarder.history.listing import SEARCH_S, Page, Position, listing, turned_away_at
from forwarder.history.states import State, states_of
from forwarder.spool import NewEvent, Settlement, Spool, open_spool
from forwarder.spool.history import Ended, TurnedAway

NOW = 1_790_000_000_000


def made(number: int) -> NewEvent:
    body = {"type": "track", "event": "Seen" if number % 3 else "Bought", "userId": f"u{number % 2}"}
    return NewEvent("shop", f"m{number}", orjson.dumps(body))


async def filled(folder: Path, events: int = 20) -> Spool:
    """Return a spool: of 20 events 1 to 10 delivered, 11 dead; each fifth second one was rejected."""
    spool = await open_spool(folder / "spool.db", max_events=10_000, max_bytes=10**8)
    await spool.attach(["amplitude"])
    for number in range(1, events + 1):
        if number % 5 == 0:
            at = NOW + number * 1000 - 500
            spool.turn_away(
                [TurnedAway(at, "shop", f"bad{number}", "rejected", "no_event", b'{"userId":"u1"}')]
            )
        await spool.append([made(number)], NOW + number * 1000)
        if number in (11, 15):
            ends = [Ended("delivered", "", 1, 10)] if number == 11 else [Ended("dead", "short_id", 11, 11)]
            await spool.settle("amplitude", Settlement(ends[0].last, ends=ends), NOW + number * 1000 + 84)
    return spool


async def page_of(
    spool: Spool,
    filters: Filters,
    limit: int,
    outcome: str = "",
    at: Position | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Page:
    return await spool.look(lambda database: listing(database, filters, limit, outcome, at, clock=clock))


async def ids(spool: Spool, limit: int, filters: Filters | None = None, outcome: str = "") -> list[str]:
    """Return the message ids of all pages."""
    found: list[str] = []
    at: Position | None = Position()
    while at is not None:
        page = await page_of(spool, filters or Filters(), limit, outcome, at)
        assert len(page.rows) <= limit
        found += [one.event.message_id for one in page.rows]
        at = page.after
    return found


ALL = [
    name
    for number in range(20, 0, -1)
    for name in (f"m{number}", *([f"bad{number}"] if number % 5 == 0 else []))
]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 24, 100])
async def test_every_event_is_on_one_page(tmp_path: Path, limit: int) -> None:
    spool = await filled(tmp_path)
    assert await ids(spool, limit) == ALL
    assert await ids(spool, limit, Filters(user="u0")) == [f"m{number}" for number in range(20, 0, -2)]
    assert await ids(spool, limit, outcome="rejected") == ["bad20", "bad15", "bad10", "bad5"]
    assert await ids(spool, limit, outcome="delivered") == [f"m{number}" for number in range(10, 0, -1)]
    assert await ids(spool, limit, outcome="waiting") == [f"m{number}" for number in range(20, 11, -1)]
    assert await ids(spool, limit, Filters(name="Bought"), "dead") == []
    assert await ids(spool, limit, Filters(name="Seen"), "dead") == ["m11"]
    await spool.close()


@pytest.mark.parametrize(("outcome", "expected"), [("", 500), ("delivered", 3), ("waiting", 497)])
async def test_a_search_that_takes_too_long_says_so_and_goes_on(
    tmp_path: Path, outcome: str, expected: int
) -> None:
    spool = await filled(tmp_path)
    await asyncio.gather(*(spool.append([made(number)], NOW + 60_000) for number in range(21, 1501)))
    ends = [Ended("delivered", "", 12, 20)] if expected == 500 else []
    await spool.settle("amplitude", Settlement(12, ends=ends), NOW + 60_000)
    looks, found = 0, []
    at: Position | None = Position()
    while at is not None:
        # a look at this clock takes longer than a page may
        page = await page_of(spool, Filters(name="Bought", since=NOW), 2000, outcome, at, count().__next__)
        looks += 1
        found += [one.event.message_id for one in page.rows if not one.place]
        assert page.is_cut == (page.after is not None)
        at = page.after
    assert len(found) == len(set(found)) == expected
    assert found == sorted(found, key=lambda name: -int(name[1:]))
    assert looks > 2
    await spool.close()


async def test_states_say_how_each_event_ended_and_how_long_it_took(tmp_path: Path) -> None:
    spool = await filled(tmp_path)
    events = [one.event for one in (await page_of(spool, Filters(), 100)).rows if not one.place]
    states = await spool.look(lambda database: states_of(database, events))
    assert states[10] == {"amplitude": State("delivered", "", 1084)}
    assert states[11] == {"amplitude": State("dead", "short_id", 4084)}
    assert states[12] == {}
    assert await spool.look(lambda database: states_of(database, [])) == {}
    await spool.close()


async def test_one_that_ended_at_ingest_is_found_by_its_place(tmp_path: Path) -> None:
    spool = await filled(tmp_path)
    page = await page_of(spool, Filters(), 100)
    for row in (one for one in page.rows if one.place):
        one = await spool.look(partial(turned_away_at, place=row.place))
        assert one is not None
        assert one.message_id == row.event.message_id
    assert await spool.look(lambda database: turned_away_at(database, 99_999_999)) is None
    await spool.close()


async def test_news_is_what_came_since_and_how_what_waited_ended(tmp_path: Path) -> None:
    spool = await filled(tmp_path)
    since = await spool.look(upto_now)
    nothing = await spool.look(lambda database: news(database, since, 5))
    assert nothing == ([], 0, {}, since)
    page = await page_of(spool, Filters(), 100)
    waiting = [one.event for one in page.rows if not (one.place or one.states)]
    spool.turn_away([TurnedAway(NOW + 30_000, "shop", "bad", "rejected", "no_event")])
    await asyncio.gather(*(spool.append([made(number)], NOW + 30_000 + number) for number in range(21, 29)))
    ends = [Ended("delivered", "", 12, 14), Ended("filtered", "no trigger matched", 28, 28)]
    await spool.settle("amplitude", Settlement(14, ends=ends), NOW + 31_000)
    new = await spool.look(lambda database: news(database, since, 5, waiting))
    assert {one.event.message_id for one in new.rows} >= {"bad"}
    assert [one.event.seq for one in new.rows if not one.place] == [24, 25, 26, 27, 28]
    assert new.passed_over == 3
    assert sorted(new.states) == [12, 13, 14]
    assert new.rows[-1].states["amplitude"].outcome == "filtered"
    assert new.upto == await spool.look(upto_now)
    await spool.close()


async def test_what_ends_at_ingest_after_all_of_them_went_is_new_all_the_same(tmp_path: Path) -> None:
    spool = await filled(tmp_path)
    since = await spool.look(upto_now)
    spool.bound_history(0, 0)
    await spool.expire(NOW)
    assert (await spool.look(upto_now)).place == 0
    spool.bound_history(10**9, 10**9)
    spool.turn_away([TurnedAway(NOW + 30_000, "shop", "bad", "rejected", "no_event")])
    await spool.write_turned_away()
    new = await spool.look(lambda database: news(database, since, 5))
    assert [one.event.message_id for one in new.rows] == ["bad"]
    assert 0 < new.upto.place < since.place
    await spool.close()


@pytest.mark.parametrize(("filters", "is_cut"), [(Filters(name="Bought"), True), (Filters(user="u0"), False)])
async def test_who_looks_for_an_id_may_look_longer(tmp_path: Path, filters: Filters, is_cut: bool) -> None:
    spool = await filled(tmp_path)
    seconds = iter([0.0, *[SEARCH_S + 0.01] * 100])
    page = await page_of(spool, filters, 50, clock=seconds.__next__)
    assert page.is_cut == is_cut
    await spool.close()
