"""Looks at a stream, and what they say of it; how it is made whole, and cut."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from forwarder.errors import SpoolTakenOver
from forwarder.spool.jetstream import health
from forwarder.spool.jetstream.health import SURE_S, Incomplete, Moment, StreamHealth
from forwarder.spool.jetstream.log import Log
from tests.support.fake_stream import PLACE, FakeConnection
from tests.support.stream_logs import One, written

pytestmark = pytest.mark.usefixtures("at_once")

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


async def test_a_stream_that_is_behind_its_writer_is_incomplete_once_that_is_sure() -> None:
    one, now = One(), [100.0]
    one.log.health.clock = lambda: now[0]
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


@pytest.mark.parametrize(("base", "kept"), [(1, 0), (2, 2), (3, 3), (4, 4), (5, 0)])
async def test_a_snapshot_that_is_still_there_counts_until_there_is_another(base: int, kept: int) -> None:
    one = One()
    for data in (b"a", b"b", b"c", b"d"):
        await one.log.append(data)
    one.stream.purge(2)
    one.log.base = base
    await one.log.restore()
    assert one.log.base == kept


async def test_a_stream_is_made_again_for_one_server_where_nothing_else_was_said() -> None:
    one = One()
    one.stream.there = False
    await Log(cast(Any, one.connection)).restore()
    assert one.stream.made["num_replicas"] == 1


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
def watch() -> tuple[StreamHealth, list[float], FakeConnection]:
    """A stream's health, a clock, and its connection."""
    now = [100.0]
    connection = FakeConnection()
    return StreamHealth(cast(Any, connection), lambda: now[0]), now, connection


Watching = tuple[StreamHealth, list[float], FakeConnection]


def test_after_ten_seconds_of_silence_another_server_is_tried(watch: Watching) -> None:
    one, now, connection = watch
    with capture_logs() as logs:
        for seconds, renewed in ((0, 0), (9.9, 0), (10, 1), (19.9, 1), (20, 2)):
            now[0] = 100 + seconds
            one.silent("away")
            assert connection.renewed == renewed
        assert one.why == "it does not answer: away"
        one.ours(one.moment())
        now[0] += 9.9
        one.silent("away")
    assert connection.renewed == 2, "it has answered since"
    assert [line["log_level"] for line in logs] == ["warning", "info", "warning"]
    assert {line["stream"] for line in logs} == {str(PLACE)}


def test_being_behind_counts_from_the_first_time_and_anew_once_it_is_ours(watch: Watching) -> None:
    one, now, _ = watch
    for answers in (True, False):
        one.ours(one.moment())
        one.behind()
        now[0] += 4.9
        one.behind()
        one.ours(one.moment()) if answers else one.restored()
        one.behind()
        now[0] += 4.9
        one.behind()
    now[0] += 0.1
    with pytest.raises(Incomplete):
        one.behind()
    assert one.why == "messages are missing"


def test_a_refusal_is_said_once(watch: Watching) -> None:
    one, now, _ = watch
    assert not one.is_refused
    with capture_logs() as logs:
        one.refused("full")
        assert (len(logs), one.why) == (1, "")
        now[0] += 7
        one.refused("full")
    assert (len(logs), one.refused_at, one.ours_at) == (1, 107, 100)
    for seconds, reported in ((14.9, True), (15, False)):
        now[0] = 107 + seconds
        assert one.is_refused is reported


def test_an_answer_to_an_older_question_takes_nothing_back(watch: Watching) -> None:
    one, now, _ = watch
    one.ours(Moment(100, 0))
    one.ours(Moment(90, 0))
    now[0] = 103
    assert (one.ours_at, one.unsure_s) == (100, 3)


def test_it_is_sure_for_as_long_as_no_other_one_may_take_over(watch: Watching) -> None:
    one, now, _ = watch
    for seconds, sure in ((0, True), (SURE_S - 0.01, True), (SURE_S, False), (60, False)):
        now[0] = 100 + seconds
        assert one.is_sure is sure
    one.ours(Moment(now[0] - SURE_S, 0))
    assert not one.is_sure, "when it was asked counts, not when the answer is read"
    one.ours(one.moment())
    assert one.is_sure


def test_it_is_sure_of_nothing_from_before_the_connection_was_lost(watch: Watching) -> None:
    one, _, connection = watch
    before = one.moment()
    connection.is_connected = False
    assert not one.is_sure, "the client knows it before anybody is told of the loss"
    connection.losses = 2
    connection.is_connected = True
    assert not one.is_sure, "others may have been faster"
    one.ours(before)
    assert not one.is_sure
    since = one.moment()
    one.ours(since)
    one.ours(before)
    assert one.is_sure, "an older answer takes nothing back"


def test_losses_before_the_stream_was_opened_do_not_count() -> None:
    connection = FakeConnection()
    connection.losses = 3
    assert StreamHealth(cast(Any, connection)).is_sure


def test_time_passes_while_the_machine_is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux's clock for that has a name; elsewhere the usual one has to do."""
    clocks = {7: 1_000.0}
    monkeypatch.setattr(
        health, "time", SimpleNamespace(CLOCK_BOOTTIME=7, clock_gettime=clocks.get, monotonic=lambda: 1.0)
    )
    assert health.elapsed_s() == 1_000
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: 1.0))
    assert health.elapsed_s() == 1
