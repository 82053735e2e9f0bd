"""From requests to the spool: what is kept, and what senders are told."""

import gzip
import json
from typing import Any

import pytest
from prometheus_client import REGISTRY

from forwarder.config.settings import Limits
from forwarder.errors import SpoolDamaged, SpoolLost, SpoolUnavailable
from forwarder.http.responses import OK
from forwarder.ingest.service import _UNAVAILABLE
from forwarder.outcomes import Outcome
from tests.support.ingesting import NOW, Setup, track


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


async def test_a_page_s_address_is_the_user_s_whatever_its_library() -> None:
    setup = Setup(client_addresses=True)
    other = {"context": {"library": {"name": "made up"}}}
    await setup.send(track(1, **other), "track", address="203.0.113.9", origin=b"https://shop.example")
    await setup.send(track(2, **other), "track", address="203.0.113.9")
    addresses = [event["context"].get("ip") for event in setup.spool.events.values()]
    assert addresses == ["203.0.113.9", None]


async def test_a_strict_source_is_told_at_most_a_hundred_reasons() -> None:
    setup = Setup(strict=True)
    answer = await setup.send({"batch": [{"type": "nothing"}] * 101})
    said = json.loads(answer.body)
    assert [one["index"] for one in said["errors"]] == list(range(100))
    assert said["message"].startswith("101 events were rejected, 0 were taken: ")
    assert set(said["errors"][0]) == {"index", "code", "message"}
