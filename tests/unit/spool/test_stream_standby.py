"""Standing by, and being asked who serves: in virtual time, over a stream in memory."""

from __future__ import annotations

import asyncio

import msgspec
import nats.errors
import pytest
from structlog.testing import capture_logs

from forwarder.errors import SpoolError
from forwarder.spool.jetstream import standby
from forwarder.spool.jetstream.control import ControlReply, ControlRequest, Desk, request
from forwarder.spool.jetstream.health import SURE_S
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.standby import Standby
from forwarder.spool.suppression import Erasure
from tests.support.fake_stream import PLACE, FakeConnection, FakeStream, connected
from tests.support.simulation.virtual import VirtualLoop, play_alone

THERE = msgspec.json.encode(ControlReply(0))
NOBODY, SILENT = nats.errors.NoRespondersError(), nats.errors.TimeoutError()


# -- standing by


class By:
    """A forwarder that stands by; what is answered to it, in order, the last for ever."""

    def __init__(self, *replies: bytes | BaseException) -> None:
        self.connection = FakeConnection()
        self.connection.replies = list(replies)
        self.stream: FakeStream = self.connection.jetstream
        self.log = Log(connected(self.connection))

    async def wait(self, **given: bool) -> int:
        async with Standby(self.log) as one:
            return await one.wait(**given)

    @property
    def asked(self) -> int:
        return len(self.connection.requests)


def test_where_nobody_was_there_one_look_is_enough() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(NOBODY)
        one.stream.put(b"x", b"y")
        assert (await one.wait(), one.asked, loop.time()) == (2, 1, 0)
        [(subject, data, timeout_s)] = one.connection.requests
        assert (subject, timeout_s) == (PLACE.ask, 3.0)
        assert msgspec.json.decode(data, type=ControlRequest) == ControlRequest()
        assert one.connection.callbacks == {}

    play_alone(main)


def test_where_one_was_there_a_moment_ago_five_looks_in_a_row_count() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(NOBODY)
        await one.wait(again=True)
        assert one.asked == 5
        assert loop.time() == 2.0 >= SURE_S, "by then the writer has ceased to say that it serves"
        one = By(THERE, *[NOBODY] * 4, THERE, NOBODY)
        with capture_logs() as logs:
            await one.wait()
        assert one.asked == 11
        assert [line["log_level"] for line in logs] == ["info"], "it is said once"
        assert logs[0]["stream"] == str(PLACE)

    play_alone(main)


def test_one_that_does_not_answer_seven_times_in_a_row_is_gone() -> None:
    async def main(loop: VirtualLoop) -> None:
        silent: list[bytes | BaseException] = [SILENT] * 6
        for replies in (
            [THERE, *silent, THERE, *silent, NOBODY, *silent, SILENT],
            [THERE, SILENT, *[NOBODY] * 5],
            [*silent, SILENT],
        ):
            one = By(*replies)
            await one.wait(again=True)
            assert one.asked == len(replies)

    play_alone(main)


def test_a_question_that_went_down_with_the_writer_holds_nothing_up() -> None:
    """NATS knows of nobody from the next question on; how the first one ends says nothing of that."""

    async def main(loop: VirtualLoop) -> None:
        for lost_s in (3.0, 1.0):
            one = By(THERE, SILENT, NOBODY)
            one.connection.delays = [0, lost_s]
            began = loop.time()
            await one.wait()
            assert one.asked == 7
            assert loop.time() - began == 6 * 0.5

    play_alone(main)


def test_a_writer_from_which_the_way_is_long_is_there() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE)
        one.connection.delays = [2.9] * 50
        waiting = asyncio.create_task(one.wait(again=True))
        await asyncio.sleep(20.2)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait((waiting,))
        assert one.asked == 41

    play_alone(main)


def test_what_is_heard_late_of_a_writer_counts() -> None:
    """It connects anew: NATS knew of nobody for a moment, and answers that were on their way arrive."""

    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, NOBODY)
        one.connection.delays = [1.7]  # three misses later
        await one.wait(again=True)
        assert one.asked == 9
        one = By(SILENT, NOBODY, *[SILENT] * 6, THERE)  # seven, but for a miss between them
        waiting = asyncio.create_task(one.wait(again=True))
        await asyncio.sleep(10)
        assert not waiting.done()
        waiting.cancel()

    play_alone(main)


def test_where_the_stream_ended_before_the_last_question_is_told() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, NOBODY)
        one.stream.put(b"x")
        waiting = asyncio.create_task(one.wait())
        await asyncio.sleep(1.2)  # two questions to which nobody was there
        one.stream.put(b"y")
        assert await waiting == 2
        one = By(NOBODY)
        one.connection.delays = [1.0] * 3
        waiting = asyncio.create_task(one.wait())
        await asyncio.sleep(0.9)
        one.stream.put(b"z")
        assert await waiting == 0, "the third may have been written by whoever serves by now"

    play_alone(main)


def test_a_farewell_is_believed_at_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, NOBODY)
        waiting = asyncio.create_task(one.wait())
        await asyncio.sleep(0.1)
        await one.connection.callbacks[PLACE.farewell](None)
        await waiting
        assert one.asked == 2
        assert 0.1 <= loop.time() <= 0.1 + standby._RACE_S

    play_alone(main)


def test_after_a_farewell_another_writer_is_as_good_as_the_first() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, THERE, NOBODY, THERE)
        one.connection.delays = [0.5]  # by the first one, which is gone when it arrives
        waiting = asyncio.create_task(one.wait())
        await asyncio.sleep(0.1)
        await one.connection.callbacks[PLACE.farewell](None)
        await asyncio.sleep(6.8)
        assert not waiting.done(), "that NATS knows of nobody once does not mean the end"
        assert one.asked == pytest.approx(15, abs=1), "it is asked no oftener than before"
        waiting.cancel()

    play_alone(main)


def test_without_nats_nobody_takes_over() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, NOBODY)
        one.stream.raises = [None, None, None, *[OSError("away")] * 3, None]
        with capture_logs() as logs:
            waiting = asyncio.create_task(one.wait())
            await asyncio.sleep(2.2)
            assert one.log.health.why == "it does not answer: away"
            await waiting
        assert one.asked == 8, "looks from before it was away do not count"
        assert [(line["log_level"], line.get("why")) for line in logs] == [
            ("info", None),
            ("warning", "away"),
            ("info", None),
        ]
        assert one.log.health.why == ""

    play_alone(main)


def test_looks_from_before_a_connection_was_lost_do_not_count() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, NOBODY)
        waiting = asyncio.create_task(one.wait())
        await asyncio.sleep(1.2)
        one.connection.losses += 1
        await waiting
        assert one.asked == 8

    play_alone(main)


def test_a_stream_that_was_deleted_ends_at_its_beginning() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(NOBODY)
        one.stream.put(b"x")
        one.stream.there = False
        assert await one.wait() == 0

    play_alone(main)


# -- being asked


class Asked:
    """A message that asks, and what is replied."""

    def __init__(self, question: ControlRequest | bytes) -> None:
        self.data = question if isinstance(question, bytes) else msgspec.json.encode(question)
        self.replies: list[ControlReply] = []
        self.fails = False

    async def respond(self, data: bytes) -> None:
        if self.fails:
            raise nats.errors.ConnectionClosedError
        self.replies.append(msgspec.json.decode(data, type=ControlReply))


async def reply(connection: FakeConnection, question: ControlRequest | bytes) -> list[ControlReply]:
    asked = Asked(question)
    await connection.callbacks[PLACE.ask](asked)
    return asked.replies


async def test_a_desk_answers_that_somebody_is_there_before_it_can_do_anything() -> None:
    connection = FakeConnection()
    desk = Desk(connected(connection))
    await desk.open()
    assert await reply(connection, ControlRequest()) == [ControlReply(0)]
    assert await reply(connection, ControlRequest(retry=[1])) == [
        ControlReply(0, "a forwarder is just taking over; say it again")
    ]
    [broken] = await reply(connection, b"broken")
    assert (broken.count, bool(broken.error)) == (0, True)
    await desk.close()
    assert connection.callbacks == {}


async def test_a_desk_does_what_is_asked_and_is_silent_where_it_may_not_answer() -> None:
    connection, asked, may = FakeConnection(), list[ControlRequest](), [True]
    desk = Desk(connected(connection))

    async def answer(question: ControlRequest) -> int:
        asked.append(question)
        if question.drop:
            raise SpoolError("the disk is full")
        return 5

    async def is_ours() -> bool:
        return may[0]

    await desk.open()
    desk.serve(answer, is_ours)
    erase = ControlRequest(erase=Erasure([1], [], []))
    assert await reply(connection, ControlRequest()) == [ControlReply(0)]
    assert asked == []
    assert await reply(connection, erase) == [ControlReply(5)]
    assert asked == [erase]
    assert await reply(connection, ControlRequest(drop=[1])) == [ControlReply(0, "the disk is full")]
    lost = Asked(ControlRequest())
    lost.fails = True
    await connection.callbacks[PLACE.ask](lost)
    may[0] = False
    assert await reply(connection, ControlRequest()) == []
    assert await reply(connection, ControlRequest(retry=[1])) == []
    assert len(asked) == 2
    await desk.open()
    assert (await reply(connection, ControlRequest(retry=[1])))[0].error, "it is about to take over once more"


async def test_whoever_asks_is_told_what_the_forwarder_says() -> None:
    connection = FakeConnection()
    connection.replies = [msgspec.json.encode(ControlReply(3, "x")), b"{}"]
    question = ControlRequest(mark=[], awaits=7)
    assert await request(connected(connection), question, 9) == ControlReply(3, "x")
    [(subject, data, timeout_s)] = connection.requests
    assert (subject, timeout_s) == (PLACE.ask, 9)
    assert msgspec.json.decode(data, type=ControlRequest) == question
    assert await request(connected(connection), question, 9) == ControlReply(
        0, "the forwarder that serves is of another version"
    )
