"""Pictures: an event in an address, the answer for everyone."""

from base64 import b64encode

import pytest

from forwarder.ingest import routes
from forwarder.ingest.pixel import Pixel
from forwarder.ingest.service import IngestService
from tests.support.asking import EVENT, Asked, ListSpool, answer

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
    service: IngestService, spool: ListSpool, path: str, method: str, taken: bool
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
    service: IngestService, spool: ListSpool, query: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    monkeypatch.setattr(routes, "count_refusal", refused.append)
    asked = await Asked().of(Pixel(lambda: service), "/v1/pixel/track", method="GET", query=query)
    assert asked.sent[0]["status"] == 200
    assert len(refused) == 1
    assert spool.events == []


@pytest.mark.parametrize("length", range(40, 44))
async def test_a_picture_s_event_may_have_any_length(
    service: IngestService, spool: ListSpool, length: int
) -> None:
    event = b'{"event":"' + b"x" * length + b'","userId":"u","writeKey":"key"}'
    for data in (b64encode(event), b64encode(event).rstrip(b"=")):
        await Asked().of(Pixel(lambda: service), "/v1/pixel/track", method="GET", query=b"data=" + data)
    assert [event["event"] for _, event in spool.events] == ["x" * length] * 2
