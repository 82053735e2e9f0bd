"""Files that pages fetch, with the headers that browsers need."""

from pathlib import Path

import httpx
import pytest

from forwarder.cdn.assets import Assets
from tests.support.page_settings import WASM


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
    assert [path.name for path in folder._files] == ["0.js", "4.js"]


async def test_only_the_file_s_own_name_says_that_it_never_changes(client: httpx.AsyncClient) -> None:
    answer = await client.get("/p/x-01234567.js/%2e%2e/session-plugin.js")
    assert answer.headers["cache-control"] == "no-cache"
