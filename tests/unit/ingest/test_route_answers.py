"""The routes' answers, message by message: status, headers, and which route takes a request."""

from base64 import b64encode
from typing import Any

import pytest

from forwarder.http.responses import Refusal
from forwarder.ingest import routes
from forwarder.ingest.pixel import Pixel
from forwarder.ingest.routes import Ingest, Shortcut
from forwarder.ingest.service import IngestService
from tests.support.asking import (
    BASIC,
    BATCH,
    EVENT,
    FOR_SHOP,
    OK,
    SHOP,
    VARY,
    Asked,
    ListSpool,
    answer,
    whole,
)


@pytest.mark.parametrize("path", ["/v1/t", "/v1/track", "/v1/t/", "/d/t", "/t"])
@pytest.mark.parametrize("at_shop", [True, False])
async def test_an_event_is_taken_and_the_page_may_read_so(
    service: IngestService, spool: ListSpool, path: str, at_shop: bool
) -> None:
    headers = [BASIC, (b"origin", SHOP)] if at_shop else [BASIC]
    asked = await Asked(whole(EVENT)).of(Ingest(lambda: service), path, *headers)
    assert asked.sent == answer(200, OK, *(FOR_SHOP if at_shop else [VARY]))
    [(source, event)] = spool.events
    assert (source, event["messageId"]) == ("web", "m")


@pytest.mark.parametrize("path", ["/v1/b", "/v1/batch/", "/v1/import"])
async def test_a_batch_is(service: IngestService, spool: ListSpool, path: str) -> None:
    asked = await Asked(whole(BATCH)).of(Ingest(lambda: service), path, BASIC)
    assert asked.sent[0]["status"] == 200
    assert [event["messageId"] for _, event in spool.events] == ["m"]


async def test_a_page_of_another_origin_is_told_nothing(service: IngestService, spool: ListSpool) -> None:
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
    service: IngestService, spool: ListSpool, headers: list[Any], query: bytes, source: str | None
) -> None:
    asked = await Asked(whole(EVENT)).of(Ingest(lambda: service), "/v1/t", *headers, query=query)
    assert asked.sent[0]["status"] == (200 if source else 401)
    assert [one for one, _ in spool.events] == ([source] if source else [])


async def test_an_address_with_other_words_leaves_the_key_to_the_body(
    service: IngestService, spool: ListSpool
) -> None:
    event = EVENT[:-1] + b',"writeKey":"other"}'
    asked = await Asked(whole(event)).of(Ingest(lambda: service), "/v1/t", query=b"a=b")
    assert asked.sent[0]["status"] == 200
    assert [source for source, _ in spool.events] == ["app"]


async def test_the_sender_s_address_is_taken_where_the_source_wants_it(
    service: IngestService, spool: ListSpool
) -> None:
    for key in (b"b.a~r-e", b"key"):
        await Asked(whole(EVENT)).of(Ingest(lambda: service), "/v1/t", (b"x-write-key", key))
    addresses = [event.get("context", {}).get("ip") for _, event in spool.events]
    assert addresses == [None, "203.0.113.7"]


@pytest.mark.parametrize(("app", "method"), [(Ingest, "POST"), (Pixel, "GET")])
async def test_a_failure_of_ours_is_told_without_its_words(
    service: IngestService, spool: ListSpool, app: Any, method: str
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
