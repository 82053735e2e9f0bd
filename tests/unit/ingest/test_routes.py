"""The routes that take events, as plain ASGI: what is read, counted and told."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from forwarder.config.settings import Limits, Source
from forwarder.errors import SpoolFull
from forwarder.http.client_address import address_of
from forwarder.http.cors import answer_headers
from forwarder.ingest.pixel import Pixel
from forwarder.ingest.routes import Ingest
from forwarder.ingest.service import IngestService
from forwarder.spool import NewEvent

BASIC = (b"authorization", b"Basic " + base64.b64encode(b"key:"))


class _Spool:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        if self.failure:
            raise self.failure
        self.events += [json.loads(event.body) for event in events]
        return [True] * len(events)


@pytest.fixture
def spool() -> _Spool:
    return _Spool()


@pytest.fixture
def service(spool: _Spool) -> IngestService:
    return IngestService([Source(name="web", write_key="key")], Limits(), spool, lambda: 0, lambda *_: None)


async def ask(
    app: Any, path: str, *messages: dict[str, Any], query: bytes = b"", method: str = "GET"
) -> list[dict[str, Any]]:
    """What the application sends for a request that arrives as these messages."""
    sent: list[dict[str, Any]] = []
    left = list(messages)

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [BASIC],
        "client": ("203.0.113.7", 1),
    }
    await app(scope, receive, send)
    assert left == []
    return sent


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def refused(code: str) -> float:
    return REGISTRY.get_sample_value("forwarder_requests_refused_total", {"code": code}) or 0


EVENT = b'{"event":"Seen","userId":"u","messageId":"m","writeKey":"key"}'


@pytest.mark.parametrize("before", [(), (part(EVENT[:9], more=True),), (part(EVENT, more=True),)])
async def test_a_body_that_is_cut_off_is_no_request(
    service: IngestService, spool: _Spool, before: tuple[dict[str, Any], ...]
) -> None:
    counted = [refused(code) for code in ("not_json", "body_too_large")]
    gone = {"type": "http.disconnect"}
    assert await ask(Ingest(lambda: service), "/v1/t", *before, gone, method="POST") == []
    assert [refused(code) for code in ("not_json", "body_too_large")] == counted
    assert spool.events == []


async def test_a_body_in_pieces_is_one_event(service: IngestService, spool: _Spool) -> None:
    pieces = [part(EVENT[:9], more=True), part(b"", more=True), part(EVENT[9:], more=False)]
    sent = await ask(Ingest(lambda: service), "/v1/t", *pieces, method="POST")
    assert sent[0]["status"] == 200
    assert [event["messageId"] for event in spool.events] == ["m"]


async def test_refused_requests_are_counted_by_code(service: IngestService, spool: _Spool) -> None:
    before = {code: refused(code) for code in ("not_json", "body_too_large", "queue_full")}
    ingest = Ingest(lambda: service)
    await ask(ingest, "/v1/t", part(b"{", more=False), method="POST")
    await ask(ingest, "/v1/t", part(b" " * 40_000, more=True), part(b"", more=False), method="POST")
    spool.failure = SpoolFull("full", 30)
    await ask(ingest, "/v1/t", part(EVENT, more=False), method="POST")
    assert {code: refused(code) for code in before} == {code: count + 1 for code, count in before.items()}
    spool.failure = None
    await ask(ingest, "/v1/t", part(EVENT, more=False), method="POST")
    assert {code: refused(code) for code in before} == {code: count + 1 for code, count in before.items()}


ODD = base64.b64encode(b'{"event":"~~?>>?>>?>>???","userId":"u","writeKey":"key"}')
SPELLINGS = [ODD, ODD.replace(b"+", b"%2B"), ODD.replace(b"+", b"-").replace(b"/", b"_"), ODD.rstrip(b"=")]


@pytest.mark.parametrize("data", SPELLINGS)
async def test_a_picture_s_address_may_hold_a_bare_plus(
    service: IngestService, spool: _Spool, data: bytes
) -> None:
    assert b"+" in ODD
    sent = await ask(Pixel(lambda: service), "/v1/pixel/track", query=b"data=" + data)
    assert sent[0]["status"] == 200
    [event] = spool.events
    assert event["event"] == "~~?>>?>>?>>???"


@pytest.mark.parametrize(
    ("failure", "data", "status"),
    [
        (None, base64.b64encode(EVENT), 200),
        (None, b"nonsense", 200),
        (None, base64.b64encode(b"[]"), 200),
        (SpoolFull("full", 30), base64.b64encode(EVENT), 429),
        (ValueError("ours"), base64.b64encode(EVENT), 500),
    ],
)
async def test_a_picture_says_whether_it_is_worth_asking_again(
    service: IngestService, spool: _Spool, failure: Exception | None, data: bytes, status: int
) -> None:
    spool.failure = failure
    sent = await ask(Pixel(lambda: service), "/v1/pixel/track", query=b"data=" + data)
    assert sent[0]["status"] == status
    assert sent[1]["body"].startswith(b"GIF")


@pytest.mark.parametrize(
    ("origin", "names"),
    [
        (b"", {b"vary"}),
        (b"*", {b"access-control-allow-origin", b"access-control-expose-headers"}),
        (
            b"https://shop.example",
            {
                b"access-control-allow-origin",
                b"access-control-allow-credentials",
                b"access-control-expose-headers",
                b"vary",
            },
        ),
    ],
)
def test_a_cache_gives_no_page_another_s_answer(origin: bytes, names: set[bytes]) -> None:
    headers = dict(answer_headers(origin))
    assert set(headers) == names
    assert headers.get(b"vary", b"Origin") == b"Origin"
    assert headers.get(b"access-control-allow-origin", origin) == origin


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:DB8::0:7]:1", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", ""),
        ("", ""),
        ("203.0.113.7:" + "1" * 100, ""),
    ],
)
def test_what_a_proxy_says_is_an_address_with_or_without_port(said: str, address: str) -> None:
    assert address_of({"client": (said, 0)}) == address
    assert address_of({"client": None}) == address_of({}) == ""
