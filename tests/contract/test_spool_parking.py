"""Parked events and dead letters of a spool, and how all adds up. Every implementation passes."""

import pytest

from forwarder.spool import NewDead, Parked, Settlement, Standing
from tests.support.spools import NOW, Where, event, opened


async def test_merging_lanes_of_one_destination_leaves_those_of_another(where: Where) -> None:
    async with opened(where) as spool:
        await spool.attach(["one", "two"])
        await spool.append([event("a"), event("b")], NOW)
        a, b = await spool.read(0, 2)
        park = [Parked(a, "u1", ("u1",), b""), Parked(b, "u2", ("u2",), b"")]
        for name in ("one", "two"):
            await spool.settle(name, Settlement(2, park=park), NOW)
        await spool.settle("one", Settlement(2, merge={"u2": "u1"}), NOW)
        assert {group.name: group.events for group in await spool.groups("one")} == {"u1": 2}
        assert {group.name: group.events for group in await spool.groups("two")} == {"u1": 1, "u2": 1}


async def test_parked_events_come_back_by_lane_in_order(where: Where) -> None:
    async with opened(where) as spool:
        await spool.attach(["one", "two"])
        await spool.append([event(name) for name in "abcd"], NOW)
        a, b, c, d = await spool.read(0, 10)
        park = [Parked(one, "u1", ("u1", "d1"), b"s") for one in (a, c, d)] + [Parked(b, "u2", ("u2",), b"")]
        await spool.settle("one", Settlement(4, park=park), NOW)
    async with opened(where) as spool:
        await spool.attach(["one", "two"])
        groups = {group.name: (set(group.keys), group.events) for group in await spool.groups("one")}
        assert groups == {"u1": ({"u1", "d1"}, 3), "u2": ({"u2"}, 1)}
        assert await spool.groups("two") == []
        assert [one.event for one in await spool.parked("one", "u1", 0, 2)] == [a, c]
        assert [one.event for one in await spool.parked("one", "u1", c.seq, 2)] == [d]
        await spool.settle("one", Settlement(4, unpark=[a.seq], merge={"u2": "u1"}), NOW)
        assert [one.event for one in await spool.parked("one", "u1", 0, 9)] == [b, c, d]
        standings = (await spool.counts()).destinations
        assert (standings["one"].parked, standings["two"].parked) == (3, 0)


async def test_parking_again_replaces_the_state(where: Where) -> None:
    async with opened(where) as spool:
        await spool.attach(["one"])
        await spool.append([event("a")], NOW)
        (a,) = await spool.read(0, 1)
        await spool.settle("one", Settlement(1, park=[Parked(a, "u", ("u",), b"1")]), NOW)
        await spool.settle("one", Settlement(1, park=[Parked(a, "u", ("u",), b"2")]), NOW)
        assert [one.state for one in await spool.parked("one", "u", 0, 9)] == [b"2"]


async def test_dead_letters_are_kept_retried_and_dropped(where: Where) -> None:
    async with opened(where) as spool:
        await spool.attach(["one"])
        await spool.append([event("a", b"1"), event("b")], NOW)
        a, b = await spool.read(0, 2)
        dead = [NewDead(a, "refused", b'{"x":1}', b"st"), NewDead(b, "mapping", b"{}", b"")]
        await spool.settle("one", Settlement(2, dead=dead), NOW + 5)
        kept = await spool.dead()
        assert [(one.number, one.destination, one.died_at, one.event, one.reason) for one in kept] == [
            (1, "one", NOW + 5, a, "refused"),
            (2, "one", NOW + 5, b, "mapping"),
        ]
        assert (kept[0].detail, kept[0].state) == (b'{"x":1}', b"st")
        assert (await spool.counts()).destinations["one"].dead == 2
        assert await spool.dead("two") == []
        assert [one.number for one in await spool.dead("one", after=1)] == [2]
        assert [one.event for one in await spool.dead(number=2)] == [b]
        assert await spool.retry([1, 99]) == 1
        assert await spool.drop([2]) == 1
        assert await spool.dead() == []
        (again,) = await spool.parked("one", "", 0, 9)
        assert (again.event, again.state) == (a, b"st")


async def test_what_became_of_events_adds_up(where: Where) -> None:
    async with opened(where) as spool:
        await spool.attach(["one"])
        await spool.append([event(name) for name in "abcde"], NOW)
        _, b, c, _, e = await spool.read(0, 9)
        park = [Parked(b, "u", ("u",), b""), Parked(e, "u", ("u",), b"")]
        ended = {("delivered", ""): 1, ("dead", "why"): 1}
        await spool.settle("one", Settlement(2, park, dead=[NewDead(c, "why", b"", b"")], ended=ended), NOW)
        await spool.attach(["one", "two"])
    async with opened(where) as spool:
        one, two = (await spool.counts()).destinations.values()
        assert one == Standing(accepted=5, waiting=3, ended=ended, redriven=0, parked=2, dead=1)
        assert two == Standing(accepted=3, waiting=3, ended={}, redriven=0, parked=0, dead=0)
        await spool.retry([1])
        one = (await spool.counts()).destinations["one"]
        assert one == Standing(accepted=5, waiting=4, ended=ended, redriven=1, parked=3, dead=0)
        await spool.settle("one", Settlement(5, unpark=[2, 3, 5], ended={("delivered", ""): 4}), NOW)
        one = (await spool.counts()).destinations["one"]
        assert (one.waiting, one.ended) == (0, {("delivered", ""): 5, ("dead", "why"): 1})
        # A destination that was away begins anew; what was accepted before is not its own.
        await spool.attach(["two"])
        await spool.attach(["two", "one"])
        assert (await spool.counts()).destinations["one"] == Standing(3, 3, {}, 0, 0, 0)


@pytest.mark.parametrize("removed", ["dropped", "size"])
async def test_a_dead_letter_removed_before_the_cursor_comes_ends_once(where: Where, removed: str) -> None:
    """Its event is not read again after a crash, and every count stays right."""
    async with opened(where) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{number}") for number in range(1, 6)], NOW)
        rows = await spool.read(0, 9)
        if removed == "size":
            spool.bound_dead(1, 10**12)
        dead = [NewDead(row, "why", b"{}", b"") for row in rows[2:4]]
        await spool.settle("one", Settlement(0, dead=dead, ended={("dead", "why"): 2}), NOW)
        if removed == "dropped":
            assert await spool.drop([1, 2]) == 2
        one = (await spool.counts()).destinations["one"]
        assert (one.accepted, one.waiting, one.dead, sum(one.ended.values())) == (5, 3, 0, 2)
    async with opened(where) as spool:
        assert await spool.attach(["one"]) == {"one": 0}
        assert await spool.aside("one", 0) == {3, 4}
        await spool.settle("one", Settlement(4, ended={("delivered", ""): 2}), NOW)
        one = (await spool.counts()).destinations["one"]
        assert (one.accepted, one.waiting, sum(one.ended.values())) == (5, 1, 4)
        assert await spool.aside("one", 0) == set()
