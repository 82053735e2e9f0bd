"""What pages fetch: documents, and the addresses that they name; reports of theirs."""

import json
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette

from forwarder.cdn.routes import Pages, page_routes
from forwarder.http.metrics import REPORTED
from forwarder.openapi.document import openapi
from forwarder.prefixes import BelowPrefix
from tests.support.page_settings import settings

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
