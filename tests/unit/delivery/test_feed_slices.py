"""Events are fed in slices of time, parked ones when their time has come; what fails is read again."""

import asyncio
from collections.abc import Iterator

import pytest

from forwarder.delivery import feed
from forwarder.delivery.clock import MonotonicClock
from forwarder.delivery.feed import PLAN_EVENTS
from forwarder.spool import MessageGroup, Parked
from tests.support.simulation.feeding import Fed, events
from tests.support.simulation.lines import NOW, event, line
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.usefixtures("steady")


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
