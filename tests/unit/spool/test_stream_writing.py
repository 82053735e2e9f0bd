"""A record in a stream: one writer at a time, which learns of everything that others do to it."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import nats.errors
import pytest
from nats.js.errors import (
    APIError,
    BadRequestError,
    NoStreamResponseError,
    ServerError,
    ServiceUnavailableError,
)
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.errors import SpoolLost, SpoolTakenOver, SpoolUnavailable
from forwarder.spool.jetstream import health
from forwarder.spool.jetstream.health import Incomplete
from forwarder.spool.jetstream.log import RETRY_AFTER
from forwarder.spool.jetstream.message import decode
from forwarder.spool.jetstream.reading import Record
from tests.support.stream_logs import One, written

pytestmark = pytest.mark.usefixtures("at_once")


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
    assert [len(part.data) for part in parts] == [size, size, 3]
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


async def test_a_record_that_was_refused_while_a_look_passed_over_a_stray_is_tried_again() -> None:
    """The look has come further meanwhile, so that what lies there is not the record."""
    one = One()
    one.stream.strays = [b"stray"]
    get_msg = one.stream.get_msg

    async def with_a_look(name: str, seq: int) -> Any:
        one.stream.get_msg = get_msg  # type: ignore[method-assign]
        found = await get_msg(name, seq)
        await one.log._pass_over(None)
        return found

    one.stream.get_msg = with_a_look  # type: ignore[method-assign]
    assert await one.log.append(b"a") == 2
    assert await One(one.stream).records() == [Record(2, b"a")]


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


async def test_a_refusal_without_words_is_told_by_its_number() -> None:
    one = One()
    with capture_logs() as logs:
        one.stream.raises = [APIError(code=400, err_code=10077)]
        with pytest.raises(SpoolUnavailable, match="refuses events: NATS' error 10077"):
            await one.log.append(b"a")
    assert [line["why"] for line in logs] == ["NATS' error 10077"]


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
