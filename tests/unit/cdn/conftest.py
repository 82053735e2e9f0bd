"""Files for pages, and a client of the routes that serve them."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from forwarder.cdn.routes import Pages, page_routes
from tests.support.page_settings import WASM, settings


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


@pytest.fixture
async def client(assets: Path) -> AsyncIterator[httpx.AsyncClient]:
    pages = Pages(settings(assets))
    app = Starlette(routes=page_routes(lambda: pages))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8300"
    ) as made:
        yield made
