"""A scheduler gets each accepted event once, in order, from memory or from the spool, in slices of time."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from forwarder.delivery import DestinationRoute, SchedulerSettings, clock, feed
from forwarder.delivery.clock import MonotonicClock
from forwarder.delivery.feed import PLAN_EVENTS, EventFeed
from forwarder.spool import MessageGroup, Parked, StoredEvent
from tests.support.simulation.lines import NOW, event, line
from tests.support.simulation.planner import Planner
from tests.support.simulation.virtual import VirtualLoop, play
from tests.support.waiting import PATIENCE_S


class Accepted:
    """As much of a spool as a feed asks for, and what it was asked."""

    def __init__(self, events: Sequence[StoredEvent] = ()) -> None:
        self.events = list(events)
        self.asked: list[tuple[int, int]] = []
        self.rows: dict[str, list[Parked]] = {}
        self.asked_for: list[tuple[str, str, int, int]] = []
        self.handed: int | None = None
        """How many of the events that were read it hands on; None: all."""
        self.during: Callable[[], None] = lambda: None
        """What happens while events are read."""

    async def read(self, after: int, limit: int) -> list[StoredEvent]:
        self.asked.append((after, limit))
        found = [one for one in self.events if one.seq > after][:limit]
        self.during()
        return found

    def hand_on(self, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        return list(events)[: self.handed]

    async def parked(self, destination: str, group: str, after: int, limit: int) -> list[Parked]:
        self.asked_for.append((destination, group, after, limit))
        return self.rows[group]


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have slices of time end with their bytes alone."""
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic_ns=lambda: 0))


class Fed:
    """A feed, the scheduler that it feeds, and what it said."""

    def __init__(self, events: Sequence[StoredEvent] = (), **settings: int) -> None:
        self.spool = cast(Any, Accepted(events))
        self.awake = asyncio.Event()
        self.faults: list[tuple[str, BaseException]] = []
        route = DestinationRoute("d", Planner(), None, SchedulerSettings(**{"linger_ms": 0, **settings}))
        self.clock = MonotonicClock(lambda: NOW)
        self.feed = EventFeed(route, self.spool, self.clock, self.awake, self.note)
        self.scheduler = line(None, **settings)

    def note(self, where: str, error: BaseException) -> None:
        self.faults.append((where, error))

    async def take(self) -> bool:
        """Take events; tell whether more were said to be there, as a worker hears it."""
        self.awake.clear()
        await self.feed.take(self.scheduler)
        return self.awake.is_set()

    @property
    def held(self) -> list[int]:
        return [job.event.seq for job in self.scheduler._tracker.window.new]


def events(*seqs: int) -> list[StoredEvent]:
    return [event(seq, f"u{seq}") for seq in seqs]


@pytest.mark.parametrize(
    ("linger_ms", "wait_s"), [(0, 0), (4, 0), (5, 0.001), (25, 0.005), (50, 0.01), (5_000, 0.01)]
)
def test_accepted_events_wait_a_moment_for_others(
    linger_ms: int, wait_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = VirtualLoop()

    async def main() -> None:
        fed = Fed(linger_ms=linger_ms)
        fed.feed.more = False
        for _ in range(2):
            began = loop.time()
            fed.feed.on_accepted(events(1))
            assert fed.feed.more
            assert fed.awake.is_set() is (wait_s == 0)
            await asyncio.sleep(wait_s / 2)
            fed.feed.on_accepted(events(2))
            fed.feed.more = False
            await fed.awake.wait()
            assert loop.time() - began == pytest.approx(wait_s)
            assert fed.feed.more is (wait_s > 0), "a read meanwhile may have said otherwise"
            fed.awake.clear()

    play(main(), loop, monkeypatch)


async def test_as_many_as_are_planned_at_once_wait_for_nobody() -> None:
    fed = Fed(linger_ms=5_000)
    fed.feed.on_accepted(events(*range(1, PLAN_EVENTS)))
    assert not fed.awake.is_set()
    fed.feed.on_accepted(events(PLAN_EVENTS))
    assert fed.awake.is_set()
    fed.feed.close()


async def test_at_the_end_no_wait_is_left() -> None:
    fed = Fed(linger_ms=5)
    fed.feed.close()
    fed.feed.on_accepted(events(1))
    fed.feed.close()
    await asyncio.sleep(0.005)
    assert not fed.awake.is_set()


async def test_what_was_just_accepted_is_not_read_from_the_spool() -> None:
    fed = Fed(events(1, 2, 3))
    fed.feed.on_accepted(events(1, 2))
    await fed.take()
    assert (fed.held, fed.spool.asked) == ([1, 2], [])
    fed.feed.wake()
    await fed.take()
    assert (fed.held, fed.spool.asked) == ([1, 2, 3], [(2, PLAN_EVENTS)])


async def test_what_cannot_be_kept_in_memory_is_read_and_said() -> None:
    fed = Fed(events(1))
    broken: Any = [None]
    fed.feed.on_accepted(events(1))
    fed.feed.on_accepted(broken)
    assert [(where, type(error)) for where, error in fed.faults] == [("hear", AttributeError)]
    assert fed.awake.is_set()
    await fed.take()
    assert (fed.held, fed.spool.asked) == ([1], [(0, PLAN_EVENTS)])


async def test_nothing_is_read_where_nothing_was_said_to_be_there() -> None:
    fed = Fed(events(1))
    assert not await fed.take(), "there is no more"
    assert not fed.feed.more
    fed.spool.events += events(2)
    await fed.take()
    assert (fed.held, len(fed.spool.asked)) == ([1], 1)
    fed.feed.wake()
    assert fed.awake.is_set()
    await fed.take()
    assert fed.held == [1, 2]


async def test_an_empty_spool_is_read_once() -> None:
    fed = Fed()
    assert not await fed.take()
    assert not fed.feed.more


async def test_no_more_is_read_than_finds_room() -> None:
    fed = Fed(events(1, 2, 3), window=2)
    assert not await fed.take(), "there is no room for more"
    assert fed.feed.more
    assert (fed.held, fed.spool.asked) == ([1, 2], [(0, 2)])
    await fed.take()
    assert fed.spool.asked == [(0, 2)]
    fed = Fed(events(1), window=1)
    fed.feed.on_accepted(events(1))
    await fed.take()
    assert (fed.held, fed.spool.asked) == ([1], [])


async def test_as_long_as_as_many_come_as_were_asked_for_there_may_be_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "PLAN_EVENTS", 2)
    fed = Fed(events(1, 2, 3))
    assert await fed.take()
    assert fed.held == [1, 2]
    assert not await fed.take()
    assert (fed.held, fed.spool.asked) == ([1, 2, 3], [(0, 2), (2, 2)])


async def test_what_is_accepted_during_a_read_is_read_after_it() -> None:
    fed = Fed()
    fed.spool.during = lambda: fed.feed.on_accepted(events(1))
    assert await fed.take()
    assert fed.held == []
    await fed.take()
    assert fed.held == [1]


def spent_each_time(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have each event use up a slice of time; return the list of the bytes that were told."""
    sizes: list[int] = []

    class Spent:
        def __init__(self) -> None:
            self.begin()

        def begin(self) -> None:
            self.over = False

        def spent(self, size: int) -> bool:
            assert not self.over, "another slice begins before the next event"
            self.over = True
            sizes.append(size)
            return True

    monkeypatch.setattr(feed, "Slice", Spent)
    return sizes


async def test_events_are_taken_in_slices_of_time_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = spent_each_time(monkeypatch)
    fed = Fed(events(1, 2))
    for held in ([1], [1, 2]):
        await fed.take()
        assert (fed.feed.is_taking, fed.feed.more, fed.held) == (True, True, held)
    fed.spool.events += events(3)
    await fed.take()
    assert (fed.feed.is_taking, fed.held, len(fed.spool.asked)) == (False, [1, 2], 1)
    assert all(size > 0 for size in sizes)


async def test_what_is_accepted_between_slices_is_taken_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    spent_each_time(monkeypatch)
    fed = Fed(events(1))
    await fed.take()
    fed.awake.set()
    await fed.feed.take(fed.scheduler)
    assert fed.feed.more


async def test_what_found_no_room_in_memory_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(event(1, "u1").body)
    monkeypatch.setattr("forwarder.delivery.scheduler.window.MAX_WINDOW_BYTES", 3 * size)
    fed = Fed(events(1, 2, 3, 4))
    assert not await fed.take()
    assert fed.feed.more
    held = fed.held
    assert 0 < len(held) < 4
    monkeypatch.undo()
    await fed.take()
    assert fed.spool.asked == [(0, PLAN_EVENTS), (len(held), PLAN_EVENTS)]
    assert fed.held == [1, 2, 3, 4]


async def test_a_fault_while_events_are_taken_has_them_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = Fed(events(1))

    def fails(*_: object) -> Iterator[None]:
        yield from ([] for _ in range(1 // 0))  # type: ignore[misc]

    monkeypatch.setattr(fed.scheduler.loader, "taking", fails)
    with pytest.raises(ZeroDivisionError):
        await fed.take()
    assert (fed.feed.is_taking, fed.feed.more) == (False, True)


async def test_another_scheduler_is_fed_from_the_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    spent_each_time(monkeypatch)
    fed = Fed(events(1, 2))
    fed.feed.on_accepted(events(1, 2))
    await fed.take()
    fed.feed.more = False
    fed.feed.restart()
    assert (fed.feed.is_taking, fed.feed.more) == (False, True)
    fed.scheduler = line()
    await fed.take()
    assert (fed.held, fed.spool.asked) == ([1], [(0, PLAN_EVENTS)])


async def test_parked_events_are_brought_back_when_their_time_has_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = spent_each_time(monkeypatch)
    fed = Fed()
    groups = {name: [Parked(event(n, name[1:]), name, (name,), b"")] for n, name in ((1, "uu1"), (2, "uu2"))}
    fed.spool.rows = {"": [], **groups}
    fed.scheduler.resume([MessageGroup(name, frozenset({name}), 1) for name in groups], set())
    fed.clock._ahead -= fed.clock() - NOW - 1_000
    fed.scheduler.parking.add(["uu2"], NOW + 60_000)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    async with asyncio.timeout(PATIENCE_S):
        await fed.feed.bring_back(fed.scheduler)
    counting.cancel()
    assert fed.spool.asked_for == [("d", "", 0, 500), ("d", "uu1", 0, 500)]
    assert fed.scheduler.parking.loaded_events == 1
    assert turns, "others have a turn between slices"
    assert len(sizes) == 1
    fed.clock._ahead += 60_000
    await fed.feed.bring_back(fed.scheduler)
    assert [asked[1] for asked in fed.spool.asked_for[2:]] == ["", "uu2"]


def test_waits_do_not_care_when_somebody_sets_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = [9 * 10**15 + 999_999]
    monkeypatch.setattr("forwarder.delivery.clock.time.monotonic_ns", lambda: steady[0])
    goes_on = MonotonicClock(lambda: NOW)
    assert goes_on() == NOW
    steady[0] += 1
    assert goes_on() == NOW + 1
    steady[0] += 2_000_000
    assert goes_on() == NOW + 3


async def test_what_the_spool_does_not_hand_on_yet_is_read_again_soon() -> None:
    fed = Fed(events(1, 2, 3))
    for handed, taken in ((0, []), (1, [1]), (None, [1, 2, 3])):
        fed.spool.handed = handed
        await fed.take()
        assert fed.held == taken
        assert fed.feed.more is (handed is not None)
        async with asyncio.timeout(5 if handed is not None else None):
            await (fed.awake.wait() if handed is not None else asyncio.sleep(0))
    assert [asked[0] for asked in fed.spool.asked] == [0, 0, 1]
