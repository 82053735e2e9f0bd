"""One forwarder serves from a stream: how others learn that it is gone.

Each step is tried with a real NATS server; ``Standby`` alone is also tried over made-up answers.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import nats.errors
import pytest
from structlog.typing import EventDict

from forwarder.errors import SpoolTakenOver
from forwarder.spool import Spool
from forwarder.spool import jetstream as opening
from forwarder.spool.jetstream import health, message, standby
from forwarder.spool.jetstream import spool as stream_spool
from forwarder.spool.jetstream.control import ControlReply, Desk
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.jetstream.standby import Standby
from forwarder.spool.location import parse_stream_url
from tests.support.spools import NOW, Where, event, names, opened
from tests.support.streams import elsewhere, publish, tells
from tests.support.waiting import PATIENCE_S, until

FOR_EVER = 3600.0
NOBODY, SILENCE = " ".join(["no"] * 5), " ".join(["silence"] * 7)


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
    monkeypatch.setattr(health, "SURE_S", 0.0)
    monkeypatch.setattr(standby, "_ASK_S", 0.3)
    monkeypatch.setattr(standby, "_LOOK_S", 0.1)
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
        (f"yes no yes {NOBODY[:-3]} yes {NOBODY}", 13),
        (f"yes silence yes {SILENCE[:-8]} yes {SILENCE}", 17),
        (SILENCE, 7),
        (f"yes {NOBODY[:-3]} silence {NOBODY[:-3]} silence {NOBODY}", 16),
        (f"yes silence no silence no {SILENCE}", 12),
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
    log: Any = Answers(*NOBODY.split())
    await asyncio.wait_for(Standby(log).wait(again=True), PATIENCE_S)
    assert log.asked == 5


async def test_where_nats_was_away_the_count_of_misses_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "_LOOK_S", 0.001)
    log: Any = Answers("yes", "no", "no", *NOBODY.split())
    state = log.state

    async def away_before_the_fourth() -> object:
        if log.asked == 3 and not log.health.why:
            raise nats.errors.TimeoutError
        return await state()

    log.state = away_before_the_fourth
    await asyncio.wait_for(Standby(log).wait(), PATIENCE_S)
    assert log.asked == 8
