"""How the forwarder that writes a stream watches over it: when it looks, and when it is sure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from forwarder.errors import SpoolLost, SpoolUnavailable
from forwarder.spool.jetstream import connection
from forwarder.spool.jetstream import spool as module
from forwarder.spool.jetstream.control import ControlReply, ControlRequest
from forwarder.spool.jetstream.health import Incomplete
from forwarder.spool.jetstream.log import RETRY_AFTER
from forwarder.spool.suppression import FOR_EVER, marks_for
from tests.support.fake_stream import PLACE
from tests.support.spools import NOW, event
from tests.support.waiting import until
from tests.unit.spool.test_stream_spool import One

LOOK_S = 2**-10
"""A fraction that sums keep exactly."""
LATER = 10**9
"""A moment in the far future."""


class Clock:
    """A clock that the test sets; it counts who asks."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.asked = 0

    def monotonic(self) -> float:
        self.asked += 1
        return self.now

    async def looks(self) -> None:
        """Wait until the watch has come by a few times."""
        asked = self.asked
        await until(lambda: self.asked > asked + 6)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


@pytest.fixture
async def one(tmp_path: Path, clock: Clock) -> AsyncIterator[One]:
    opened = One(tmp_path)
    opened.log.health.clock = clock.monotonic
    opened.log.health.ours_at = LATER
    await opened.open()
    yield opened
    opened.log.waits_since = None
    await opened.spool.close()


async def test_the_stream_is_looked_at_where_nothing_shows_that_it_is_ours_and_now_and_then(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_S", LOOK_S)
    one, looked = One(tmp_path), list[float]()
    one.log.health.clock, one.log.health.ours_at = clock.monotonic, LATER
    spool = await one.open()

    async def look() -> None:
        looked.append(clock.now)
        one.log.health.ours_at = LATER

    monkeypatch.setattr(spool, "_look", look)
    with capture_logs() as logs:
        await clock.looks()
        for now, ours_at, expected in (
            (1_004.0, LATER, []),
            (1_005.0, LATER, [1_005.0]),
            (1_009.5, LATER, []),
            (1_009.5, 1_009.5 - LOOK_S / 2, []),
            (1_009.5, 1_009.5 - LOOK_S, [1_009.5]),
            (1_014.0, LATER, []),
            (1_014.5, LATER, [1_014.5]),
        ):
            looked.clear()
            one.log.health.ours_at, clock.now = ours_at, now
            await clock.looks()
            assert looked == expected, now
        one.connection.losses += 1
        looked.clear()
        await clock.looks()
        assert looked, "whether it is ours has to be asked anew"
    assert logs == []
    await spool.close()


@pytest.mark.parametrize(("waits_s", "looks"), [(0.499, True), (0.5, False), (5, False)])
async def test_while_a_record_is_on_its_way_for_half_a_second_it_will_tell(
    one: One, clock: Clock, waits_s: float, looks: bool
) -> None:
    one.log.waits_since = clock.now - waits_s
    asked = len(one.stream.asked)
    await one.spool._look()
    assert (len(one.stream.asked) > asked) is looks


async def test_what_cannot_be_mended_now_is_tried_with_the_next_look(
    one: One, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    async def incomplete() -> None:
        raise Incomplete

    async def away(work: object) -> None:
        tried.append(work)
        raise SpoolUnavailable("stream_silent", "away", 1)

    monkeypatch.setattr(one.log, "look", incomplete)
    monkeypatch.setattr(one.spool, "_write", away)
    await one.spool._look()
    assert len(tried) == 1
    assert one.spool._replicator._incomplete


async def test_a_purged_stream_is_mended_without_a_word_of_failure(one: One) -> None:
    await one.spool.append([event("a")], NOW)
    one.stream.purge(one.stream.last + 1)
    with capture_logs() as logs:
        await one.spool._look()
    assert one.stream.messages
    assert {line["log_level"] for line in logs} == {"warning", "info"}


@pytest.mark.parametrize(("age_s", "looks"), [(1.5, False), (1.75, False), (2, True)])
async def test_whoever_was_sure_less_than_two_seconds_ago_is_sure(
    one: One, clock: Clock, age_s: float, looks: bool
) -> None:
    one.log.health.ours_at = clock.now - age_s
    asked = len(one.stream.asked)
    replies = await one.ask(ControlRequest())
    assert (len(one.stream.asked) > asked) is looks
    assert replies == [ControlReply(0)]
    assert (one.spool.unavailable() is None) is True


async def test_who_has_no_connection_is_not_ready_from_then_until_the_stream_has_answered_anew(
    one: One, clock: Clock
) -> None:
    """NATS tells whoever stands by at once that nobody serves."""
    one.log.health.ours_at = clock.now
    assert one.spool.unavailable() is None
    one.connection.is_connected = False
    told = one.spool.unavailable()
    assert told is not None
    assert told.code == "stream_silent"
    one.connection.is_connected, one.connection.losses = True, 1
    assert one.spool.unavailable() is not None, "another one may serve by now"
    assert await one.ask(ControlRequest()) == [ControlReply(0)]
    assert one.stream.asked == ["info"]
    assert one.spool.unavailable() is None


async def test_who_is_not_sure_says_nothing_and_why(one: One, clock: Clock) -> None:
    one.log.health.ours_at = clock.now - 3.25
    one.log.health.why = "it does not answer"
    one.stream.raises = [OSError("away")]
    assert await one.ask(ControlRequest()) == []
    told = one.spool.unavailable()
    assert told is not None
    assert (told.code, told.retry_after) == ("stream_silent", RETRY_AFTER)
    assert str(told).startswith(f"{PLACE}: it does not answer")


@pytest.mark.parametrize(("age_s", "refused"), [(14.5, True), (15, False)])
async def test_a_refusal_is_told_for_so_long(one: One, clock: Clock, age_s: float, refused: bool) -> None:
    one.log.health.refused_at = clock.now - age_s
    assert (one.spool.unavailable() is not None) is refused


async def test_a_lifted_suppression_ends_now(one: One) -> None:
    [mark] = marks_for(["gone"], [""], FOR_EVER)
    await one.ask(ControlRequest(mark=[mark], now=NOW))
    await one.ask(ControlRequest(lift=[mark.mark], now=NOW + 1))
    [known] = await one.spool.marks()
    assert known.until == 0


async def test_a_farewell_waits_a_second_for_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, waited = One(tmp_path), list[float]()

    async def flush(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(one.connection.client, "flush", flush)
    watch = (await one.open())._watch
    await one.spool.close()
    assert waited == [1]
    assert watch.cancelled(), "nothing looks any more"


async def test_what_becomes_of_events_whose_sender_has_gone_is_taken_note_of() -> None:
    loop = asyncio.get_running_loop()
    failed, gone = loop.create_future(), loop.create_future()
    for one in (failed, gone):
        assert connection.begin(one) is one
    failed.set_exception(SpoolLost("lost"))
    gone.cancel()
    await asyncio.sleep(0)
    assert not failed._log_traceback, "nobody is told that it was never asked for"


async def test_events_that_a_sender_no_longer_waits_for_are_looked_after(
    one: One, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    ended: list[asyncio.Future[object]] = []
    monkeypatch.setattr(connection, "_note_end", ended.append)
    one.stream.held = asyncio.Event()
    with pytest.raises(SpoolUnavailable):
        await one.spool.append([event("a")], NOW)
    one.stream.held.set()
    await until(lambda: [True] in [begun.result() for begun in ended])
