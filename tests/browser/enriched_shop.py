"""A page with an owner's own Python, and what a test does with it."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request

from browser_plugin.owner.source import OwnerCode
from browser_plugin.owner_freeze.page import OwnCode
from browser_plugin.page_build import scripts
from tests.browser.shop_page import Shop, initialized
from tests.browser.site import Site, serving
from tests.support.configuration import TOKEN
from tests.support.forwarder import forwarder
from tests.support.processes import ROOT
from tests.support.receiver import receiver
from tests.support.waiting import eventually

CODE = ROOT / "tests" / "browser" / "shop_enrichment.py"
SECRET = "bob@example.com"
WAIT_MS = 60_001
MINIMAL = ("event", "anonymousId")
CONFIG = """
[server]
assets = "{assets}"
operator_token = "{token}"
[session]
startPython = "now"
assign = "off"
[[sources]]
name = "web"
write_key = "web-key"
{enrich}
[[destinations]]
name = "amplitude"
base_url = "{amplitude}"
linger_ms = 10
[destinations.settings]
apiKey = "k"
"""
MODULES = "**/enrichment-*.wasm"


def assets(folder: Path, own: OwnCode) -> Path:
    """Build the page's files with an owner's code beside what is built without."""
    page = folder / "dist" / "page"
    built = ROOT / "dist" / "page"
    shutil.copytree(
        built, page, ignore=shutil.ignore_patterns("pyodide", "session-plugin.*", "later-*", "stock-*")
    )
    (folder / "dist" / "analytics.js").symlink_to(ROOT / "dist" / "analytics.js")
    lock = ROOT / "build" / "tests-freeze.lock"  # half a minute, for one of the workers: the others find it
    with pytest.MonkeyPatch.context() as patched, lock.open("w") as frozen_by_one:
        patched.setattr(scripts, "CACHE", folder / "build")
        fcntl.flock(frozen_by_one, fcntl.LOCK_EX)
        scripts.bundle(json.loads((page / "core.json").read_text()), page, own)
    return folder / "dist"


def enriched_shop(folder: Path, required: bool, enrich: str) -> Iterator[Shop]:
    own = OwnCode(OwnerCode.read(CODE), "code", required, MINIMAL if required else (), WAIT_MS)
    yield from shop_with(folder, own, enrich)


def shop_with(folder: Path, own: OwnCode, enrich: str = "") -> Iterator[Shop]:
    """Run pages with an owner's code; ``enrich``: the setting of the forwarder's source, "" for none."""
    with receiver() as amplitude:
        config = folder / "forwarder.toml"
        text = CONFIG.format(token=TOKEN, assets=assets(folder, own), amplitude=amplitude.url, enrich=enrich)
        config.write_text(text)
        site = Site(folder / "site")
        with forwarder(config) as running, serving(site):
            yield Shop(site, running, amplitude, "frozen")


def opened(context: BrowserContext, running: Shop, name: str = "shop") -> Page:
    running.amplitude.items.clear()
    running.amplitude.requests.clear()
    page = context.new_page()
    page.on("console", lambda said: running.seen.append(said.text))
    page.goto(running.page(name))
    initialized(page)
    return page


def up(page: Page) -> None:
    """Wait until the owner's Python answers."""
    assert eventually(lambda: page.evaluate("window.analyticsSession?.enrichment?.python") == "ready", 60)


def track(page: Page, *names: str) -> None:
    page.evaluate(
        "([names, email]) => { for (const name of names) analytics.track(name, { email }); }",
        [list(names), SECRET],
    )


def properties(running: Shop, name: str) -> dict[str, object]:
    [event] = running.arrived(name)
    found: dict[str, object] = event["event_properties"]
    return found


def watched(context: BrowserContext) -> list[str]:
    """Return where everything that pages send is put."""
    sent: list[str] = []

    def remember(request: Request) -> None:
        sent.append(request.url + (request.post_data or ""))

    context.on("request", remember)
    return sent
