"""Standing by, being asked, and opening a stream: in virtual time, over a stream in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import nats.errors
import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy
from nats.js.errors import APIError, BadRequestError, ServiceUnavailableError
from structlog.testing import capture_logs

from forwarder.errors import SpoolDamaged, SpoolError
from forwarder.spool.jetstream import opening, standby, stream
from forwarder.spool.jetstream.control import ControlReply, ControlRequest, Desk, request
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.standby import Standby
from forwarder.spool.suppression import Erasure
from tests.support.fake_stream import PLACE, FakeConnection, FakeStream
from tests.support.simulation.virtual import VirtualLoop

BOUNDS = "max_msgs", "max_bytes", "max_msgs_per_subject"
THERE = msgspec.json.encode(ControlReply(0))
NOBODY, SILENT = nats.errors.NoRespondersError(), nats.errors.TimeoutError()


def play(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
    """Run in virtual time."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main(loop))


def connected(made: FakeConnection) -> Any:
    return cast(Any, made)


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

    play(main)


def test_where_one_was_there_a_moment_ago_three_looks_in_a_row_count() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(NOBODY)
        await one.wait(again=True)
        assert one.asked == 3
        assert loop.time() == pytest.approx(1.4)
        one = By(THERE, NOBODY, NOBODY, THERE, NOBODY)
        with capture_logs() as logs:
            await one.wait()
        assert one.asked == 7
        assert [line["log_level"] for line in logs] == ["info"], "it is said once"
        assert logs[0]["stream"] == str(PLACE)

    play(main)


def test_one_that_does_not_answer_twice_in_a_row_is_gone() -> None:
    async def main(loop: VirtualLoop) -> None:
        for replies in (
            (THERE, SILENT, THERE, SILENT, NOBODY, SILENT, SILENT),
            (THERE, SILENT, NOBODY, NOBODY, NOBODY),
            (SILENT, SILENT),
        ):
            one = By(*replies)
            await one.wait(again=True)
            assert one.asked == len(replies)

    play(main)


def test_a_farewell_is_believed_at_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, NOBODY)
        waiting = asyncio.create_task(one.wait())
        await asyncio.sleep(0.1)
        await one.connection.callbacks[PLACE.farewell](None)
        await waiting
        assert one.asked == 2
        assert 0.1 <= loop.time() <= 0.1 + standby._RACE_S

    play(main)


def test_without_nats_nobody_takes_over() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, NOBODY)
        one.stream.raises = [None, None, None, OSError("away"), OSError("away"), None]
        with capture_logs() as logs:
            waiting = asyncio.create_task(one.wait())
            await asyncio.sleep(2.5)
            assert one.log.health.why == "it does not answer: away"
            await waiting
        assert one.asked == 6, "looks from before it was away do not count"
        assert [(line["log_level"], line.get("why")) for line in logs] == [
            ("info", None),
            ("warning", "away"),
            ("info", None),
        ]
        assert one.log.health.why == ""

    play(main)


def test_looks_from_before_a_connection_was_lost_do_not_count() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(THERE, NOBODY)
        waiting = asyncio.create_task(one.wait())
        await asyncio.sleep(1.5)
        one.connection.losses += 1
        await waiting
        assert one.asked == 6

    play(main)


def test_a_stream_that_was_deleted_ends_at_its_beginning() -> None:
    async def main(loop: VirtualLoop) -> None:
        one = By(NOBODY)
        one.stream.put(b"x")
        one.stream.there = False
        assert await one.wait() == 0

    play(main)


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


# -- the stream itself


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, ""),
        ({"max_msgs": 5}, ""),
        (
            {"max_msgs": None, "max_bytes": None, "max_msgs_per_subject": None, "discard": DiscardPolicy.OLD},
            "",
        ),
        ({**dict.fromkeys(BOUNDS, 0), "discard": DiscardPolicy.OLD}, ""),
        ({"subjects": ["other"]}, "other subjects"),
        ({"subjects": [PLACE.log, "other"]}, "other subjects"),
        ({"max_msgs": 1, "discard": DiscardPolicy.OLD}, "forgets events"),
        ({"max_bytes": 1, "discard": DiscardPolicy.OLD}, "forgets events"),
        ({"max_msgs_per_subject": 1, "discard": DiscardPolicy.OLD}, "forgets events"),
        ({"max_age": 1}, "forgets events"),
        ({"retention": RetentionPolicy.WORK_QUEUE}, "forgets events"),
    ],
)
async def test_a_stream_that_forgets_events_is_refused(config: dict[str, Any], said: str) -> None:
    connection = FakeConnection()
    connection.jetstream.config |= config
    if said:
        with pytest.raises(SpoolDamaged, match=said):
            await stream.is_there(connected(connection))
    else:
        assert await stream.is_there(connected(connection))


@pytest.mark.parametrize(("known", "level"), [(True, "warning"), (False, "info")])
async def test_a_stream_is_made_as_it_has_to_be(known: bool, level: str) -> None:
    connection = FakeConnection()
    connection.jetstream.there = False
    assert not await stream.is_there(connected(connection))
    with capture_logs() as logs:
        await stream.make(connected(connection), 3, known=known)
    assert connection.jetstream.made == {
        "name": "events",
        "subjects": [PLACE.log],
        "num_replicas": 3,
        "discard": DiscardPolicy.NEW,
    }
    assert [(line["log_level"], line["stream"]) for line in logs] == [(level, str(PLACE))]


# -- opening


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[FakeConnection]:
    """What is connected to, each to the same stream."""
    made: list[FakeConnection] = []
    shared = FakeStream()

    def connect(place: object, token: str) -> FakeConnection:
        assert (place, token) == (PLACE, "token")
        one = FakeConnection(shared)
        one.patience = []  # type: ignore[attr-defined]

        async def open_(patience_s: float) -> None:
            one.patience.append(patience_s)  # type: ignore[attr-defined]

        one.open = open_  # type: ignore[attr-defined]
        made.append(one)
        return one

    monkeypatch.setattr(opening, "Connection", connect)
    return made


async def test_a_stream_that_is_missing_is_made_where_it_may_be(connections: list[FakeConnection]) -> None:
    fake: FakeStream = (await opening.open_log(PLACE, "token")).connection.jetstream  # type: ignore[assignment]
    fake.there = False
    with pytest.raises(SpoolDamaged, match="start the forwarder once"):
        await opening.open_log(PLACE, "token")
    assert [one.closed for one in connections] == [False, True]
    for known, level in ((True, "warning"), (False, "info")):
        fake.there = False
        with capture_logs() as logs:
            log = await opening.open_log(PLACE, "token", 3, known=known)
        assert [line["log_level"] for line in logs] == [level]
    fake.there = False
    with capture_logs() as logs:
        log = await opening.open_log(PLACE, "token", 3)
    assert [line["log_level"] for line in logs] == ["info"]
    assert (fake.made["num_replicas"], log._replicas) == (3, 3)
    assert connections[-1].patience == [opening.CONNECT_S]  # type: ignore[attr-defined]


async def test_whether_a_stream_could_be_used_is_tried(connections: list[FakeConnection]) -> None:
    await opening.try_stream(PLACE, "token")
    assert connections[0].closed
    assert connections[0].jetstream.asked == ["account", "info"]
    assert connections[0].patience == [opening.TRY_S]  # type: ignore[attr-defined]
    connections[0].jetstream.raises = [ServiceUnavailableError(503, "JetStream not enabled")]
    with pytest.raises(SpoolDamaged, match=rf"{PLACE} .*: JetStream not enabled; NATS needs JetStream"):
        await opening.try_stream(PLACE, "token")
    connections[0].jetstream.raises = [OSError()]
    with pytest.raises(SpoolDamaged, match=r"no answer; look at NATS' own log"):
        await opening.try_stream(PLACE, "token")
    assert all(one.closed for one in connections)


def test_nats_is_waited_for_and_that_is_said_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr(opening, "time", SimpleNamespace(monotonic=lambda: 1_000 + loop.time()))
        tries = 0

        async def answers() -> str:
            nonlocal tries
            tries += 1
            if tries < 125:
                raise OSError("away")
            return "yes"

        with capture_logs() as logs:
            assert await opening.patiently(PLACE, answers) == "yes"
        assert loop.time() == pytest.approx(62)
        assert [(line["stream"], line["why"]) for line in logs] == [(str(PLACE), "away")] * 3

    play(main)


@pytest.mark.parametrize(
    ("error", "after_s"),
    [
        (APIError(400, "no"), 0),
        (APIError(499, "no"), 0),
        (BadRequestError(400, "no"), 0),
        (ServiceUnavailableError(503, "JetStream not enabled"), 10.5),
        (ServiceUnavailableError(), 10.5),
        (ServiceUnavailableError(503, "no leader"), None),
        (APIError(500, "no"), None),
        (APIError(), None),
        (nats.errors.TimeoutError(), None),
    ],
)
def test_what_waiting_does_not_mend_is_not_waited_for(
    error: Exception, after_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr(opening, "time", SimpleNamespace(monotonic=lambda: 500 + loop.time()))

        async def fails() -> None:
            raise error

        try:
            async with asyncio.timeout(60):
                await opening.patiently(PLACE, fails)
        except SpoolDamaged as refused:
            assert str(refused) == str(opening.unusable(PLACE, error))  # noqa: PT017
            assert loop.time() == after_s
        except TimeoutError:
            assert after_s is None

    play(main)


def test_what_an_operator_is_told_names_the_stream_and_the_mend() -> None:
    without = str(opening.unusable(PLACE, ServiceUnavailableError()))
    assert without == f"{PLACE} cannot be used: no answer; NATS needs JetStream (nats-server -js)"
    other = str(opening.unusable(PLACE, BadRequestError(400, "bad name")))
    assert other == f"{PLACE} cannot be used: bad name; look at NATS' own log"
    assert opening.reason(RuntimeError("closed")) == "closed"
