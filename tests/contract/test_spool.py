"""The spool keeps, orders, bounds and remembers. Every implementation passes."""

import asyncio
import time

import pytest

from forwarder.errors import SpoolFull
from forwarder.spool import NewDead, NewEvent, Parked, Settlement, Spool, StoredEvent
from forwarder.spool.sqlite import file as spool_file
from tests.support.spools import HOUR, NOW, Where, event, names, opened


async def test_events_come_back_in_order_after_reopening(where: Where) -> None:
    async with opened(where) as spool:
        assert await spool.append([event("a", b"1"), event("b", b"2")], NOW) == [True, True]
    async with opened(where) as spool:
        assert await spool.read(0, 10) == [
            StoredEvent(1, NOW, "demo", "a", b"1"),
            StoredEvent(2, NOW, "demo", "b", b"2"),
        ]
        assert names(await spool.read(1, 10)) == ["b"]
        assert names(await spool.read(0, 1)) == ["a"]


async def test_concurrent_appends_are_all_kept(where: Where) -> None:
    async with opened(where) as spool:
        answers = await asyncio.gather(*(spool.append([event(f"m{n}")], NOW) for n in range(300)))
        assert answers == [[True]] * 300
        found = await spool.read(0, 1000)
        assert sorted(names(found)) == sorted(f"m{n}" for n in range(300))
        assert [one.seq for one in found] == list(range(1, 301))


async def test_a_message_id_is_taken_once_in_24_hours_per_source(where: Where) -> None:
    async with opened(where) as spool:
        assert await spool.append([event("a"), event("a"), event("b")], NOW) == [True, False, True]
        assert await spool.append([event("a")], NOW + 23 * HOUR) == [False]
        assert await spool.append([NewEvent("other", "a", b"")], NOW) == [True]
        assert await spool.append([event("a")], NOW + 49 * HOUR) == [True]


async def test_concurrent_duplicates_are_taken_once(where: Where) -> None:
    async with opened(where) as spool:
        answers = await asyncio.gather(*(spool.append([event("a")], NOW) for _ in range(50)))
        assert sum(answer == [True] for answer in answers) == 1


async def test_message_ids_are_remembered_over_a_restart(where: Where) -> None:
    async with opened(where) as spool:
        await spool.append([event("a")], NOW)
        await spool.attach(["one"])
        await spool.settle("one", Settlement(1), NOW)
    async with opened(where) as spool:
        assert await spool.append([event("a"), event("b")], NOW + HOUR) == [False, True]


async def test_many_message_ids_are_remembered(where: Where) -> None:
    async with opened(where, max_events=10**6, max_bytes=10**9) as spool:
        many = [event(f"m{n}") for n in range(200_000)]
        parts = [many[at : at + 10_000] for at in range(0, len(many), 10_000)]  # a request is waited for 10 s
        for part in parts:
            assert all(await spool.append(part, NOW))
        for part in parts:
            assert not any(await spool.append(part, NOW + HOUR))


async def test_the_spool_is_bounded_in_events(where: Where) -> None:
    async with opened(where, max_events=3) as spool:
        await spool.append([event("a"), event("b")], NOW)
        with pytest.raises(SpoolFull, match="full") as full:
            await spool.append([event("c"), event("d")], NOW)
        assert full.value.retry_after > 0
        # Nothing of the refused request was kept, and it may come again.
        assert await spool.append([event("c")], NOW) == [True]
        assert names(await spool.read(0, 10)) == ["a", "b", "c"]


async def test_the_spool_is_bounded_in_bytes_and_frees_them(where: Where) -> None:
    async with opened(where, max_bytes=100) as spool:
        await spool.attach(["one"])
        await spool.append([event("a", b"x" * 60)], NOW)
        with pytest.raises(SpoolFull):
            await spool.append([event("b", b"x" * 60)], NOW)
        await spool.settle("one", Settlement(1), NOW)
        assert await spool.append([event("b", b"x" * 60)], NOW) == [True]


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize(("max_events", "max_bytes"), [(2, 10**6), (1000, 80)], ids=["events", "bytes"])
async def test_what_is_parked_counts_against_the_bound(
    where: Where, max_events: int, max_bytes: int, reopened: bool
) -> None:
    """To the byte, in memory and as read from the file: leaving a lane, merging and dying give room back."""
    body = b"x" * 40
    async with opened(where, max_events, max_bytes) as spool:
        await spool.attach(["one"])
        await spool.append([event("a", body), event("b", body)], NOW)
        first, second = await spool.read(0, 2)
        park = [Parked(first, "u1", ("u1",), b""), Parked(second, "u2", ("u2",), b"")]
        await spool.settle("one", Settlement(2, park=park), NOW)
        await spool.settle("one", Settlement(2, park=park[:1], merge={"u2": "u1"}), NOW)
        if not reopened:
            await _has_room_for_nothing_then_all(spool, second, body)
    if reopened:
        async with opened(where, max_events, max_bytes) as spool:
            await spool.attach(["one"])
            await _has_room_for_nothing_then_all(spool, second, body)


async def _has_room_for_nothing_then_all(spool: Spool, second: StoredEvent, body: bytes) -> None:
    with pytest.raises(SpoolFull):
        await spool.append([event("c", body)], NOW)
    assert (await spool.counts()).refused_at == NOW
    await spool.settle("one", Settlement(2, unpark=[2], dead=[NewDead(second, "why", b"{}", b"")]), NOW)
    assert await spool.append([event("c", body)], NOW) == [True], "a dead letter takes no room of events"
    with pytest.raises(SpoolFull):
        await spool.append([event("d", body)], NOW)
    await spool.settle("one", Settlement(3, unpark=[1]), NOW)
    assert await spool.append([event("d", body), event("e", body)], NOW) == [True, True]
    with pytest.raises(SpoolFull):
        await spool.append([event("f", body)], NOW)
    await spool.settle("one", Settlement(5), NOW)
    assert await spool.retry([1]) == 1, "sent again it waits once more"
    with pytest.raises(SpoolFull):
        await spool.append([event("f", body), event("g", body)], NOW)
    assert await spool.append([event("f", body)], NOW) == [True]


async def test_dead_letters_have_bounds_of_their_own(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    day = 24 * HOUR
    async with opened(where, max_events=5, max_bytes=1000) as spool:
        spool.bound_dead(1000, 30 * day)
        await spool.attach(["one"])
        for number in range(1, 41):
            at = NOW + number * HOUR
            assert await spool.append([event(f"m{number}", b"x" * 50)], at) == [True], "the door stays open"
            (one,) = await spool.read(number - 1, 1)
            dead = [NewDead(one, "why", b"d" * 40, b"s" * 10)]
            await spool.settle("one", Settlement(number, dead=dead, ended={("dead", "why"): 1}), at)
            kept = [letter.number for letter in await spool.dead()]
            assert len(kept) <= 10
            assert kept == list(range(number + 1 - len(kept), number + 1)), "the oldest go"
            standing = (await spool.counts()).destinations["one"]
            assert standing.dead + standing.discarded.get("size", 0) == number
            assert (standing.accepted, standing.ended) == (number, {("dead", "why"): number})
        assert len(kept) >= 9
    async with opened(where) as spool:
        spool.bound_dead(1000, 30 * day)
        await spool.attach(["one"])
        monotonic = time.monotonic_ns
        later = NOW + 30 * day + 39 * HOUR
        await spool.settle("one", Settlement(40), later - 6 * HOUR)
        await spool.expire(later - 6 * HOUR)
        kept = [letter.number for letter in await spool.dead()]
        assert kept == list(range(41 - len(kept), 41)), "who was away for long does not believe the clock yet"
        assert len(kept) >= 9
        monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic() + 6 * HOUR * 10**6)
        await spool.expire(later)
        kept = [letter.number for letter in await spool.dead()]
        assert kept == [39, 40]
        standing = (await spool.counts()).destinations["one"]
        assert sum(standing.discarded.values()) == 38
        assert standing.discarded["age"] > 0


async def test_ids_of_a_refused_request_may_come_in_the_same_commit(where: Where) -> None:
    async with opened(where, max_events=2) as spool:
        answers = await asyncio.gather(
            spool.append([event("x")], NOW),
            spool.append([event(name) for name in "abcd"], NOW),
            spool.append([event("a")], NOW),
            return_exceptions=True,
        )
        assert [answers[0], answers[2]] == [[True], [True]]
        assert isinstance(answers[1], SpoolFull)
        assert sorted(names(await spool.read(0, 9))) == ["a", "x"]


async def test_a_settlement_lets_go_of_all_it_has_passed(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit by bit; what it parked is counted once."""
    monkeypatch.setattr(spool_file, "TRIM", 2)
    async with opened(where, max_events=9) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{n}") for n in range(9)], NOW)
        first, *_ = await spool.read(0, 1)
        await spool.settle("one", Settlement(9, park=[Parked(first, "u", ("u",), b"")]), NOW)
        await spool.settle("one", Settlement(9), NOW)
        assert (await spool.counts()).events == 0
        assert all(await spool.append([event(f"n{n}") for n in range(8)], NOW))


async def test_one_refused_append_does_not_harm_those_committed_with_it(where: Where) -> None:
    async with opened(where, max_events=3) as spool:
        sizes = [2, 2, 1]
        answers = await asyncio.gather(
            *(spool.append([event(f"m{n}-{i}") for i in range(size)], NOW) for n, size in enumerate(sizes)),
            return_exceptions=True,
        )
        assert [isinstance(answer, SpoolFull) for answer in answers] == [False, True, False]
        assert len(await spool.read(0, 10)) == 3


async def test_sequence_numbers_never_start_again(where: Where) -> None:
    async with opened(where) as spool:
        await spool.attach(["one"])
        await spool.append([event("a"), event("b")], NOW)
        await spool.settle("one", Settlement(2), NOW)
        assert (await spool.counts()).events == 0
    async with opened(where) as spool:
        assert await spool.attach(["one"]) == {"one": 2}
        await spool.append([event("c")], NOW)
        assert [found.seq for found in await spool.read(2, 10)] == [3]


async def test_an_event_stays_until_every_destination_has_passed_it(where: Where) -> None:
    async with opened(where) as spool:
        assert await spool.attach(["one", "two"]) == {"one": 0, "two": 0}
        await spool.append([event("a"), event("b"), event("c")], NOW)
        await spool.settle("one", Settlement(3), NOW)
        assert names(await spool.read(0, 10)) == ["a", "b", "c"]
        await spool.settle("two", Settlement(1), NOW)
        assert names(await spool.read(0, 10)) == ["b", "c"]
        counts = await spool.counts()
        assert (counts.events, counts.bytes, counts.oldest_at) == (2, 4, NOW)
    async with opened(where) as spool:
        assert await spool.attach(["one", "three"]) == {"one": 3, "three": 1}


async def test_listeners_hear_of_appends(where: Where) -> None:
    async with opened(where) as spool:
        heard: list[StoredEvent] = []
        stop_listening = spool.on_append(heard.extend)
        await asyncio.gather(*(spool.append([event(f"m{n}"), event("twice")], NOW) for n in range(50)))
        stop_listening()
        await spool.append([event("later")], NOW)
        assert len(heard) == 51
        assert heard == (await spool.read(0, 100))[:51]
