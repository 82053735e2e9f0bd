"""From requests to the spool: what is kept, and what senders are told."""

import asyncio
import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from forwarder.config.settings import Limits, Source
from forwarder.errors import SpoolDamaged, SpoolFull, SpoolLost, SpoolUnavailable
from forwarder.http.responses import OK, Refusal, Response, refusal_response
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import _UNAVAILABLE, IngestService
from forwarder.memory import RequestMemory
from forwarder.outcomes import Outcome
from forwarder.spool import NewEvent

NOW = 1_704_067_200_000


class MemorySpool:
    """The spool's door side, in memory."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.full = False

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        await asyncio.sleep(0)
        if self.full:
            raise SpoolFull("full", 30)
        new = []
        for event in events:
            key = (event.source, event.message_id)
            new.append(key not in self.events)
            self.events.setdefault(key, json.loads(event.body))
        return new


class Setup:
    """One door with what it writes to."""

    def __init__(
        self, limits: Limits | None = None, memory: RequestMemory | None = None, **source: Any
    ) -> None:
        self.spool = MemorySpool()
        self.recorded: list[tuple[str, Outcome, str, int]] = []
        given = {"name": "web", "write_key": "key", **source}
        sources = [Source(**given)]
        self.service = IngestService(
            sources, limits or Limits(), self.spool, lambda: NOW, self.record, memory
        )

    def record(self, source: str, outcome: Outcome, reason: str, count: int) -> None:
        self.recorded.append((source, outcome, reason, count))

    async def send(self, body: object, kind: str | None = None, **more: Any) -> Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given: dict[str, Any] = {"authorization": b"Basic " + b64encode(b"key:"), **more}
        try:
            return await self.service.take(IngestRequest(body=raw, kind=kind, **given))
        except Refusal as refusal:
            return refusal_response(refusal)


def track(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Seen", "userId": "u", "messageId": f"m{number}", **more}


async def test_an_event_is_kept_before_the_answer() -> None:
    setup = Setup()
    assert await setup.send(track(1), "track") is OK
    assert OK.status == 200
    assert json.loads(OK.body) == {"success": True}
    assert list(setup.spool.events) == [("web", "m1")]


async def test_a_batch_is_kept_with_its_envelope() -> None:
    setup = Setup()
    body = {"batch": [track(1), track(2)], "sentAt": "2024-01-01T00:00:00Z", "context": {"locale": "de"}}
    assert await setup.send(gzip.compress(json.dumps(body).encode()), encoding=b"gzip") is OK
    assert [event["context"]["locale"] for event in setup.spool.events.values()] == ["de", "de"]


async def test_one_bad_event_does_not_cost_the_batch() -> None:
    setup = Setup()
    deep: list[Any] = []
    for _ in range(70):
        deep = [deep]
    bad = [{"type": "nothing"}, 5, track(2, event=None), track(3, big="x" * 40_000), track(4, deep=deep)]
    body = {"batch": [track(1), *bad]}
    assert await setup.send(body) is OK
    assert list(setup.spool.events) == [("web", "m1")]
    assert setup.recorded == [
        ("web", Outcome.REJECTED, "unknown_type", 1),
        ("web", Outcome.REJECTED, "not_an_object", 1),
        ("web", Outcome.REJECTED, "no_event_name", 1),
        ("web", Outcome.REJECTED, "event_too_large", 1),
        ("web", Outcome.REJECTED, "too_deep", 1),
    ]


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


async def test_a_strict_source_is_told_every_reason() -> None:
    setup = Setup(strict=True)
    answer = await setup.send({"batch": [track(1), {"type": "nothing"}, track(2, event=None)]})
    said = json.loads(answer.body)
    assert answer.status == 400
    assert said["code"] == "events_rejected"
    assert said["message"]
    assert [(one["index"], one["code"]) for one in said["errors"]] == [
        (1, "unknown_type"),
        (2, "no_event_name"),
    ]
    assert list(setup.spool.events) == [("web", "m1")]


async def test_times_that_cannot_be_used_are_counted_and_told_to_strict_sources() -> None:
    def counted() -> float:
        labels = {"source": "times", "problem": "unreadable_timestamp"}
        return REGISTRY.get_sample_value("forwarder_time_problems_total", labels) or 0

    body = {"batch": [track(1, timestamp="yesterday"), track(2)], "sentAt": "0001-01-01T00:00:00Z"}
    setup, before = Setup(name="times"), counted()
    assert await setup.send(body) is OK
    assert len(setup.spool.events) == 2
    assert counted() == before + 1

    strict = Setup(strict=True)
    answer = await strict.send(body)
    assert answer.status == 400
    assert [one["code"] for one in json.loads(answer.body)["errors"]] == ["unreadable_timestamp"]
    assert list(strict.spool.events) == [("web", "m2")]
    answer = await strict.send({"batch": [track(3)], "sentAt": "soon"})
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "unreadable_sent_at")


async def test_the_same_message_is_kept_once_and_counted() -> None:
    setup = Setup()
    await setup.send(track(1), "track")
    assert await setup.send({"batch": [track(1), track(2)]}) is OK
    assert len(setup.spool.events) == 2
    assert setup.recorded == [("web", Outcome.DUPLICATE, "", 1)]


async def test_a_full_spool_makes_senders_wait() -> None:
    setup = Setup()
    setup.spool.full = True
    answer = await setup.send(track(1), "track")
    assert answer.status == 429
    assert dict(answer.headers) == {b"retry-after": b"30", b"x-ratelimit-reset": b"30"}


@pytest.mark.parametrize(
    ("failure", "code", "wait"),
    [
        *((SpoolUnavailable(code, "away", 7), code, b"7") for code in _UNAVAILABLE),
        (SpoolLost("lost"), "spool_lost", b"2"),
        (SpoolDamaged("damaged"), "spool_lost", b"2"),
    ],
)
async def test_a_spool_that_takes_nothing_makes_senders_wait_and_says_why(
    failure: Exception, code: str, wait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = Setup()

    async def fail(events: object, now: int) -> list[bool]:
        assert now == NOW
        raise failure

    monkeypatch.setattr(setup.spool, "append", fail)
    answer = await setup.send(track(1), "track")
    said = json.loads(answer.body)
    assert (answer.status, said["code"]) == (503, code)
    assert said["message"]
    assert answer.headers == ((b"retry-after", wait), (b"x-ratelimit-reset", wait))


async def test_each_duplicate_and_each_rejection_is_counted() -> None:
    setup = Setup()
    await setup.send({"batch": [track(1), track(2), track(3)]})
    await setup.send({"batch": [track(1), track(2), track(4), {"type": "x"}, {"type": "y"}, 5]})
    assert setup.recorded == [
        ("web", Outcome.DUPLICATE, "", 2),
        ("web", Outcome.REJECTED, "unknown_type", 2),
        ("web", Outcome.REJECTED, "not_an_object", 1),
    ]


async def test_who_has_to_wait_is_told_how_long() -> None:
    setup = Setup(Limits(requests_per_second=1, failed_keys_per_minute=1))
    answers = [await setup.send(track(n), "track", address="a") for n in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers[0] == (b"retry-after", b"1")
    assert json.loads(answers[2].body)["code"] == "too_many_requests"
    keyless: dict[str, Any] = {"authorization": b"", "address": "b"}
    answers = [await setup.send(track(n, writeKey="wrong"), "track", **keyless) for n in range(2)]
    assert [answer.status for answer in answers] == [401, 429]
    assert answers[1].headers[0] == (b"retry-after", b"60")


async def test_one_event_of_a_batch_may_have_so_many_bytes() -> None:
    setup = Setup(Limits(event_bytes=200))
    for size, kept in ((200, 1), (201, 1)):
        text = json.dumps(track(size))
        padded = text[:-1] + " " * (size - len(text)) + "}"
        await setup.send(f'{{"batch":[{padded}]}}'.encode())
        assert len(setup.spool.events) == kept
    assert setup.recorded == [("web", Outcome.REJECTED, "event_too_large", 1)]


async def test_a_page_s_address_is_the_user_s_whatever_its_library() -> None:
    setup = Setup(client_addresses=True)
    other = {"context": {"library": {"name": "made up"}}}
    await setup.send(track(1, **other), "track", address="203.0.113.9", origin=b"https://shop.example")
    await setup.send(track(2, **other), "track", address="203.0.113.9")
    addresses = [event["context"].get("ip") for event in setup.spool.events.values()]
    assert addresses == ["203.0.113.9", None]


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
    assert held[0] > 500 + 2 * len(body)
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


async def test_the_write_key_may_stand_in_the_address_or_in_a_header() -> None:
    setup = Setup()
    assert await setup.send(track(1), "track", authorization=b"", write_key="key") is OK
    masked = track(2, writeKey="key:***")
    assert await setup.send(masked, "track", authorization=b"", write_key="key") is OK


async def test_pages_of_other_origins_are_refused() -> None:
    setup = Setup(allowed_origins=("https://shop.example",))
    assert (await setup.send(track(1), "track", origin=b"https://other.example")).status == 403
    assert await setup.send(track(2), "track", origin=b"https://shop.example") is OK
    assert await setup.send(track(3), "track") is OK


async def test_an_address_that_sends_too_often_waits_and_others_do_not() -> None:
    setup = Setup(Limits(requests_per_second=1))
    statuses = [(await setup.send(track(n), "track", address="a")).status for n in range(3)]
    assert statuses == [200, 200, 429]
    assert (await setup.send(track(9), "track", address="b")).status == 200


async def test_wrong_keys_are_refused_unread_and_then_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup(Limits(failed_keys_per_minute=3))
    bomb = gzip.compress(b"[" * 100_000)

    def untouched(*_: object) -> bytes:
        raise AssertionError("the body was looked at")

    with monkeypatch.context() as patched:
        patched.setattr("forwarder.ingest.admission.decode_body", untouched)
        wrong: dict[str, Any] = {
            "authorization": b"Basic " + b64encode(b"wrong:"),
            "encoding": b"gzip",
            "address": "a",
        }
        assert [(await setup.send(bomb, **wrong)).status for _ in range(5)] == [401, 401, 401, 429, 429]
    assert await setup.send(track(1), "track", address="a") is OK, "a right key counts as ever"
    in_body: dict[str, Any] = {"authorization": b"", "address": "a"}
    assert await setup.send(track(2, writeKey="key"), "track", **in_body) is OK


async def test_where_keys_fail_all_the_time_large_bodies_wait_and_are_not_lost() -> None:
    setup = Setup(Limits(failed_keys_per_minute=3))
    keyless: dict[str, Any] = {"authorization": b"", "address": "a"}
    for _ in range(3):
        assert (await setup.send(track(0, writeKey="wrong"), "track", **keyless)).status == 401
    batch = {"batch": [track(number, a="x" * 1_000) for number in range(40)], "writeKey": "key"}
    packed = gzip.compress(json.dumps(batch).encode())
    answer = await setup.send(packed, encoding=b"gzip", **keyless)
    assert (answer.status, json.loads(answer.body)["code"]) == (429, "too_many_failed_keys"), "sent again"
    assert (await setup.send(b"no gzip", encoding=b"gzip", **keyless)).status == 429
    assert setup.spool.events == {}
    assert await setup.send(batch, **keyless) is OK, "what needs no inflating is looked at"
    assert await setup.send(packed, encoding=b"gzip", authorization=b"", address="b") is OK
    assert await setup.send(packed, encoding=b"gzip", address="a") is OK, "a key in a header, too"


async def test_a_body_that_hides_its_key_for_good_counts_as_a_wrong_one() -> None:
    setup = Setup(Limits(failed_keys_per_minute=3))
    bomb = gzip.compress(b'{"writeKey":"key","batch":[' + b" " * 600_000)
    hidden: dict[str, Any] = {"authorization": b"", "encoding": b"gzip", "address": "a"}
    assert [(await setup.send(bomb, **hidden)).status for _ in range(5)] == [400, 400, 400, 429, 429]
    assert (await setup.send(bomb, encoding=b"gzip", address="b")).status == 400


async def test_a_strict_source_is_told_at_most_a_hundred_reasons() -> None:
    setup = Setup(strict=True)
    answer = await setup.send({"batch": [{"type": "nothing"}] * 101})
    said = json.loads(answer.body)
    assert [one["index"] for one in said["errors"]] == list(range(100))
    assert said["message"].startswith("101 events were rejected, 0 were taken: ")
    assert set(said["errors"][0]) == {"index", "code", "message"}


async def test_an_origin_of_one_source_may_not_send_to_another() -> None:
    sources = [
        Source(name="one", write_key="one-key", allowed_origins=("https://one.example",)),
        Source(name="two", write_key="two-key", allowed_origins=("https://two.example",)),
    ]
    spool = MemorySpool()
    service = IngestService(sources, Limits(), spool, lambda: NOW, lambda *_: None)
    body = json.dumps(track(1)).encode()
    with pytest.raises(Refusal, match="origin") as caught:
        await service.take(
            IngestRequest(body=body, kind="track", write_key="two-key", origin=b"https://one.example")
        )
    assert (caught.value.status, caught.value.code) == (403, "origin_not_allowed")
    assert spool.events == {}


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


async def test_the_source_that_counts_in_the_end_is_asked_for_its_rules() -> None:
    """The first key that is found in what is not quite JSON may be an event's."""
    sources = [
        Source(name="open", write_key="open-key"),
        Source(name="own", write_key="own-key", allowed_origins=("https://own.example",)),
    ]
    spool = MemorySpool()
    service = IngestService(sources, Limits(), spool, lambda: NOW, lambda *_: None)
    event = json.dumps(track(1, writeKey="open-key"))[:-1] + ',"a":NaN}'
    body = f'{{"batch":[{event}],"writeKey":"own-key"}}'.encode()
    with pytest.raises(Refusal, match="origin"):
        await service.take(IngestRequest(body=body, kind=None, origin=b"https://other.example"))
    assert spool.events == {}
    assert await service.take(IngestRequest(body=body, kind=None, origin=b"https://own.example")) is OK
    assert list(spool.events) == [("own", "m1")]


async def test_what_one_address_sends_is_counted_by_byte_and_what_stands_beside_it_by_event() -> None:
    events = [track(number) for number in range(100)]
    for context, statuses in (({"a": "x" * 900}, [200, 429]), ({"a": "x"}, [200, 200])):
        setup = Setup(Limits(bytes_per_second=2_000))
        found = [await setup.send({"batch": events, "context": context}) for _ in range(2)]
        assert [answer.status for answer in found] == statuses


@pytest.mark.parametrize("kind", ["track", None])
async def test_a_large_body_is_taken_in_slices(kind: str | None) -> None:
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
    assert await setup.send(body, kind) is OK
    assert len(setup.spool.events) == (1 if kind else 200)
    assert turns > (0 if kind else 4), "others had their turns"
    beside.cancel()


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


async def test_a_key_that_only_an_event_says_is_none_of_the_batch() -> None:
    setup = Setup(Limits(failed_keys_per_minute=2))
    event = json.dumps(track(1, writeKey="key"))[:-1] + ',"a":NaN}'
    body = f'{{"batch":[{event}],"writeKey":"wrong"}}'.encode()
    answers = [await setup.send(body, authorization=b"", address="a") for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    assert setup.spool.events == {}


async def test_a_key_at_the_end_of_a_large_body_is_found_though_much_looks_like_one() -> None:
    setup = Setup()
    event = json.dumps(track(1, properties={"a": [{"writeKey": "other"}] * 70}))[:-1] + ',"a":NaN}'
    body = f'{{"batch":[{event}],"pad":"{"x" * 5_000}","writeKey":"key"}}'.encode()
    assert await setup.send(body, authorization=b"") is OK
    assert list(setup.spool.events) == [("web", "m1")]
