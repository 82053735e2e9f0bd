"""A stream as a log of records: how it is read, and how a writer takes it up."""

from __future__ import annotations

import copy

import nats.errors
import pytest
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream.message import Message, decode, encode
from forwarder.spool.jetstream.reading import Record
from tests.support.fake_stream import PLACE
from tests.support.stream_logs import One, written

pytestmark = pytest.mark.usefixtures("at_once")

# -- messages


def test_what_no_forwarder_wrote_is_a_stray() -> None:
    message = Message("w", 1, 2, 3, 4, b"x")
    assert decode(encode(message)) == message
    assert [decode(stray) for stray in (None, b"", b"hello", encode(message)[:-1])] == [None] * 4


# -- reading


async def test_records_are_read_in_order_with_their_places() -> None:
    one = One()
    one.stream.put(
        written(b"a"),
        written(b"b", record=1, parts=2),
        written(b"c", record=1, part=1, parts=2),
        written(b"d", record=2),
    )
    assert await one.records() == [Record(1, b"a"), Record(2, b"bc"), Record(4, b"d")]
    assert (one.log.last, await one.records(), len(one.stream.subscriptions)) == (4, [], 1)
    assert all(subscription.ended for subscription in one.stream.subscriptions)
    one.stream.put(written(b"e"))
    assert await one.records() == [Record(5, b"e")]


async def test_what_is_not_whole_was_never_acknowledged() -> None:
    one = One()
    one.stream.put(
        written(b"1", record=1, part=1, parts=2),
        written(b"a", record=2, parts=3),
        written(b"b", record=2, part=1, parts=3),
        written(b"c", record=3, parts=2),
        written(b"x", "another", record=3, part=1, parts=2),
        written(b"y", record=4, part=1, parts=2),
        written(b"z", record=3, part=2, parts=3),
        written(b"d", record=3, part=1, parts=2),
    )
    assert await one.records() == [Record(4, b"cd")]


async def test_strays_are_passed_over_counted_and_said() -> None:
    one, before = One(), metrics.STRAYS.values()[()]
    one.stream.put(written(b"a", parts=2), b"a stray", written(b"b", part=1, parts=2))
    with capture_logs() as logs:
        assert await one.records() == [Record(1, b"ab")]
    assert metrics.STRAYS.values()[()] == before + 1
    [said] = logs
    assert (said["log_level"], said["stream"], said["message"]) == ("warning", str(PLACE), 2)
    assert said["subject"] == PLACE.log


async def test_reading_ends_where_the_stream_ends_also_where_its_end_was_deleted() -> None:
    one = One()
    one.stream.put(written(b"a"), written(b"b"), written(b"c"))
    one.stream.delete(3)
    assert await one.records() == [Record(1, b"a"), Record(2, b"b")]
    assert one.log.last == 3
    empty = One()
    empty.stream.put(written(b"a"), written(b"b"))
    empty.stream.purge(3)
    assert (await empty.records(), empty.log.last) == ([], 2)
    empty.log.last = 9
    assert (await empty.records(), empty.log.last) == ([], 9)


async def test_what_came_since_is_not_read() -> None:
    one = One()
    one.stream.put(written(b"a"), written(b"b"), written(b"c"))
    end = await one.log.state()
    one.stream.put(written(b"d", "a third"))
    assert [record.data async for record in one.log.records(end)] == [b"a", b"b", b"c"]
    assert one.log.last == 3
    other = One(one.stream)
    one.stream.delete(2, 3)
    assert [record.data async for record in other.log.records(end)] == [b"a"]
    assert other.log.last == 3, "to be written behind: the fourth is another one's"


async def test_whether_all_was_there_to_be_read_is_known() -> None:
    one = One()
    wholes = [one.log.whole]  # before anything is read
    await one.records()
    assert [*wholes, one.log.whole] == [False, True]
    one.stream.put(*(written(bytes([at])) for at in range(5)), b"stray")
    one.stream.purge(2)
    one.stream.delete(3)
    await one.records()
    assert one.log.whole, "what was missing before counts for nothing"
    for at in (2, 5, 6):
        other = One(copy.deepcopy(one.stream))
        end = await other.log.state()
        other.stream.delete(at)
        assert [record async for record in other.log.records(end)]
        assert not other.log.whole


async def test_what_comes_twice_makes_nothing_whole() -> None:
    """As where a consumer is made anew, and somebody takes as much away."""
    one = One()
    one.stream.put(written(b"a"), written(b"b", record=1), written(b"c", record=2))
    end = await one.log.state()
    one.stream.delete(2)
    reading = one.log.records(end)
    await anext(reading)
    one.stream.subscriptions[0]._at = 1
    assert [record.data async for record in reading][-1] == b"c"
    assert not one.log.whole


async def test_a_subscription_that_cannot_be_ended_is_gone() -> None:
    one = One()
    one.stream.put(written(b"a"))
    reading = one.log.records(await one.log.state())
    assert await anext(reading) == Record(1, b"a")
    one.stream.subscriptions[0].fails = nats.errors.ConnectionClosedError()
    assert [record async for record in reading] == []


async def test_single_messages_and_the_newest_that_a_forwarder_wrote() -> None:
    one = One()
    assert (await one.log.first(), await one.log.newest(await one.log.state())) == (1, None)
    one.stream.put(written(b"a"), written(b"b"), b"stray", b"")
    one.stream.delete(1)
    assert [await one.log.message(at) for at in (1, 3, 4)] == [None, b"stray", b""]
    newest = await one.log.newest(await one.log.state())
    assert newest is not None
    assert newest.data == b"b"
    alone = One()
    alone.stream.put(written(b"first"), b"stray")
    first = await alone.log.newest(await alone.log.state())
    assert first is not None
    assert first.data == b"first"
    one.stream.purge(3)
    assert (await one.log.first(), await one.log.newest(await one.log.state())) == (3, None)
    one.stream.first = 0
    assert await one.log.first() == 1


# -- taking it up


async def test_a_writer_begins_before_the_first_message_with_the_base_of_the_last() -> None:
    one = One()
    state = await one.log.begin()
    assert (state.last_seq, one.log.last, one.log.base, one.log.kept) == (0, 0, 0, 1)
    one.stream.put(*(written(b"a", base=at) for at in (0, 0, 3, 3)), b"stray")
    one.stream.purge(3)
    assert (await one.log.begin()).messages == 3
    assert (one.log.last, one.log.base, one.log.kept) == (2, 3, 3)


async def test_a_stream_that_began_as_something_else_is_left_alone() -> None:
    one = One()
    one.stream.put(b"somebody's")
    with pytest.raises(SpoolDamaged, match="holds other things"):
        await one.log.begin()
    one.stream.put(written())
    one.stream.purge(2)
    await one.log.begin()
    later = One()
    later.stream.put(b"stray")
    later.stream.purge(2)
    await later.log.begin()
