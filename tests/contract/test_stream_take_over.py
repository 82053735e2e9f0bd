"""One forwarder serves from a stream: how others learn that it is gone, and what hands may do to a stream.

Each step is tried with a real NATS server; ``Standby`` alone is also tried over made-up answers.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import nats as client
import nats.errors
import pytest
import structlog.testing
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError, ServerError
from prometheus_client import REGISTRY
from structlog.typing import EventDict

from forwarder.errors import SpoolLost, SpoolTakenOver, SpoolUnavailable
from forwarder.spool import NewDead, Settlement, Spool
from forwarder.spool import jetstream as opening
from forwarder.spool.jetstream import connection, health, message, replication, standby
from forwarder.spool.jetstream import log as stream_log
from forwarder.spool.jetstream import spool as stream_spool
from forwarder.spool.jetstream.control import ControlReply, Desk
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.jetstream.standby import Standby
from forwarder.spool.location import parse_stream_url
from tests.support.nats import Nats
from tests.support.spools import NOW, Where, event, names, opened, somewhere
from tests.support.streams import busy, elsewhere, everything
from tests.support.waiting import PATIENCE_S, until

FOR_EVER = 3600.0


@pytest.fixture
def here(tmp_path: Path, nats: Nats) -> Where:
    return somewhere(nats, tmp_path)


@pytest.fixture
def said() -> Iterator[list[EventDict]]:
    """Return the log's lines as they come."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have whoever serves look often, and believe soon what it sees."""
    monkeypatch.setattr(stream_spool, "_LOOK_S", 0.3)
    monkeypatch.setattr(stream_spool, "_CHECK_S", 0.3)
    monkeypatch.setattr(health, "_BEHIND_S", 0.2)


@asynccontextmanager
async def by_hand(where: Where) -> AsyncIterator[tuple[JetStreamContext, str]]:
    """Give JetStream as an operator's tools have it, and the stream's name."""
    server, _, name = where.place.rpartition("/")
    connected = await client.connect(server)
    yield connected.jetstream(), name
    await connected.close()


async def publish(where: Where, data: bytes) -> None:
    """Put a message onto the stream's subject."""
    async with by_hand(where) as (jetstream, name):
        await jetstream.publish(f"{name}.log", data)


def tells(lines: list[EventDict], what: str) -> int:
    """Return how many lines of the log tell of something."""
    return sum(what in line["event"] for line in lines)


def strays() -> float:
    """Return how many stray messages were counted."""
    return REGISTRY.get_sample_value("forwarder_stream_stray_messages_total") or 0.0


async def append_in_the_end(spool: Spool, *ids: str) -> list[bool]:
    """Append as senders do: again until the stream is whole."""
    found: list[bool] = []

    async def is_mended() -> bool:
        try:
            found[:] = await spool.append([event(one) for one in ids], NOW)
        except SpoolUnavailable as away:
            if away.code not in ("stream_incomplete", "stream_silent"):
                raise
            return False
        return True

    await until(is_mended)
    return found


# -- stray messages


@pytest.mark.parametrize("stray", [b"x", b"", b"\x96\x01\x02", b"{}"])
async def test_strays_are_passed_over_and_counted(here: Where, said: list[EventDict], stray: bytes) -> None:
    async with opened(here) as spool:
        assert await spool.append([event("a")], NOW) == [True]
        counted = strays()
        await publish(here, stray)
        await publish(here, stray)
        assert await spool.append([event("a"), event("b")], NOW) == [False, True]
        assert strays() == counted + 2
        assert [line["message"] for line in said if "no forwarder wrote" in line["event"]] == [3, 4]
    async with opened(elsewhere(here)) as spool:
        assert names(await spool.read(0, 10)) == ["a", "b"]
        assert await spool.append([event("b"), event("c")], NOW) == [False, True]
        assert strays() == counted + 4


@pytest.mark.usefixtures("watchful")
async def test_an_idle_writer_passes_over_strays_too(here: Where) -> None:
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
        counted = strays()
        await publish(here, b"x")
        await until(lambda: strays() == counted + 1)
        assert await spool.append([event("b")], NOW) == [True]


@pytest.mark.parametrize("taken_out", [False, True])
@pytest.mark.parametrize("snapshot_bytes", [2_000, 10**6])
async def test_strays_at_the_end_keep_nobody_from_serving(
    here: Where, taken_out: bool, snapshot_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", snapshot_bytes)
    async with opened(here) as spool:
        await busy(spool)
        known = await everything(spool)
    await publish(here, b"x")
    await publish(here, b"y")
    if taken_out:
        async with by_hand(here) as (jetstream, name):
            last = (await jetstream.stream_info(name)).state.last_seq
            await jetstream.delete_msg(name, last)
            await jetstream.delete_msg(name, last - 1)
    tool = await here.open(tool=True)
    assert await tool.dead()
    await tool.close()
    async with opened(elsewhere(here)) as spool:
        assert await everything(spool) == known
        assert await spool.append([event("waits"), event("new")], NOW) == [False, True]


@pytest.mark.parametrize("part", [0, 1])
async def test_half_a_record_is_passed_over(here: Where, part: int) -> None:
    """Its writer died over it, or its first half was let go of."""
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
    await publish(here, message.encode(message.Message("died", 7, part, 2, 0, b"\x91\xc1")))
    async with opened(elsewhere(here)) as spool:
        assert names(await spool.read(0, 10)) == ["a"]
        assert await spool.append([event("b")], NOW) == [True]
    async with opened(here) as spool:
        assert names(await spool.read(0, 10)) == ["a", "b"]


# -- purged and deleted by hand


@pytest.mark.usefixtures("watchful")
@pytest.mark.parametrize("deleted", [False, True], ids=["purged", "deleted"])
@pytest.mark.parametrize("how", ["idle", "busy"])
async def test_what_was_taken_out_is_written_again(
    here: Where, said: list[EventDict], deleted: bool, how: str
) -> None:
    async with opened(here) as spool:
        await busy(spool)
        known: Any = await everything(spool)
        async with by_hand(here) as (jetstream, name):
            await (jetstream.delete_stream(name) if deleted else jetstream.purge_stream(name))
        added: list[str] = []
        if how == "busy":  # nothing ever waits for long, and the stream is never looked at for that
            while not tells(said, "the stream holds everything again"):
                added.append(f"more-{len(added)}")
                assert await append_in_the_end(spool, added[-1]) in ([True], [False])
        await until(lambda: tells(said, "the stream holds everything again"))
        assert tells(said, "purged or deleted by hand; writing everything into it again") == 1
        assert await append_in_the_end(spool, "waits", "last") == [False, True]
        assert spool.failure is None
    async with opened(elsewhere(here)) as spool:
        found: Any = await everything(spool)
        assert found[1:3] == known[1:3], "lanes and dead letters are as they were"
        assert [one.message_id for one in found[0]] == ["waits", *added, "last"]
        assert [one.seq for one in found[0]] == list(range(41, 43 + len(added)))
        assert await spool.append([event("waits"), event("new")], NOW) == [False, True]


async def test_what_was_purged_while_nobody_served_is_lost_and_warned_of(
    here: Where, said: list[EventDict]
) -> None:
    async with opened(here) as spool:
        await busy(spool)
    async with by_hand(here) as (jetstream, name):
        await jetstream.purge_stream(name)
    async with opened(elsewhere(here)) as spool:
        assert tells(said, "what it held is lost, and the counts begin anew") == 1
        await spool.attach(["one"])
        counts = (await spool.counts()).destinations["one"]
        assert (counts.accepted, counts.waiting, counts.redriven, counts.ended) == (0, 0, 0, {})
        assert await spool.append([event("m1"), event("new")], NOW) == [True, True]
        assert names(await spool.read(0, 10)) == ["m1", "new"]
        counts = (await spool.counts()).destinations["one"]
        assert (counts.accepted, counts.waiting) == (2, 2)
    said.clear()
    async with opened(here) as spool:
        assert not tells(said, "the counts begin anew"), "it was said once"
        assert (await spool.counts()).destinations["one"].accepted == 2


async def test_behind_half_a_purge_new_events_are_delivered(here: Where, said: list[EventDict]) -> None:
    """Numbers go on behind what the destinations have passed, and the counts add up."""
    async with opened(here) as spool:
        await spool.attach(["one"])
        for number in range(10):
            await spool.append([event(f"m{number}")], NOW)
        await spool.settle("one", Settlement(8, ended={("delivered", ""): 8}), NOW)
    async with by_hand(here) as (jetstream, name):
        last = (await jetstream.stream_info(name)).state.last_seq
        await jetstream.purge_stream(name, seq=last)  # which leaves the last settlement alone
    async with opened(elsewhere(here)) as spool:
        assert tells(said, "the counts begin anew") == 1
        assert (await spool.attach(["one"]))["one"] == 8
        await spool.append([event("new")], NOW)
        found = await spool.read(8, 10)
        assert names(found) == ["new"]
        assert found[0].seq > 8
        counts = (await spool.counts()).destinations["one"]
        assert counts.accepted == sum(counts.ended.values()) - counts.redriven + counts.waiting


# -- who serves


async def standing_by(where: Where, lines: list[EventDict]) -> asyncio.Task[Spool]:
    """Return one that stands by, and that will serve."""
    before = tells(lines, "standing by: another forwarder serves")
    waiting = asyncio.create_task(where.open())
    await until(lambda: tells(lines, "standing by: another forwarder serves") > before)
    assert not waiting.done()
    return waiting


async def test_after_a_farewell_another_serves_at_once(
    here: Where, said: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = await here.open()
    await spool.append([event("a")], NOW)
    monkeypatch.setattr(standby, "_LOOK_S", FOR_EVER)  # without one, nobody would ask again
    waiting = await standing_by(elsewhere(here), said)
    await spool.close()
    second = await asyncio.wait_for(waiting, PATIENCE_S)
    assert names(await second.read(0, 10)) == ["a"]
    await second.close()


@pytest.mark.usefixtures("watchful")
async def test_who_has_lost_the_stream_ends_though_nothing_comes(
    here: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would tell those who stand by that somebody serves."""
    monkeypatch.setattr(standby, "_ASK_S", FOR_EVER)  # who need not wait for an answer does not
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
        await publish(here, message.encode(message.Message("another", 0, 0, 1, 0, b"\x90")))
        assert isinstance(await asyncio.wait_for(spool.lost(), PATIENCE_S), SpoolTakenOver)
        away = spool.unavailable()
        assert away is not None
        assert away.code == "stream_lost"
        second = await asyncio.wait_for(elsewhere(here).open(), PATIENCE_S)
        assert names(await second.read(0, 10)) == ["a"]
        await second.close()


async def test_who_is_not_sure_of_the_stream_does_not_answer(
    here: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped and continued, it is asked before it looks by itself."""
    monkeypatch.setattr(stream_spool, "_LOOK_S", FOR_EVER)
    monkeypatch.setattr(stream_spool, "_SURE_S", 0.0)
    monkeypatch.setattr(standby, "_ASK_S", 0.3)
    async with opened(here) as spool:
        await publish(here, message.encode(message.Message("another", 0, 0, 1, 0, b"\x90")))
        second = await asyncio.wait_for(elsewhere(here).open(), PATIENCE_S)
        assert isinstance(spool.failure, SpoolTakenOver)
        await second.close()


async def test_who_is_cut_off_does_not_answer(here: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    async def learn_nothing() -> None:
        """NATS does not answer."""

    spool: Any
    async with opened(here) as spool:
        assert await spool._is_ours()
        spool._watch.cancel()  # a look of its own, begun before, would show that the stream is there
        monkeypatch.setattr(spool._log, "look", learn_nothing)
        spool._log.health.ours_at -= 100
        assert not await spool._is_ours()
        away = spool.unavailable()
        assert away is not None
        assert away.code == "stream_silent"


async def test_nobody_is_robbed_by_who_looked_too_early(
    here: Where, said: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since the last look at the stream's end another one has taken it over."""
    wait, early = Standby.wait, [True]

    async def too_early(self: Standby, *, again: bool = False) -> int:
        return 0 if early and early.pop() else await wait(self, again=again)

    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
        monkeypatch.setattr(Standby, "wait", too_early)
        second = asyncio.create_task(elsewhere(here).open())
        await until(lambda: tells(said, "another forwarder was faster; standing by"))
        assert await spool.append([event("b")], NOW) == [True]
        await until(lambda: tells(said, "standing by: another forwarder serves"))
    found = await asyncio.wait_for(second, PATIENCE_S)
    assert names(await found.read(0, 10)) == ["a", "b"]
    await found.close()


async def test_who_begins_to_read_when_another_one_has_just_ended_is_no_robber(
    here: Where, said: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other one has written since the stream was looked at is not read as if it were the past."""
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
    catch_up, reading, go = Replica.catch_up, asyncio.Event(), asyncio.Event()

    async def late(self: Replica, began: Any) -> None:
        if not reading.is_set():
            reading.set()
            await go.wait()
        await catch_up(self, began)

    monkeypatch.setattr(Replica, "catch_up", late)
    # As where word of it has not come round in the cluster yet.
    monkeypatch.setattr(Desk, "open", lambda _: asyncio.sleep(0))
    slow = asyncio.create_task(here.open())
    await reading.wait()
    monkeypatch.undo()
    async with opened(elsewhere(here)) as winner:
        assert await winner.append([event("b")], NOW) == [True]
        go.set()
        await until(lambda: tells(said, "another forwarder was faster; standing by"))
        assert await winner.append([event("c")], NOW) == [True]
        assert winner.failure is None, "nobody robs it"
    found = await asyncio.wait_for(slow, 60)
    assert names(await found.read(0, 10)) == ["a", "b", "c"]
    await found.close()


@pytest.mark.parametrize("one_copy", [False, True])
async def test_who_loses_a_race_stands_by_again(
    here: Where, said: list[EventDict], monkeypatch: pytest.MonkeyPatch, one_copy: bool
) -> None:
    """Two take the stream over at the same moment, on two machines or on one, with one copy."""
    wait, both, arrived, again_asked = Standby.wait, asyncio.Event(), [], []

    async def wait_for_both(self: Standby, *, again: bool = False) -> int:
        again_asked.append(again)
        end = await wait(self, again=again)
        arrived.append(end)
        if len(arrived) == 2:
            both.set()
        await both.wait()
        return end

    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
    monkeypatch.setattr(Standby, "wait", wait_for_both)
    monkeypatch.setattr(opening, "_PAUSE_S", 0.1)
    tasks = {asyncio.create_task(where.open()) for where in (here, here if one_copy else elsewhere(here))}
    done, waiting = await asyncio.wait(tasks, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    (winner,), (loser,) = (task.result() for task in done), waiting
    await until(lambda: tells(said, "standing by: another forwarder serves"))
    assert tells(said, "the copy is in use" if one_copy else "another forwarder was faster") == 1
    for number in range(3):
        assert await winner.append([event(f"b{number}")], NOW) == [True]
        await asyncio.sleep(0.4)
    assert winner.failure is None, "nobody robs it"
    assert not loser.done()
    assert again_asked == [False, False, True], "the loser looks more than once"
    await winner.close()
    second = await asyncio.wait_for(loser, PATIENCE_S)
    assert names(await second.read(0, 10)) == ["a", "b0", "b1", "b2"]
    await second.close()


class Answers:
    """A log over a NATS that answers questions as it is told: ``no`` responders, ``silence``, ``yes``."""

    def __init__(self, *answers: str) -> None:
        self.place = parse_stream_url("nats://127.0.0.1:9/events")
        self.connection = self
        self.losses = 0
        self.health = SimpleNamespace(why="")
        self.asked = 0
        self._answers = iter(answers)

    async def state(self) -> SimpleNamespace:
        return SimpleNamespace(last_seq=self.asked)

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        self.asked += 1
        answer = next(self._answers)
        if answer == "yes":
            return msgspec.json.encode(ControlReply(0))
        raise nats.errors.NoRespondersError if answer == "no" else nats.errors.TimeoutError


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ("no", 1),  # nobody has ever been there
        ("yes no yes no yes no yes no no no", 10),
        ("yes silence yes silence yes silence silence", 7),
        ("silence silence", 2),
        ("yes no no silence no no silence no no no", 10),
        ("yes silence no silence no silence silence", 7),
    ],
)
async def test_only_misses_in_a_row_make_a_forwarder_gone(
    answers: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "_LOOK_S", 0.001)
    log: Any = Answers(*answers.split())
    end = await asyncio.wait_for(Standby(log).wait(), PATIENCE_S)
    assert log.asked == asked
    assert end == asked - 1, "where the stream ended before the last question"


async def test_who_has_just_lost_a_race_looks_more_than_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "_LOOK_S", 0.001)
    log: Any = Answers("no", "no", "no")
    await asyncio.wait_for(Standby(log).wait(again=True), PATIENCE_S)
    assert log.asked == 3


async def test_where_nats_was_away_the_count_of_misses_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "_LOOK_S", 0.001)
    log: Any = Answers("yes", "no", "no", "no", "no", "no")
    state = log.state

    async def away_before_the_fourth() -> object:
        if log.asked == 3 and not log.health.why:
            raise nats.errors.TimeoutError
        return await state()

    log.state = away_before_the_fourth
    await asyncio.wait_for(Standby(log).wait(), PATIENCE_S)
    assert log.asked == 6


# -- the copy and the stream


async def test_a_copy_that_cannot_take_what_the_stream_has_ends_the_forwarder(here: Where) -> None:
    class Failing:
        """The writer's connection, on a disk that fails once."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection
            self.failed = False

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if statement == "COMMIT" and not self.failed:
                self.failed = True
                error = sqlite3.OperationalError("it failed")
                error.sqlite_errorcode = sqlite3.SQLITE_ERROR
                raise error
            return self._connection.execute(statement, *values)

    spool: Any = await here.open()
    spool._writer._database = Failing(spool._writer._database)
    with pytest.raises(sqlite3.OperationalError):
        await spool.append([event("a")], NOW)
    with pytest.raises(SpoolLost, match="the stream has what its copy could not take"):
        await spool.append([event("b")], NOW)
    assert "could not take" in str(await asyncio.wait_for(spool.lost(), PATIENCE_S))
    await spool.close()
    async with opened(here) as found:
        assert names(await found.read(0, 10)) == ["a"]


async def test_numbers_go_on_where_a_snapshot_holds_no_events(
    here: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise new events would lie where every destination has passed, and never be delivered."""
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 500)
    async with opened(here) as spool:
        await spool.attach(["one"])
        await spool.append([event(f"m{number}", b"x" * 100) for number in range(10)], NOW)
        first = (await spool.read(0, 1))[0]
        await spool.settle("one", Settlement(10, dead=[NewDead(first, "why", b"{}", b"")]), NOW)
        await spool.drop([1])
        held = 0
        async with by_hand(here) as (jetstream, name):
            while held <= 8:  # all that held an event or the letter is let go of
                await spool.settle("one", Settlement(10, ended={("delivered", ""): 1}), NOW)
                held = (await jetstream.stream_info(name)).state.first_seq
    async with opened(elsewhere(here)) as spool:
        assert (await spool.attach(["one"]))["one"] == 10
        await spool.append([event("new")], NOW)
        (new,) = await spool.read(10, 10)
        assert (new.seq, new.message_id) == (11, "new")
        await spool.settle("one", Settlement(11, dead=[NewDead(new, "why", b"{}", b"")]), NOW)
        assert [letter.number for letter in await spool.dead()] == [2]


async def test_ids_of_delivered_events_are_known_elsewhere(here: Where) -> None:
    async with opened(here) as spool:
        await spool.attach(["one"])
        await spool.append([event("a"), event("b")], NOW)
        await spool.settle("one", Settlement(2, ended={("delivered", ""): 2}), NOW)
        assert not await spool.read(0, 10)
    async with opened(elsewhere(here)) as spool:
        assert await spool.append([event("a"), event("b"), event("c")], NOW) == [False, False, True]


async def test_what_is_let_go_of_while_it_is_read_is_read_again(
    here: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 2_000)
    catch_up, reads = Replica.catch_up, []

    async def trim_late(self: Any, position: int) -> None:
        trimmed.append(position)

    async def catch_up_and_trim(self: Replica, began: Any) -> None:
        await catch_up(self, began)
        reads.append(began.first_seq)
        if len(reads) == 1:
            async with by_hand(here) as (jetstream, name):
                await jetstream.purge_stream(name, seq=trimmed[-1])

    trimmed: list[int] = []
    with monkeypatch.context() as before:
        before.setattr(stream_log.Log, "trim", trim_late)
        async with opened(here) as spool:
            await busy(spool)
            known = await everything(spool)
    monkeypatch.setattr(Replica, "catch_up", catch_up_and_trim)
    async with opened(elsewhere(here)) as spool:
        assert len(reads) == 2
        assert reads[1] == trimmed[-1] > 1
        assert await everything(spool) == known


async def test_while_a_leader_is_elected_events_wait(here: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(here) as spool:
        jetstream = spool._log._stream  # type: ignore[attr-defined]
        ask, failures = jetstream.publish, [1, 1]

        async def without_a_leader(*given: object, **more: object) -> object:
            if failures:
                failures.pop()
                raise ServerError(code=500, description="no leader")
            return await ask(*given, **more)

        monkeypatch.setattr(jetstream, "publish", without_a_leader)
        assert await spool.append([event("a")], NOW) == [True]
        assert not failures
    async with opened(elsewhere(here)) as spool:
        assert names(await spool.read(0, 10)) == ["a"]


@pytest.mark.parametrize("kept", [False, True], ids=["dropped", "answered late"])
async def test_what_is_not_answered_is_asked_once_more(
    here: Where, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Without a leader a question is dropped in silence; the time for an answer is far longer."""
    monkeypatch.setattr(connection, "AGAIN_S", 0.1)
    monkeypatch.setattr(connection, "ANSWER_S", PATIENCE_S)
    async with opened(here) as spool:
        jetstream = spool._log._stream  # type: ignore[attr-defined]
        silent = ["publish", "stream_info", "publish"]

        def forgetful(name: str) -> None:
            ask = getattr(jetstream, name)

            async def once(*given: object, **more: object) -> object:
                if name in silent:
                    silent.remove(name)
                    if kept:
                        await ask(*given, **more)
                    await asyncio.sleep(connection.ANSWER_S)
                    raise nats.errors.TimeoutError
                return await ask(*given, **more)

            monkeypatch.setattr(jetstream, name, once)

        for name in ("publish", "stream_info"):
            forgetful(name)
        began = time.monotonic()
        assert await spool.append([event("a")], NOW) == [True]
        await spool._log.state()  # type: ignore[attr-defined]
        assert await spool.append([event("b")], NOW) == [True]
        assert time.monotonic() - began < connection.ANSWER_S
        assert not silent
    async with opened(elsewhere(here)) as spool:
        assert [(one.seq, one.message_id) for one in await spool.read(0, 10)] == [(1, "a"), (2, "b")]


async def test_a_deleted_stream_is_made_again_with_a_warning(here: Where, said: list[EventDict]) -> None:
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
    async with by_hand(here) as (jetstream, name):
        await jetstream.delete_stream(name)
        with pytest.raises(NotFoundError):
            await jetstream.stream_info(name)
    async with opened(here) as spool:
        assert tells(said, "the stream was deleted and is made again, empty") == 1
        assert await spool.append([event("new")], NOW) == [True]
