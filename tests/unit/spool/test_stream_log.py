"""A stream as a log of records: one writer at a time, which learns of everything that others do to it."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import nats.errors
import pytest
from nats.js.errors import BadRequestError, NoStreamResponseError, ServerError, ServiceUnavailableError
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.errors import SpoolDamaged, SpoolLost, SpoolTakenOver, SpoolUnavailable
from forwarder.spool.jetstream import health, log
from forwarder.spool.jetstream.health import Incomplete, StreamHealth
from forwarder.spool.jetstream.log import RETRY_AFTER, Log
from forwarder.spool.jetstream.message import Message, decode, encode
from forwarder.spool.jetstream.reading import Record
from tests.support.fake_stream import PLACE, FakeConnection, FakeStream


class One:
    """A log over a stream of its own."""

    def __init__(self, stream: FakeStream | None = None) -> None:
        self.connection = FakeConnection(stream)
        self.stream: FakeStream = self.connection.jetstream
        self.log = Log(cast(Any, self.connection), 3)

    async def records(self) -> list[Record]:
        return [one async for one in self.log.records(await self.log.state())]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_AGAIN_S", 0)
    monkeypatch.setattr(log, "_LAST_S", 0.01)


def written(data: bytes = b"x", writer: str = "other", base: int = 0, **more: int) -> bytes:
    record, part, parts = more.get("record", 0), more.get("part", 0), more.get("parts", 1)
    return encode(Message(writer, record, part, parts, base, data))


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


# -- writing


async def test_a_record_lies_behind_the_one_before() -> None:
    one = One()
    assert (await one.log.append(b"a"), await one.log.append(b"b")) == (1, 2)
    one.log.base = 2
    assert await one.log.append(b"c") == 3
    kept = [decode(data) for data in one.stream.messages.values()]
    assert [(one.record, one.part, one.parts, one.base, one.data) for one in kept if one] == [
        (0, 0, 1, 0, b"a"),
        (1, 0, 1, 0, b"b"),
        (2, 0, 1, 2, b"c"),
    ]
    assert len({one.writer for one in kept if one}) == 1
    assert one.log.waits_since is None


@pytest.mark.parametrize(("max_payload", "size"), [(1_000 + 10, 10), (10**9, 900_000)])
async def test_a_large_record_is_written_in_parts(max_payload: int, size: int) -> None:
    one = One()
    one.connection.client.max_payload = max_payload
    data = b"x" * 2 * size + b"end"
    assert await one.log.append(data) == 1
    parts = [found for each in one.stream.messages.values() if (found := decode(each))]
    assert [len(part.data) for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert {part.parts for part in parts} == {len(parts)}
    assert [part.part for part in parts] == list(range(len(parts)))
    assert await One(one.stream).records() == [Record(1, data)]
    assert await one.log.append(b"next") == len(parts) + 1


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ServiceUnavailableError(503, "no leader"), "no leader"),
        (ServerError(500), "a server starts, or a leader is elected"),
        (nats.errors.TimeoutError(), "nats: timeout"),
        (OSError(), "OSError"),
        (RuntimeError("closed"), "closed"),
    ],
)
async def test_a_stream_that_does_not_answer_is_tried_again_and_that_is_said_once(
    error: Exception, why: str
) -> None:
    one = One()
    one.stream.raises = [error] * 3
    with capture_logs() as logs:
        assert await one.log.append(b"a") == 1
    assert [(line["log_level"], line.get("why")) for line in logs] == [("warning", why), ("info", None)]
    assert len(one.stream.messages) == 1
    assert one.log.health.why == ""


async def test_while_a_record_waits_it_is_known_since_when() -> None:
    one, began = One(), time.monotonic()
    one.stream.raises = [nats.errors.TimeoutError()] * 10**6
    writing = asyncio.ensure_future(one.log.append(b"a"))
    await asyncio.sleep(0.001)
    assert one.log.waits_since is not None
    assert began <= one.log.waits_since <= time.monotonic()
    one.log.end()
    one.log.end()
    with pytest.raises(SpoolLost, match="did not answer before the end"):
        await writing
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert one.log.waits_since is None


async def test_at_the_end_a_stream_that_answers_takes_what_is_known() -> None:
    one = One()
    one.log.end()
    one.stream.takes_s = 0.001
    assert await one.log.append(b"a") == 1


async def test_a_record_whose_answer_was_lost_is_not_written_twice() -> None:
    one = One()
    one.stream.swallows = 1
    assert await one.log.append(b"a") == 1
    assert await one.log.append(b"b") == 2
    assert len(one.stream.messages) == 2


async def test_strays_before_a_record_are_passed_over() -> None:
    one, before = One(), metrics.STRAYS.values()[()]
    one.stream.strays = [b"stray", b"another"]
    with capture_logs() as logs:
        assert await one.log.append(b"a") == 3
    kept = decode(one.stream.messages[3])
    assert kept is not None
    assert (kept.data, [line["message"] for line in logs]) == (b"a", [1, 2])
    assert metrics.STRAYS.values()[()] == before + 2


async def test_whoever_finds_another_ones_record_has_lost_the_stream() -> None:
    one = One()
    one.stream.strays = [b"stray", written()]
    with pytest.raises(SpoolTakenOver, match="another forwarder has taken over"):
        await one.log.append(b"a")


async def test_whoever_finds_that_more_was_kept_of_its_own_has_lost_it_as_well() -> None:
    one = One()
    assert await one.log.append(b"a") == 1
    kept = decode(one.stream.messages[1])
    assert kept is not None
    one.stream.strays = [written(writer=kept.writer, record=9)]
    with pytest.raises(SpoolLost, match="has kept what it seemed to refuse"):
        await one.log.append(b"b")


async def test_what_was_purged_behind_the_last_record_may_have_been_another_ones() -> None:
    one = One()
    await one.log.append(b"a")
    one.stream.put(written())
    one.stream.purge(3)
    with pytest.raises(SpoolTakenOver):
        await one.log.append(b"b")


async def test_a_message_that_was_deleted_behind_the_last_one_is_passed_over() -> None:
    one = One()
    await one.log.append(b"a")
    one.stream.put(b"stray", b"stray")
    one.stream.delete(2)
    assert await one.log.append(b"b") == 4


async def test_a_stream_that_refuses_says_so_once_and_until_it_takes_something() -> None:
    one = One()
    with capture_logs() as logs:
        for _ in range(2):
            one.stream.raises = [BadRequestError(400, "maximum bytes exceeded", 10077)]
            with pytest.raises(SpoolUnavailable, match="refuses events: maximum bytes") as refused:
                await one.log.append(b"a")
    assert (refused.value.code, refused.value.retry_after) == ("stream_full", RETRY_AFTER)
    assert [(line["log_level"], line["why"]) for line in logs] == [("warning", "maximum bytes exceeded")]
    assert one.log.health.refused_at is not None
    assert await one.log.append(b"a") == 1
    assert one.log.health.refused_at is None


async def test_a_question_that_fails_after_a_refusal_is_silence() -> None:
    one = One()
    for error, why in ((OSError("away"), "away"), (OSError(), "OSError")):
        one.stream.raises = [BadRequestError(400, "no", 1), error]
        with capture_logs() as logs:
            await one.log.append(b"a")
        assert logs[0]["why"] == why
    assert len(one.stream.messages) == 2
    one.stream.raises = [NoStreamResponseError(), OSError("away"), NoStreamResponseError()]
    assert await one.log.append(b"b") == 3


async def test_a_stream_that_refuses_for_long_is_not_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    one, now = One(), [100.0]
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for _ in range(3):
        now[0] += 4
        one.stream.raises = [BadRequestError(400, None, 10077)]
        with pytest.raises(SpoolUnavailable):
            await one.log.append(b"a")


async def test_what_was_purged_before_anything_was_let_go_of_is_noticed() -> None:
    one = One()
    await one.log.begin()
    for data in (b"a", b"b"):
        await one.log.append(data)
    one.stream.purge(2)
    with pytest.raises(Incomplete):
        await one.log.look()
    assert one.log.health.why == "messages are missing"
    one.stream.there = False
    with pytest.raises(Incomplete):
        await one.log.look()
    assert one.log.health.why == "it was deleted"


async def test_a_stream_that_was_deleted_is_incomplete() -> None:
    one = One()
    one.stream.there = False
    one.stream.raises = [NoStreamResponseError()]
    with pytest.raises(Incomplete):
        await one.log.append(b"a")
    assert one.log.health.why == "it was deleted"
    with pytest.raises(Incomplete):
        await one.log.look()


# -- looking


async def test_a_look_sees_whether_the_end_is_ours() -> None:
    one = One()
    await one.log.begin()
    await one.log.append(b"a")
    one.log.health.ours_at = 0
    await one.log.look()
    assert one.log.health.ours_at > 0
    one.stream.put(b"stray")
    await one.log.look()
    assert one.log.last == 2
    one.stream.put(written())
    with pytest.raises(SpoolTakenOver):
        await one.log.look()


async def test_a_look_at_a_stream_that_is_silent_says_so() -> None:
    one = One()
    one.log.health.ours_at = 0
    one.stream.raises = [OSError()]
    await one.log.look()
    assert (one.log.health.why, one.log.health.ours_at) == ("it does not answer: OSError", 0)


async def test_a_look_finds_what_was_purged_by_hand() -> None:
    one = One()
    for data in (b"a", b"b", b"c"):
        await one.log.append(data)
    await one.log.trim(2)
    assert (one.log.kept, one.stream.purged) == (2, [2])
    await one.log.look()
    await one.log.trim(1)
    assert one.log.kept == 2
    one.stream.purge(3)
    with pytest.raises(Incomplete):
        await one.log.look()


async def test_a_stream_that_is_behind_its_writer_is_incomplete_once_that_is_sure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, now = One(), [100.0]
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for data in (b"a", b"b"):
        await one.log.append(data)
    one.stream.delete(2)
    one.stream.last = 1
    await one.log.look()
    now[0] += 4.9
    await one.log.look()
    now[0] += 0.1
    with pytest.raises(Incomplete):
        await one.log.look()
    one.log.health.restored()
    await one.log.look()


async def test_a_look_while_a_record_is_on_its_way_says_nothing() -> None:
    one = One()
    one.log.waits_since, one.log.health.ours_at = 1.0, 0
    one.stream.put(written())
    await one.log.look()
    assert one.log.health.ours_at == 0


# -- writing everything again, and trimming


async def test_a_stream_that_was_deleted_is_made_and_written_again() -> None:
    one = One()
    for data in (b"a", b"b"):
        await one.log.append(data)
    one.log.base, one.stream.there = 2, False
    with capture_logs() as logs:
        await one.log.restore()
    assert one.stream.made["num_replicas"] == 3
    assert [line["log_level"] for line in logs] == ["warning"]
    assert (one.log.last, one.log.base, one.log.kept) == (0, 0, 1)
    assert await one.log.append(b"c") == 1


async def test_a_stream_that_another_one_has_begun_anew_is_lost() -> None:
    one = One()
    await one.log.begin()
    await one.log.append(b"a")
    await one.log.restore()
    assert (one.log.last, one.log.kept) == (1, 2)
    one.stream.put(written())
    with pytest.raises(SpoolTakenOver):
        await one.log.restore()


async def test_the_one_before_may_be_the_newest_in_a_stream_that_is_restored() -> None:
    one = One()
    one.stream.put(written())
    await one.log.begin()
    await one.log.restore()
    assert one.log.last == 0


async def test_a_trim_that_fails_is_said_and_done_with_the_next() -> None:
    one = One()
    one.stream.put(written(), written())
    one.stream.raises = [OSError("away")]
    with capture_logs() as logs:
        await one.log.trim(2)
    assert [(line["log_level"], line["why"]) for line in logs] == [("warning", "away")]
    assert (one.log.kept, one.stream.purged) == (2, [])
    await one.log.close()
    assert one.connection.closed


# -- health


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> tuple[StreamHealth, list[float], FakeConnection]:
    """A stream's health, a clock, and its connection."""
    now = [100.0]
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now[0]))
    connection = FakeConnection()
    return StreamHealth(cast(Any, connection)), now, connection


Watching = tuple[StreamHealth, list[float], FakeConnection]


def test_after_ten_seconds_of_silence_another_server_is_tried(watch: Watching) -> None:
    one, now, connection = watch
    with capture_logs() as logs:
        for seconds, renewed in ((0, 0), (9.9, 0), (10, 1), (19.9, 1), (20, 2)):
            now[0] = 100 + seconds
            one.silent("away")
            assert connection.renewed == renewed
        assert one.why == "it does not answer: away"
        one.ours()
        now[0] += 9.9
        one.silent("away")
    assert connection.renewed == 2, "it has answered since"
    assert [line["log_level"] for line in logs] == ["warning", "info", "warning"]
    assert {line["stream"] for line in logs} == {str(PLACE)}


def test_being_behind_counts_from_the_first_time_and_anew_once_it_is_ours(watch: Watching) -> None:
    one, now, _ = watch
    for again in (one.ours, one.restored):
        one.ours()
        one.behind()
        now[0] += 4.9
        one.behind()
        again()
        one.behind()
        now[0] += 4.9
        one.behind()
    now[0] += 0.1
    with pytest.raises(Incomplete):
        one.behind()
    assert one.why == "messages are missing"


def test_a_refusal_is_said_once(watch: Watching) -> None:
    one, now, _ = watch
    with capture_logs() as logs:
        one.refused("full")
        assert (len(logs), one.why) == (1, "")
        now[0] += 7
        one.refused("full")
    assert (len(logs), one.refused_at, one.ours_at) == (1, 107, 100)
