"""What pages fetch: documents and files, with the headers that browsers need."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette

from forwarder.cdn.assets import Assets
from forwarder.cdn.routes import Pages, page_routes
from forwarder.config.settings import Server, Settings, Source
from forwarder.http.metrics import REPORTED
from forwarder.openapi.document import openapi
from forwarder.prefixes import BelowPrefix

WASM = "core-0123456789abcdef.wasm"


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    page, analytics = tmp_path / "page", tmp_path / "analytics.js"
    page.mkdir()
    (analytics / "deep").mkdir(parents=True)
    (page / WASM).write_bytes(b"\0asm")
    (page / f"{WASM}.br").write_bytes(b"as brotli")
    (page / f"{WASM}.gz").write_bytes(gzip.compress(b"\0asm"))
    (page / "session-plugin.js").write_text("// plugin")
    (analytics / "analytics.min.js").write_text("// analytics")
    (analytics / "tsub.bundle.0123456789abcdef0123.js").write_text("// lazy")
    (tmp_path / "secret.txt").write_text("not below the folder")
    return tmp_path


def settings(assets: Path, **server: Any) -> Settings:
    return Settings(
        server=Server(assets=assets, **server),
        session={"session_length": 60_000},
        sources=(Source(name="web", write_key="web-key", session={"sessionEvents": True}),),
    )


@pytest.fixture
async def client(assets: Path) -> AsyncIterator[httpx.AsyncClient]:
    pages = Pages(settings(assets))
    app = Starlette(routes=page_routes(lambda: pages))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8300"
    ) as made:
        yield made


PAGE = {"user-agent": "Mozilla/5.0", "origin": "https://shop.example"}


@pytest.mark.parametrize("headers", [PAGE, {"user-agent": "Mozilla/5.0"}, {"sec-fetch-mode": "cors"}])
@pytest.mark.parametrize("path", ["/v1/projects/web-key/settings", "/projects/web-key/settings/"])
async def test_only_apps_are_told_of_the_destination(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    page = await client.get(path, headers=headers)
    assert list(page.json()["integrations"]) == ["Segment.io"]
    app = await client.get(path, headers={"user-agent": "okhttp/4.12.0"})
    assert list(app.json()["integrations"]) == ["Segment.io", "Actions Amplitude"]
    assert app.headers["cache-control"].startswith("private"), "no cache may give it to a page"


@pytest.mark.parametrize(
    ("public", "headers", "base"),
    [
        ("https://shop.example/seg", {}, "https://shop.example/seg"),
        ("", {"x-forwarded-prefix": "/seg"}, "http://127.0.0.1:8300/seg"),
        ("", {}, "http://127.0.0.1:8300"),
    ],
)
async def test_the_document_s_addresses_carry_the_path(
    assets: Path, public: str, headers: dict[str, str], base: str
) -> None:
    given = settings(assets, public_url=public)
    pages = Pages(given)
    app = BelowPrefix(
        Starlette(routes=page_routes(lambda: pages)), ["127.0.0.1"], lambda: given.server.path_prefix
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    below = base.partition("8300")[2] or ("/seg" if public else "")
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8300") as client:
        for path in {"", below}:
            answer = await client.get(f"{path}/v1/projects/web-key/settings", headers=headers)
            document = answer.json()
            segment = document["integrations"]["Segment.io"]
            assert f"{segment['protocol']}://{segment['apiHost']}" == f"{base}/v1"
            assert document["remotePlugins"][0]["url"] == f"{base}/p/session-plugin.js"


async def test_every_described_address_of_a_get_is_served(client: httpx.AsyncClient) -> None:
    paths = [path for path in json.loads(openapi())["paths"] if "{write_key}" in path]
    for path in paths:
        answer = await client.get(path.replace("{write_key}", "web-key"))
        assert answer.status_code == 200, path
    for form in ("analytics.js", "analytics.min.js", "platform/analytics.js"):
        assert f"/analytics.js/v1/{{write_key}}/{form}" in paths


async def test_apps_of_rudderstack_send_the_key_as_user_name(client: httpx.AsyncClient) -> None:
    for path in ("/sourceConfig", "/sourceConfig/"):
        answer = await client.get(path, params={"p": "android"}, auth=("web-key", ""))
        assert answer.json()["source"]["writeKey"] == "web-key"
        assert (await client.get(path, auth=("other", ""))).status_code == 404


async def test_the_document_brings_the_plugin(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/projects/web-key/settings", headers=PAGE)
    document = answer.json()
    segment = document["integrations"]["Segment.io"]
    assert (segment["apiKey"], segment["apiHost"], segment["protocol"]) == (
        "web-key",
        "127.0.0.1:8300/v1",
        "http",
    )
    assert list(document["integrations"]) == ["Segment.io"], "a second name loads the classic integrations"
    assert document["metrics"] == {"sampleRate": 0}
    assert document["remotePlugins"] == [
        {
            "name": "Amplitude (Actions)",
            "creationName": "Actions Amplitude",
            "libraryName": "amplitudeSessionPlugin",
            "url": "http://127.0.0.1:8300/p/session-plugin.js",
            "settings": {"sessionLength": 60_000, "sessionEvents": True},
        }
    ]
    assert answer.headers["access-control-allow-origin"] == "*"
    again = {**PAGE, "if-none-match": answer.headers["etag"]}
    assert (await client.get("/v1/projects/web-key/settings", headers=again)).status_code == 304


async def test_rudderstacks_library_is_told_its_source(client: httpx.AsyncClient) -> None:
    answer = await client.get("/sourceConfig/", params={"writeKey": "web-key", "p": "npm"})
    source = answer.json()["source"]
    assert (source["writeKey"], source["enabled"], source["destinations"]) == ("web-key", True, [])
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await client.get("/sourceConfig/", params={"writeKey": "other"})).status_code == 404
    assert (await client.get("/sourceConfig/")).status_code == 404


async def test_the_document_follows_the_configured_address(assets: Path) -> None:
    pages = Pages(settings(assets, public_url="https://events.example.com", api_path="d"))
    app = Starlette(routes=page_routes(lambda: pages))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as client:
        document = (await client.get("/v1/projects/web-key/settings")).json()
    assert document["integrations"]["Segment.io"]["apiHost"] == "events.example.com/d"
    assert document["integrations"]["Segment.io"]["protocol"] == "https"
    assert document["remotePlugins"][0]["url"] == "https://events.example.com/p/session-plugin.js"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/projects/other/settings",
        "/analytics.js/v1/other/analytics.min.js",
        "/p/none.js",
        "/p/%2e%2e/secret.txt",
        "/p//etc/passwd",
        "/p/%00",
        "/p/" + "x" * 1_000,
        "/analytics-next/bundles/none.js",
        "/analytics-next/bundles/deep",
    ],
)
async def test_what_there_is_not_is_a_json_404(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
async def test_the_best_encoding_is_served(
    client: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    async with client.stream("GET", f"/p/{WASM}", headers={"accept-encoding": accepted}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["content-type"] == "application/wasm"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert len(raw) == int(answer.headers["content-length"])
    assert (raw == b"as brotli") == (encoding == "br")


async def test_files_are_for_pages_of_every_origin(client: httpx.AsyncClient) -> None:
    for path in (f"/p/{WASM}", "/p/session-plugin.js", "/p/a/web-key.js", "/p/none"):
        headers = (await client.get(path, headers={"accept-encoding": "identity"})).headers
        assert headers["access-control-allow-origin"] == "*"
        assert headers["cross-origin-resource-policy"] == "cross-origin"
        assert headers["timing-allow-origin"] == "*"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "caching"),
    [
        (f"/p/{WASM}", "public, max-age=31536000, immutable"),
        (
            "/analytics-next/bundles/tsub.bundle.0123456789abcdef0123.js",
            "public, max-age=31536000, immutable",
        ),
        ("/p/session-plugin.js", "no-cache"),
        ("/analytics.js/v1/web-key/analytics.min.js", "no-cache"),
    ],
)
async def test_names_with_a_hash_never_change(client: httpx.AsyncClient, path: str, caching: str) -> None:
    answer = await client.get(path, headers={"accept-encoding": "identity"})
    assert answer.headers["cache-control"] == caching
    again = await client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_changed_file_is_served_anew(client: httpx.AsyncClient, assets: Path) -> None:
    before = await client.get("/p/session-plugin.js")
    (assets / "page" / "session-plugin.js").write_text("// another")
    after = await client.get("/p/session-plugin.js", headers={"if-none-match": before.headers["etag"]})
    assert (after.status_code, after.text) == (200, "// another")


async def test_other_spellings_of_a_name_are_the_same_file(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    first = await client.get("/p/session-plugin.js")
    monkeypatch.setattr("forwarder.cdn.assets._read", read.append)
    for number in range(1, 50):
        for name in ("./" * number + "session-plugin.js", "x/../" * number + "session-plugin.js"):
            answer = await client.get(f"/p/{name.replace('.', '%2e')}")
            assert (answer.status_code, answer.headers["etag"]) == (200, first.headers["etag"])
    assert read == [], "none is read, or remembered, anew"


async def test_few_files_are_remembered(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forwarder.cdn.assets._REMEMBERED", 2)
    for number in range(5):
        (assets / f"{number}.js").write_text("")
    folder = Assets(assets)
    for number in (0, 1, 0, 2, 0, 4):
        assert folder._find(f"{number}.js") is not None
    assert [path.name for path in folder._known] == ["0.js", "4.js"]


async def test_only_the_file_s_own_name_says_that_it_never_changes(client: httpx.AsyncClient) -> None:
    answer = await client.get("/p/x-01234567.js/%2e%2e/session-plugin.js")
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("localhost:8300", "http://localhost:8300"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("[::1]:8300", "http://[::1]:8300"),
        ("shop.localhost:8300", "http://shop.localhost:8300"),
        ("evil.example", None),
        ("10.0.0.7:8300", None),
        ("localhost.evil.example", None),
        ("localhost:80.evil.example", None),
        ("[::1].evil.example", None),
    ],
)
async def test_without_a_configured_address_only_this_machine_s_own_names_count(
    client: httpx.AsyncClient, host: str, base: str | None
) -> None:
    answer = await client.get("/v1/projects/web-key/settings", headers={**PAGE, "host": host})
    assert "public" not in answer.headers["cache-control"], "no cache may give it to others"
    if base:
        assert answer.json()["remotePlugins"][0]["url"] == f"{base}/p/session-plugin.js"
    else:
        assert (answer.status_code, answer.json()["code"]) == (503, "no_public_url")
        assert "server.public_url" in answer.json()["message"]
        assert host not in answer.text


async def test_what_a_request_says_of_its_host_changes_no_configured_address(assets: Path) -> None:
    pages = Pages(settings(assets, public_url="https://events.example.com"))
    transport = httpx.ASGITransport(Starlette(routes=page_routes(lambda: pages)))
    async with httpx.AsyncClient(transport=transport, base_url="http://inside") as client:
        path = "/v1/projects/web-key/settings"
        said = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
        hosts: list[dict[str, str]] = [{}, {"host": "evil.example"}, {"host": "localhost", **said}]
        answers = [await client.get(path, headers={**PAGE, **headers}) for headers in hosts]
    assert len({answer.content for answer in answers}) == 1
    assert all(answer.headers["cache-control"].startswith("public") for answer in answers)


def reports() -> dict[str, float]:
    """The counter of reports, by label."""
    return {
        sample.labels["kind"]: sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == "forwarder_page_reports_total"
    }


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "other"),
        (b"[]", "other"),
        (b"nonsense", "other"),
        (b'{"kind":"trap"}', "trap"),
        (b'{"kind":"a page\'s own word"}', "other"),
        (b'{"kind":["trap"]}', "other"),
        (json.dumps({"kind": "x" * 5_000}).encode(), "other"),
        (b"\xff", "other"),
    ],
)
async def test_reports_are_counted_whatever_they_say(
    client: httpx.AsyncClient, body: bytes, kind: str
) -> None:
    before = reports()
    assert (await client.post("/p/report", content=body)).status_code == 204
    after = reports()
    assert after.pop(kind) == before.pop(kind, 0) + 1
    assert after == before
    assert {kind, *after} <= {*REPORTED, "other"}
