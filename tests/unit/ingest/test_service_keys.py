"""Which source a request is for: where its key may stand, and what wrong keys cost."""

import gzip
import json
from base64 import b64encode
from typing import Any

import pytest

from forwarder.config.settings import Limits, Source
from forwarder.http.responses import OK, Refusal
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import IngestService
from tests.support.ingesting import NOW, MemorySpool, Setup, track


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
