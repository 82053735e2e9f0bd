"""Other page libraries, as published, send to the forwarder: nothing is lost, sessions are kept."""

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, opened
from tests.support.processes import ROOT
from tests.support.waiting import eventually

PACKAGES = ROOT / "browser_plugin" / "node_modules"
RUDDERSTACK = (
    PACKAGES / "@rudderstack" / "analytics-js" / "dist" / "npm" / "modern" / "bundled" / "umd" / "index.js"
)
JITSU = PACKAGES / "@jitsu" / "js" / "dist" / "web" / "p.js.txt"
CALLS = """
library.page("Cups", {shelf: 3});
library.track("Cup Viewed", {sku: "c-1"});
library.identify("ada-lovelace", {plan: "pro"});
library.track("Cup Bought", {sku: "c-1"});
"""


def blank(clean: Shop) -> str:
    """Put an empty page on the site; return its address."""
    clean.site.pages["/blank"] = '<!doctype html><title>Blank</title><link rel="icon" href="data:,">'
    clean.site.types["/blank"] = "text/html; charset=utf-8"
    return f"{clean.site.url}/blank"


def on_identify(clean: Shop) -> list[dict[str, Any]]:
    """Return the identifications that Amplitude received."""
    return [item for path, item in clean.amplitude.items if path == "/identify"]


def bring(page: Page, address: str, file: Path) -> None:
    """Put a library's own file on the page as if its host served it at ``address``."""
    assert file.is_file(), "run npm ci: the page would wait for the file for ever"
    page.route(address, lambda route: route.fulfill(path=file, content_type="text/javascript"))


def arrived(clean: Shop, device: str, began: float, user: str = "ada-lovelace") -> list[dict[str, Any]]:
    """Check what the four calls became; return the three events. ``began``: s since the epoch, before them.

    Each call comes in a request of its own, and its time is corrected by that request's (received - (sent -
    original)), so a slow request makes its event later than the next one: no order is promised.
    """
    [page], [seen], [bought] = (clean.arrived(name) for name in ("Viewed Cups", "Cup Viewed", "Cup Bought"))
    assert eventually(lambda: on_identify(clean))
    [identified] = on_identify(clean)
    events = [page, seen, bought]
    assert {one["device_id"] for one in [*events, identified]} == {device}
    assert [one.get("user_id") for one in events] == [None, None, user]
    assert (identified["user_id"], identified["user_properties"]["plan"]) == (user, "pro")
    assert page["event_properties"]["shelf"] == 3
    assert len({one["insert_id"] for one in events}) == 3
    assert all(began * 1000 - 1 <= one["time"] <= time.time() * 1000 for one in events)
    return events


@EITHER_BROWSER
@ONE_RUNTIME
def test_rudderstack(clean: Shop, browser: Browser) -> None:
    began = time.time()
    with opened(browser, clean, blank(clean)) as page:
        bring(page, f"{clean.forwarder.url}/rudder.js", RUDDERSTACK)
        page.add_script_tag(url=f"{clean.forwarder.url}/rudder.js")
        where = clean.forwarder.url
        page.evaluate(
            f"""window.library = new rudderanalytics.RudderAnalytics();
            library.load("web-key", "{where}", {{configUrl: "{where}", logLevel: "ERROR"}});"""
            + CALLS
        )
        assert eventually(lambda: page.evaluate("!!library.getSessionId()")), clean.seen
        events = arrived(clean, page.evaluate("library.getAnonymousId()"), began)
        session = page.evaluate("library.getSessionId()")
    assert [one["session_id"] for one in events] == [session] * 3


@EITHER_BROWSER
@ONE_RUNTIME
def test_jitsu(clean: Shop, browser: Browser) -> None:
    began = time.time()
    with opened(browser, clean, blank(clean)) as page:
        bring(page, f"{clean.forwarder.url}/p.js", JITSU)
        page.evaluate(
            """address => new Promise((resolve) => {
              const tag = document.createElement("script");
              Object.assign(tag, {src: address, onload: resolve});
              Object.assign(tag.dataset, {writeKey: "web-key", initOnly: "true"});
              document.head.append(tag);
            })""",
            f"{clean.forwarder.url}/p.js",
        )
        page.evaluate(
            "async () => { const library = {}; for (const name of ['page', 'track', 'identify'])"
            " library[name] = (...given) => jitsu[name](...given); " + CALLS + " }"
        )
        clean.arrived("Cup Bought")
        device = clean.events("Cup Bought")[0]["device_id"]
        arrived(clean, device, began)
    assert device
