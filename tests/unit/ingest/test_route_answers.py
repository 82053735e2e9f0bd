"""The routes' answers, message by message: status, headers, what is read of the request and what is left."""

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import pytest

from forwarder.config.settings import Limits, Source
from forwarder.http.responses import Refusal
from forwarder.ingest import routes
from forwarder.ingest.pixel import Pixel
from forwarder.ingest.routes import Ingest, Shortcut
from forwarder.ingest.service import IngestService
from forwarder.spool import NewEvent

BASIC = (b"authorization", b"Basic " + b64encode(b"key:"))
EVENT = b'{"event":"Seen","userId":"u","messageId":"m","context":{"library":{"name":"analytics.js"}}}'
BATCH = b'{"batch":[{"type":"track",' + EVENT[1:] + b"]}"
SHOP = b"https://shop.example"
PLAIN = [(b"content-type", b"application/json")]
VARY = (b"vary", b"Origin")
EXPOSED = (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset")
CREDENTIALS = (b"access-control-allow-credentials", b"true")
FOR_SHOP = [(b"access-control-allow-origin", SHOP), CREDENTIALS, EXPOSED, VARY]


def zipped(data: bytes) -> bytes:
    """The same bytes each time: workers of a test run compare the names of tests."""
    return gzip.compress(data, mtime=0)


class _Spool:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.failure: Exception | None = None

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        if self.failure:
            raise self.failure
        self.events += [(event.source, json.loads(event.body)) for event in events]
        return [True] * len(events)


@pytest.fixture
def spool() -> _Spool:
    return _Spool()


@pytest.fixture
def service(spool: _Spool) -> IngestService:
    sources = [
        Source(name="web", write_key="key", allowed_origins=(SHOP.decode(),), client_addresses=True),
        Source(name="app", write_key="other", allowed_origins=(SHOP.decode(),), client_addresses=True),
        Source(name="bare", write_key="b.a~r-e", allowed_origins=(SHOP.decode(),), client_addresses=False),
    ]
    limits = Limits(event_bytes=1_000, batch_bytes=2_000)
    return IngestService(sources, limits, spool, lambda: 0, lambda *_: None)


class Asked:
    """What an application reads and sends for one request."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.left = list(messages)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        return self.left.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def of(
        self,
        app: Any,
        path: str,
        *headers: tuple[bytes, bytes],
        method: str = "POST",
        query: bytes = b"",
        client: str = "203.0.113.7",
    ) -> "Asked":
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": list(headers),
            "client": (client, 1),
        }
        await app(scope, self.receive, self.send)
        return self

    @property
    def code(self) -> str | None:
        code: str | None = json.loads(self.sent[1]["body"]).get("code")
        return code


def whole(body: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": False}


def piece(body: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": True}


def answer(
    status: int, body: bytes, *headers: tuple[bytes, bytes], kind: bytes = b"application/json"
) -> list[dict[str, Any]]:
    """Return both messages of an answer in one piece."""
    before = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    return [
        {"type": "http.response.start", "status": status, "headers": [*before, *headers]},
        {"type": "http.response.body", "body": body},
    ]


OK = b'{"success": true}'


@pytest.mark.parametrize("path", ["/v1/t", "/v1/track", "/v1/t/", "/d/t", "/t"])
@pytest.mark.parametrize("at_shop", [True, False])
async def test_an_event_is_taken_and_the_page_may_read_so(
    service: IngestService, spool: _Spool, path: str, at_shop: bool
) -> None:
    headers = [BASIC, (b"origin", SHOP)] if at_shop else [BASIC]
    asked = await Asked(whole(EVENT)).of(Ingest(lambda: service), path, *headers)
    assert asked.sent == answer(200, OK, *(FOR_SHOP if at_shop else [VARY]))
    [(source, event)] = spool.events
    assert (source, event["messageId"]) == ("web", "m")


@pytest.mark.parametrize("path", ["/v1/b", "/v1/batch/", "/v1/import"])
async def test_a_batch_is(service: IngestService, spool: _Spool, path: str) -> None:
    asked = await Asked(whole(BATCH)).of(Ingest(lambda: service), path, BASIC)
    assert asked.sent[0]["status"] == 200
    assert [event["messageId"] for _, event in spool.events] == ["m"]


async def test_a_page_of_another_origin_is_told_nothing(service: IngestService, spool: _Spool) -> None:
    asked = await Asked(whole(EVENT)).of(
        Ingest(lambda: service), "/v1/t", BASIC, (b"origin", b"https://evil.example")
    )
    assert asked.sent[0]["status"] == 403
    assert asked.sent[0]["headers"][2:] == [VARY]
    assert asked.code == "origin_not_allowed"
    assert spool.events == []


@pytest.mark.parametrize(
    ("path", "method", "status", "code", "more"),
    [
        ("/v1/nothing", "POST", 404, "not_found", []),
        ("/v1/nothing", "GET", 404, "not_found", []),
        ("/v1/tX", "POST", 404, "not_found", []),
        ("/v1/t", "GET", 405, "method_not_allowed", [(b"allow", b"POST, OPTIONS")]),
        ("/v1/t", "PUT", 405, "method_not_allowed", [(b"allow", b"POST, OPTIONS")]),
    ],
)
async def test_other_routes_and_methods_are_refused_unread(
    service: IngestService, path: str, method: str, status: int, code: str, more: list[tuple[bytes, bytes]]
) -> None:
    asked = await Asked(whole(EVENT)).of(Ingest(lambda: service), path, BASIC, method=method)
    body = asked.sent[1]["body"]
    assert asked.sent == answer(status, body, *more, VARY)
    assert asked.code == code
    assert len(asked.left) == 1


@pytest.mark.parametrize(
    ("origin", "asks", "headers"),
    [
        (SHOP, b"x-mine, Authorization", FOR_SHOP),
        (b"https://evil.example", b"x-mine", [VARY]),
        (b"", b"x-mine", [VARY]),
        (SHOP, None, FOR_SHOP),
    ],
)
async def test_a_preflight_is_told_what_may_be_sent(
    service: IngestService, origin: bytes, asks: bytes | None, headers: list[tuple[bytes, bytes]]
) -> None:
    given = [(b"origin", origin)] if origin else []
    given += [] if asks is None else [(b"access-control-request-headers", asks)]
    asked = await Asked().of(Ingest(lambda: service), "/v1/t", *given, method="OPTIONS")
    allowed = b"authorization, content-type, x-retry-count" + (b", x-mine" if asks else b"")
    more = [
        (b"access-control-allow-methods", b"POST, OPTIONS"),
        (b"access-control-allow-headers", allowed),
        (b"access-control-max-age", b"86400"),
    ]
    assert asked.sent == [
        {"type": "http.response.start", "status": 204, "headers": [*headers, *more]},
        {"type": "http.response.body", "body": b""},
    ]


@pytest.mark.parametrize(
    ("headers", "query", "source"),
    [
        ([BASIC], b"", "web"),
        ([(b"x-write-key", b"key")], b"", "web"),
        ([(b"x-write-key", b"key:secret:more")], b"", "web"),
        ([(b"x-write-key", b"b.a~r-e")], b"", "bare"),
        ([(b"x-write-key", b"\xfc")], b"", None),
        ([(b"x-write-key", b"key")], b"writeKey=other", "web"),
        ([], b"writeKey=other", "app"),
        ([], b"a=b&writeKey=other&writeKey=key", "app"),
        ([], b"writeKey=b.a%7Er-e", "bare"),
        ([], b"\xfc=1&writeKey=key", "web"),
        ([], b"a=b", None),
        ([], b"", None),
    ],
)
async def test_the_key_stands_in_a_header_or_in_the_address(
    service: IngestService, spool: _Spool, headers: list[Any], query: bytes, source: str | None
) -> None:
    asked = await Asked(whole(EVENT)).of(Ingest(lambda: service), "/v1/t", *headers, query=query)
    assert asked.sent[0]["status"] == (200 if source else 401)
    assert [one for one, _ in spool.events] == ([source] if source else [])


async def test_an_address_with_other_words_leaves_the_key_to_the_body(
    service: IngestService, spool: _Spool
) -> None:
    event = EVENT[:-1] + b',"writeKey":"other"}'
    asked = await Asked(whole(event)).of(Ingest(lambda: service), "/v1/t", query=b"a=b")
    assert asked.sent[0]["status"] == 200
    assert [source for source, _ in spool.events] == ["app"]


async def test_the_sender_s_address_is_taken_where_the_source_wants_it(
    service: IngestService, spool: _Spool
) -> None:
    for key in (b"b.a~r-e", b"key"):
        await Asked(whole(EVENT)).of(Ingest(lambda: service), "/v1/t", (b"x-write-key", key))
    addresses = [event.get("context", {}).get("ip") for _, event in spool.events]
    assert addresses == [None, "203.0.113.7"]


@pytest.mark.parametrize(
    ("encodings", "body", "status"),
    [
        ([b"gzip"], zipped(EVENT), 200),
        ([b"gzip", b"gzip"], zipped(zipped(EVENT)), 200),
        ([b"identity", b"gzip"], zipped(EVENT), 200),
        ([b"gzip", b"identity"], zipped(EVENT), 200),
        ([b"br"], EVENT, 415),
        ([b"br", b"gzip"], zipped(EVENT), 415),
        ([], EVENT, 200),
    ],
)
async def test_encodings_may_stand_in_several_headers(
    service: IngestService, encodings: list[bytes], body: bytes, status: int
) -> None:
    headers = [(b"content-encoding", one) for one in encodings]
    asked = await Asked(whole(body)).of(Ingest(lambda: service), "/v1/t", BASIC, *headers)
    assert asked.sent[0]["status"] == status


@pytest.mark.parametrize(
    ("announced", "refused"),
    [(b"1000", False), (b"1001", True), (b"x", True), (b"-1", True), (b"", True), (b"1" + b"0" * 40, True)],
)
async def test_a_body_that_is_announced_too_large_is_not_read(
    service: IngestService, spool: _Spool, announced: bytes, refused: bool
) -> None:
    event = EVENT + b" " * (1_000 - len(EVENT))
    asked = await Asked(whole(event)).of(
        Ingest(lambda: service), "/v1/t", BASIC, (b"content-length", announced)
    )
    assert asked.sent[0]["status"] == (400 if refused else 200)
    assert len(spool.events) == (not refused)
    assert asked.left == [], "what is refused is let pass, too"
    if refused:
        assert asked.code == "body_too_large"
        assert "1000 bytes" in json.loads(asked.sent[1]["body"])["message"]


@pytest.mark.parametrize(
    ("size", "status"), [(1_000, 200), (1_001, 400), (3_000, 400)], ids=["largest", "one more", "more"]
)
@pytest.mark.parametrize("pieces", [1, 2, 4])
async def test_a_body_is_read_up_to_its_bound(
    service: IngestService, size: int, status: int, pieces: int
) -> None:
    body = EVENT + b" " * (size - len(EVENT))
    step = -(-size // pieces)
    parts = [piece(body[at : at + step]) for at in range(0, size, step)]
    asked = Asked(*parts[:-1], {**parts[-1], "more_body": False}, whole(b"the next request"))
    await asked.of(Ingest(lambda: service), "/v1/t", BASIC)
    first, *rest = asked.sent
    assert first["status"] == status
    if status == 400:
        body = rest[0]["body"]
        assert first["headers"][:2] == [*PLAIN, (b"content-length", b"%d" % len(body))]
        more = pieces > 1 and size - len(parts[-1]) > 1_000  # known before the last: the rest is let pass
        assert ((b"connection", b"close") in first["headers"]) is more
        kind = {"type": "http.response.body"}
        in_two = [{**kind, "body": body, "more_body": True}, {**kind, "body": b""}]
        assert rest == (in_two if more else [{**kind, "body": body}])
        assert "1000 bytes" in json.loads(body)["message"]
    assert asked.left[-1] == whole(b"the next request"), "what has ended is not waited for"


async def test_of_a_refused_body_20_mb_are_let_pass(service: IngestService) -> None:
    parts = [piece(b"x" * 5_000_000) for _ in range(7)]
    asked = await Asked(*parts).of(Ingest(lambda: service), "/v1/t", BASIC)
    assert asked.sent[0]["status"] == 400
    assert len(asked.left) == 2, "one was read, four more are 20 MB"
    parts[4] = piece(b"x" * 4_999_999)
    asked = await Asked(*parts).of(Ingest(lambda: service), "/v1/t", BASIC)
    assert len(asked.left) == 1, "a byte was left"


@pytest.mark.parametrize("last", [{"type": "http.disconnect"}, {"type": "http.request"}])
async def test_letting_pass_ends_with_the_request(service: IngestService, last: dict[str, Any]) -> None:
    asked = Asked(piece(b"x" * 1_001), {"type": "http.request", "more_body": True}, last, whole(b""))
    await asked.of(Ingest(lambda: service), "/v1/t", BASIC)
    assert asked.left == [whole(b"")]


async def test_messages_may_leave_out_what_is_empty(service: IngestService, spool: _Spool) -> None:
    empty = {"type": "http.request", "more_body": True}
    asked = await Asked(empty, piece(EVENT), {"type": "http.request"}).of(
        Ingest(lambda: service), "/v1/t", BASIC
    )
    assert asked.sent[0]["status"] == 200
    assert len(spool.events) == 1
    asked = await Asked({"type": "http.request"}).of(Ingest(lambda: service), "/v1/t", BASIC)
    assert asked.code == "not_json"


@pytest.mark.parametrize(("app", "method"), [(Ingest, "POST"), (Pixel, "GET")])
async def test_a_failure_of_ours_is_told_without_its_words(
    service: IngestService, spool: _Spool, app: Any, method: str
) -> None:
    spool.failure = ZeroDivisionError("secret")
    path = "/v1/t" if app is Ingest else "/v1/pixel/track"
    query = b"data=" + b64encode(EVENT[:-1] + b',"writeKey":"key"}')
    asked = await Asked(whole(EVENT)).of(app(lambda: service), path, BASIC, method=method, query=query)
    assert asked.sent[0]["status"] == 500
    if app is Ingest:
        assert asked.code == "internal"
        assert b"secret" not in asked.sent[1]["body"]


async def test_who_fails_with_keys_waits_and_nobody_else(
    service: IngestService, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    class Slowed:
        async def wait(self) -> None:
            waited.append(1)

    monkeypatch.setattr(routes, "SLOWED", Slowed())
    for code in ("no_key", "too_many_failed_keys"):

        async def refuse(_: object, code: str = code) -> None:
            raise Refusal(429, code, "no", 60)

        monkeypatch.setattr(IngestService, "take", refuse_of(refuse))
        asked = await Asked(whole(EVENT)).of(Ingest(lambda: service), "/v1/t", BASIC)
        assert (asked.sent[0]["status"], asked.code) == (429, code)
        assert len(waited) == (code == "too_many_failed_keys")
        assert asked.sent[0]["headers"][2:4] == [(b"retry-after", b"60"), (b"x-ratelimit-reset", b"60")]
    assert waited == [1]


def refuse_of(refuse: Any) -> Any:
    """Return it as a method."""
    return lambda service, request: refuse(request)


@pytest.mark.parametrize(
    ("path", "short"), [("/v1/t", True), ("/track/", True), ("/api/s/s2s/batch", True), ("/v1/x", False)]
)
async def test_events_need_not_find_their_way(path: str, short: bool) -> None:
    calls = []

    def app(name: str) -> Any:
        async def called(*given: object) -> None:
            calls.append((name, *given))

        return called

    scope, receive, send = {"path": path}, object(), object()
    await Shortcut(app("app"), app("ingest"))(scope, receive, send)  # type: ignore[arg-type]
    assert calls == [("ingest" if short else "app", scope, receive, send)]
    calls.clear()
    await Shortcut(app("app"), app("ingest"))({"type": "lifespan"}, receive, send)  # type: ignore[arg-type]
    assert calls == [("app", {"type": "lifespan"}, receive, send)]


PICTURE = [(b"cache-control", b"no-store"), (b"cross-origin-resource-policy", b"cross-origin")]


@pytest.mark.parametrize(
    ("path", "method", "taken"),
    [
        ("/v1/pixel/track", "GET", True),
        ("/v1/pixel/t/", "GET", True),
        ("/v1/pixel/page", "HEAD", False),
    ],
)
async def test_a_picture_is_for_everyone_and_head_takes_nothing(
    service: IngestService, spool: _Spool, path: str, method: str, taken: bool
) -> None:
    query = b"data=" + b64encode(EVENT[:-1] + b',"writeKey":"other"}')
    asked = await Asked().of(Pixel(lambda: service), path, method=method, query=query)
    gif = asked.sent[1]["body"]
    assert asked.sent == answer(200, gif, *PICTURE, kind=b"image/gif")
    assert gif[:6] == b"GIF89a"
    assert [event["context"]["ip"] for _, event in spool.events] == ["203.0.113.7"] * taken


@pytest.mark.parametrize(
    ("path", "method", "status", "code", "more"),
    [
        ("/v1/pixel/batch", "GET", 404, "not_found", []),
        ("/v1/pixel/x", "POST", 404, "not_found", []),
        ("/v1/pixel/tX", "GET", 404, "not_found", []),
        ("/v1/pixel/track", "POST", 405, "method_not_allowed", [(b"allow", b"GET, HEAD")]),
    ],
)
async def test_what_is_no_picture(
    service: IngestService, path: str, method: str, status: int, code: str, more: list[tuple[bytes, bytes]]
) -> None:
    asked = await Asked().of(Pixel(lambda: service), path, method=method)
    assert asked.sent == answer(status, asked.sent[1]["body"], *more)
    assert asked.code == code


@pytest.mark.parametrize("query", [b"", b"data=", b"data=%FF", b"data=abcde", b"other=1"])
async def test_a_picture_without_an_event_is_a_refused_request(
    service: IngestService, spool: _Spool, query: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    monkeypatch.setattr(routes, "count_refusal", refused.append)
    asked = await Asked().of(Pixel(lambda: service), "/v1/pixel/track", method="GET", query=query)
    assert asked.sent[0]["status"] == 200
    assert len(refused) == 1
    assert spool.events == []


@pytest.mark.parametrize("length", range(40, 44))
async def test_a_picture_s_event_may_have_any_length(
    service: IngestService, spool: _Spool, length: int
) -> None:
    event = b'{"event":"' + b"x" * length + b'","userId":"u","writeKey":"key"}'
    for data in (b64encode(event), b64encode(event).rstrip(b"=")):
        await Asked().of(Pixel(lambda: service), "/v1/pixel/track", method="GET", query=b"data=" + data)
    assert [event["event"] for _, event in spool.events] == ["x" * length] * 2
