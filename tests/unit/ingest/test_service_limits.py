"""What an event, a batch and an address may cost, and how long whoever is over it waits."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from forwarder.config.settings import Limits
from forwarder.http.responses import OK, Refusal, refusal_response
from forwarder.memory import RequestMemory
from forwarder.outcomes import Outcome
from forwarder.spool import NewEvent
from tests.support.ingesting import MemorySpool, Setup, track


async def test_one_event_of_a_batch_may_have_so_many_bytes() -> None:
    setup = Setup(Limits(event_bytes=200))
    for size, kept in ((200, 1), (201, 1)):
        text = json.dumps(track(size))
        padded = text[:-1] + " " * (size - len(text)) + "}"
        await setup.send(f'{{"batch":[{padded}]}}'.encode())
        assert len(setup.spool.events) == kept
    assert setup.recorded == [("web", Outcome.REJECTED, "event_too_large", 1)]


async def test_bounds_of_a_batch_hold_to_the_event_and_to_the_byte() -> None:
    setup = Setup(Limits(batch_events=10, event_bytes=100, batch_bytes=2_000))
    for count, status in ((10, 200), (11, 400)):
        assert (await setup.send({"batch": [track(n) for n in range(count)]})).status == status
    for size, status in ((100 - len('{"a": ""}'), 200), (101 - len('{"a": ""}'), 400)):
        answer = await setup.send({"batch": [track(9)], "context": {"a": "x" * size}})
        assert answer.status == status


async def test_memory_that_others_hold_stays_counted_and_waits_are_a_second() -> None:
    memory = RequestMemory(20_000)
    memory.ingested = 500
    held = []

    class Watched(MemorySpool):
        async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
            held.append(memory.ingested)
            return await super().append(events, now)

    setup = Setup(memory=memory)
    setup.service._spool = Watched()
    body = json.dumps(track(1)).encode()
    await setup.send(body, "track")
    assert memory.ingested == 500
    assert held[0] == 500 + 2 * len(body) + 512, "the body, what it is read into, and the event's objects"
    await setup.send({"batch": [track(number) for number in range(2, 12)]})
    assert held[1] > held[0] + 9 * 512, "each event takes objects of its own"
    memory.ingested = 20_000
    answer = await setup.send(body, "track")
    assert (answer.status, answer.headers[0]) == (429, (b"retry-after", b"1"))
    assert memory.ingested == 20_000


async def test_waits_are_no_longer_than_clients_wait() -> None:
    refusal = Refusal(429, "queue_full", "wait", retry_after=4_000)
    assert dict(refusal_response(refusal).headers)[b"retry-after"] == b"300"


@pytest.mark.parametrize(
    ("body", "kind", "more", "status", "code"),
    [
        (b"", "track", {}, 400, "not_json"),
        (b"[]", "track", {}, 400, "not_json"),
        (b'{"a":', "track", {}, 400, "not_json"),
        (b"nonsense", None, {}, 400, "not_json"),
        (b"[]", None, {}, 400, "no_batch"),
        (b"{}", None, {}, 400, "no_batch"),
        (b'{"batch":{}}', None, {}, 400, "no_batch"),
        (b'{"batch":[],"writeKey":5}', None, {"authorization": b""}, 401, "no_write_key"),
        (b'{"batch":[]}', None, {"authorization": b"Basic b3RoZXI6"}, 401, "unknown_write_key"),
        (b'{"event":"' + b"x" * 32_768 + b'"}', "track", {}, 400, "body_too_large"),
        (b'{"batch":[' + b"1," * 2_500 + b"1]}", None, {}, 400, "too_many_events"),
        (b'{"batch":[' + b" " * 512_000 + b"]}", None, {}, 400, "body_too_large"),
        (b'{"batch":[' * 100, None, {}, 400, "not_json"),
        (b'{"batch":[' + b"[" * 100_000 + b"]" * 100_000, None, {}, 400, "not_json"),
        (b'{"batch":[{"type":"track]}', None, {}, 400, "not_json"),
        (b'{"batch":[{"a":1]]}', None, {}, 400, "not_json"),
        (b'{"batch":[]}{"batch":[NaN]}', None, {}, 400, "not_json"),
        (b'{"events":[NaN]}', None, {}, 400, "not_json"),
    ],
)
async def test_requests_that_are_refused(
    body: bytes, kind: str | None, more: dict[str, Any], status: int, code: str
) -> None:
    setup = Setup()
    answer = await setup.send(body, kind, **more)
    said = json.loads(answer.body)
    assert (answer.status, said["code"]) == (status, code)
    assert said["message"]
    assert not setup.spool.events


async def test_what_stands_beside_a_batch_cannot_multiply_without_bound() -> None:
    setup = Setup()
    events = [track(number) for number in range(1_000)]
    for context in ({"a": "x" * 33_000}, {"a": "x" * 5_000}):
        answer = await setup.send({"batch": events, "context": context})
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "context_too_large")
    assert await setup.send({"batch": events[:100], "context": {"a": "x" * 5_000}}) is OK


async def test_integrations_beside_a_batch_are_its_events_and_count_as_bytes() -> None:
    setup = Setup(Limits(event_bytes=1_000))
    for size, status in ((400, 200), (600, 400)):
        beside = {"context": {"a": "x" * size}, "integrations": {"b": "y" * size}}
        assert (await setup.send({"batch": [track(size)], **beside})).status == status
    [event] = setup.spool.events.values()
    assert event["integrations"] == {"b": "y" * 400}
    assert event["context"] == {"a": "x" * 400}


async def test_an_address_that_sends_too_often_waits_and_others_do_not() -> None:
    setup = Setup(Limits(requests_per_second=1))
    statuses = [(await setup.send(track(n), "track", address="a")).status for n in range(3)]
    assert statuses == [200, 200, 429]
    assert (await setup.send(track(9), "track", address="b")).status == 200


async def test_what_one_address_sends_is_counted_by_event(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup(Limits(events_per_second=10))
    batch = {"batch": [track(number) for number in range(200)]}
    statuses = [
        (await setup.send(batch, address=one)).status for one in ("2001:db8::1", "2001:db8::2", "::2")
    ]
    assert statuses == [200, 429, 200]


async def test_what_waits_for_the_spool_counts_as_memory() -> None:
    memory = RequestMemory(20_000)
    setup = Setup(memory=memory)
    memory.ingested = 1_000  # another sender's, who waits
    refused_then = await setup.send({"batch": [track(number) for number in range(100)]})
    assert (refused_then.status, json.loads(refused_then.body)["code"]) == (429, "too_much_at_once")
    assert setup.spool.events == {}
    assert memory.ingested == 1_000, "nothing stays counted"
    assert await setup.send(track(1), "track") is OK


async def test_whoever_is_alone_is_never_told_to_wait_for_others() -> None:
    setup = Setup(Limits(unanswered_bytes=2))
    batch = {"batch": [track(number) for number in range(100)]}
    assert [(await setup.send(batch)).status for _ in range(2)] == [200, 200]


async def test_a_refused_batch_costs_its_sender_no_more_than_a_full_one() -> None:
    setup = Setup(Limits(batch_events=10, events_per_second=10, bytes_per_second=100_000))
    beside = {"a": "x" * 30_000}
    for body in ({"batch": [0] * 2_000}, {"batch": [0] * 2_000, "context": beside}, {"batch": [0] * 11}):
        answer = await setup.send(body)
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "too_many_events")
    assert await setup.send(track(1), "track") is OK


async def test_what_one_address_sends_is_counted_by_byte_and_what_stands_beside_it_by_event() -> None:
    events = [track(number) for number in range(100)]
    for context, statuses in (({"a": "x" * 900}, [200, 429]), ({"a": "x"}, [200, 200])):
        setup = Setup(Limits(bytes_per_second=2_000))
        found = [await setup.send({"batch": events, "context": context}) for _ in range(2)]
        assert [answer.status for answer in found] == statuses
