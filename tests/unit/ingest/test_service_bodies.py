"""Bodies that are large or no JSON: each costs what is wrong with it, in slices of time."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from forwarder.config.settings import Limits
from forwarder.http.responses import OK
from forwarder.outcomes import Outcome
from forwarder.spool import NewEvent
from tests.support.ingesting import MemorySpool, Setup, track
from tests.support.waiting import PATIENCE_S

GOOD = json.dumps(track(1)).encode()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"type":"track","event":"Bad","userId":"u","properties":{"a" 1}}', "not_json"),
        (b'{"type":"track","event":"Bad","userId":"u","properties":{"a":01}}', "not_json"),
        (b'{"type":"track","event":"Bad","userId":"u","properties":{"a":tru}}', "not_json"),
        (b'{"type":"track","event":"Bad","userId":"u",}', "not_json"),
        (rb'{"type":"track","event":"C:\dir","userId":"u"}', "not_json"),
        (b"{'type':'track'}", "not_json"),
        (b"undefined", "not_an_object"),
        (
            b'{"type":"track","event":"Deep","userId":"u","a":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
            "too_deep",
        ),
        (b"[" * 100_000 + b"]" * 100_000, "event_too_large"),
    ],
)
async def test_an_event_that_is_no_json_costs_only_itself(bad: bytes, code: str) -> None:
    for events in ([GOOD, bad], [bad, GOOD], [GOOD.replace(b"Seen", b"a],[}{b"), bad]):
        setup = Setup()
        body = (
            b'{"sentAt":"2024-01-01T00:00:00Z","batch":['
            + b" , ".join(events)
            + b'],"context":{"locale":"de"}}'
        )
        assert await setup.send(body) is OK
        [event] = setup.spool.events.values()
        assert event["context"] == {"locale": "de"}
        assert event["sentAt"] == "2024-01-01T00:00:00Z"
        assert setup.recorded == [("web", Outcome.REJECTED, code, 1)]


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        (b'"caf\xe9"', "caf\ufffd"),
        (rb'"cut \ud83d"', "cut \ufffd"),
        (rb'"\ude00 \ud83d\ude00 \\ud83d"', "\ufffd \U0001f600 \\ud83d"),
        (b'"\xed\xa0\xbd"', "\ufffd\ufffd\ufffd"),
        (b'"two\nlines"', "two\nlines"),
        (b"NaN", None),
        (b"[-Infinity,1]", [None, 1]),
    ],
)
async def test_an_event_that_nearly_is_json_is_taken_with_its_batch(odd: bytes, kept: object) -> None:
    setup = Setup()
    event = b'{"type":"track","event":"Odd","userId":"u","messageId":"odd","properties":{"odd":%b}}' % odd
    assert await setup.send(b'{"batch":[%b,%b]}' % (GOOD, event)) is OK
    assert len(setup.spool.events) == 2
    assert setup.spool.events["web", "odd"]["properties"] == {"odd": kept}
    assert setup.recorded == []
    alone = Setup()
    assert await alone.send(event, "track") is OK
    assert alone.spool.events["web", "odd"]["properties"] == {"odd": kept}


@pytest.mark.parametrize("key", ["key", ""], ids=["key in the address", "key in a header"])
@pytest.mark.parametrize("kind", ["track", None])
async def test_a_large_body_is_taken_in_slices(kind: str | None, key: str) -> None:
    setup = Setup(Limits(event_bytes=200_000))
    large = track(0, properties={"a": "x" * 100_000})
    body = large if kind else {"batch": [track(number, a="x" * 1_000) for number in range(1, 200)] + [large]}
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    assert await setup.send(body, kind, write_key=key) is OK
    assert len(setup.spool.events) == (1 if kind else 200)
    assert turns > (0 if kind else 4), "others had their turns"
    beside.cancel()


async def test_large_bodies_wait_for_the_spool_together() -> None:
    both = asyncio.Barrier(2)

    class Slow(MemorySpool):
        async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
            await both.wait()
            return await super().append(events, now)

    setup = Setup()
    setup.service._spool = Slow()
    bodies = [
        {"batch": [track(place + number, a="x" * 1_000) for number in range(100)]} for place in (0, 100)
    ]
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*map(setup.send, bodies)) == [OK, OK]


async def test_a_large_batch_in_which_something_is_no_json_costs_that_alone() -> None:
    setup = Setup()
    events = [json.dumps(track(number, a="x" * 1_000)) for number in range(100)]
    assert await setup.send(f'{{"batch":[{",".join(events)},{{"a" 1}}]}}'.encode()) is OK
    assert len(setup.spool.events) == 100
    assert setup.recorded == [("web", Outcome.REJECTED, "not_json", 1)]


async def test_an_event_whose_quotes_do_not_match_costs_only_itself() -> None:
    setup = Setup()
    good = [json.dumps(track(number)) for number in range(2)]
    body = f'{{"batch":[{good[0]},{{"type":"track","event":"open}},{good[1]}],"writeKey":"key"}}'
    assert await setup.send(body.encode()) is OK
    assert list(setup.spool.events) == [("web", "m0"), ("web", "m1")]
    assert setup.recorded == [("web", Outcome.REJECTED, "not_json", 1)]
