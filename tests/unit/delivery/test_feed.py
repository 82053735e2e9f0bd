"""A scheduler gets each accepted event once, in order, from memory or from the spool."""

import asyncio
from typing import Any

import pytest

from forwarder.delivery import feed
from forwarder.delivery.feed import PLAN_EVENTS
from tests.support.simulation.feeding import Fed, events
from tests.support.simulation.virtual import VirtualLoop, play

pytestmark = pytest.mark.usefixtures("steady")


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
