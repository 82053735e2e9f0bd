"""``forwarder verify``: the demo shop is well; a broken page is told of its fault, and of nothing else."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from forwarder.verifying.checks import CHECKS, findings_of
from forwarder.verifying.observation import PROBE
from forwarder.verifying.pytest_plugin import VerifySession
from forwarder.verifying.report import State
from forwarder.verifying.visiting import Options, visit
from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop
from tests.support.amplitude import fake_amplitude
from tests.support.forwarder import forwarder
from tests.support.processes import ROOT, program
from tests.support.waiting import eventually

DEMO = """
[server]
assets = "{dist}"
[session]
session_events = true
[[sources]]
name = "shop"
write_key = "demo"
[[destinations]]
name = "amplitude"
base_url = "{amplitude}"
[destinations.settings]
apiKey = "demo-api-key"
"""
NOTHING_KEPT = """<script>
Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("denied", "SecurityError"); },
});
Object.defineProperty(document, "cookie", { get: () => "", set() {} });
</script>"""
OWN_BEACON = """<script>
analytics.page();
addEventListener("pagehide", () => navigator.sendBeacon("FORWARDER/v1/t", JSON.stringify({
  type: "track", event: "Page Left", messageId: "m" + Math.random(), anonymousId: "a", writeKey: "web-key",
})));
</script>"""
LATE = """<script>
analytics.page();
analytics.ready(() => setTimeout(() => document.head.append(
  Object.assign(document.createElement("script"), { src: "FORWARDER/p/session-plugin.js" }),
), 300));
</script>"""
PAGE = "<script>analytics.page()</script>"


def csp(running: Shop) -> str:
    policy = "default-src 'self' 'unsafe-inline'"
    return running.page("csp", before=f'<meta http-equiv="Content-Security-Policy" content="{policy}">')


def no_wasm(running: Shop) -> str:
    origin = running.forwarder.url
    policy = f"script-src 'self' 'unsafe-inline' {origin}; connect-src {origin}"
    return running.page("wasm", before=f'<meta http-equiv="Content-Security-Policy" content="{policy}">')


def late(running: Shop) -> str:
    return running.page(
        "late", cdn=running.without_plugin(), after=LATE.replace("FORWARDER", running.forwarder.url)
    )


def double(running: Shop) -> str:
    return running.page("double", before=running.tag(), after=PAGE)


def blocked(running: Shop) -> str:
    return running.page("blocked", before=NOTHING_KEPT, after=PAGE)


def wrong_cdn(running: Shop) -> str:
    return running.page("wrong", cdn=running.without_plugin(), after=PAGE)


def unstamped_last(running: Shop) -> str:
    return running.page("last", after=OWN_BEACON.replace("FORWARDER", running.forwarder.url))


BROKEN = [
    pytest.param(csp, "policy", "add {forwarder} to script-src", id="csp"),
    pytest.param(no_wasm, "policy", "'wasm-unsafe-eval'", id="no_wasm"),
    pytest.param(late, "first", "load the plugin sooner", id="late", marks=EITHER_BROWSER),
    pytest.param(double, "once", "take the tag out", id="double", marks=EITHER_BROWSER),
    pytest.param(blocked, "storage", "let the page store", id="blocked", marks=EITHER_BROWSER),
    pytest.param(unstamped_last, "last", "analytics.track() in pagehide", id="unstamped_last"),
]
"""A page, the check that has to name its fault, and what its mend says."""


@ONE_RUNTIME
@pytest.mark.parametrize(("page", "fault", "mend"), BROKEN)
def test_a_broken_page_is_told_of_its_fault(
    running: Shop, browser: Browser, page: Callable[[Shop], str], fault: str, mend: str
) -> None:
    seen = visit(browser, page(running), Options(timeout=4))
    report = findings_of(seen)
    assert [one.check for one in report.faults] == [fault], str(report)
    assert mend.replace("{forwarder}", running.forwarder.url) in report.faults[0].mend
    left = [one for one in running.amplitude.events() if one["event_type"] in (PROBE, "Page Left")]
    assert not left, "no event leaves the browser"


def test_the_demo_shop_is_well(
    tmp_path: Path,
    verify_session: VerifySession,
    verify_events: Callable[[Page], list[Any]],
    page: Page,
    browser_name: str,
) -> None:
    config = tmp_path / "forwarder.toml"
    with ExitStack() as programs:
        amplitude = programs.enter_context(fake_amplitude())
        config.write_text(DEMO.format(dist=ROOT / "dist", amplitude=amplitude.url))
        url = programs.enter_context(forwarder(config)).url
        shop_url = programs.enter_context(program("web_demo.shop", "--forwarder", url))
        report = verify_session(shop_url, subdomain=shop_url + "/cart")
        assert not report.faults, str(report)
        assert [one.state for one in report.findings] == [State.OK] * len(CHECKS), str(report)
        if browser_name == "chromium":  # what is compared is the same in every browser
            elsewhere = verify_session(shop_url, subdomain=shop_url.replace("127.0.0.1", "localhost"))
            assert [one.check for one in elsewhere.faults] == ["subdomain"], str(elsewhere)
        events = verify_events(page)
        page.goto(shop_url)
        page.get_by_text("Heavy mug").click()
        assert eventually(lambda: page.title() and [one for one in events if one.stamp])
        assert not amplitude.arrivals()


BANNER = """<button onclick="go()">Accept</button><script>
const script = Object.assign(document.createElement("script"), { src: "/snippet.js" });
const go = () => document.head.append(script);
START
</script>"""


@EITHER_BROWSER
@ONE_RUNTIME
@pytest.mark.parametrize(("start", "faults"), [("", []), ("go();", ["consent"])], ids=["kept", "ignored"])
def test_consent_is_waited_for(running: Shop, browser: Browser, start: str, faults: list[str]) -> None:
    url = running.page("banner")
    script = running.site.pages["/banner.js"] + "\nanalytics.page();"
    running.site.pages["/snippet.js"] = script
    banner = BANNER.replace("START", start)
    running.site.pages["/banner"] = f'<!doctype html><link rel="icon" href="data:,">{banner}'
    report = findings_of(visit(browser, url, Options(timeout=5, consent="button")))
    assert [one.check for one in report.faults] == faults, str(report)


@ONE_RUNTIME
def test_the_command(running: Shop) -> None:
    """It starts both browsers by itself, in a process of its own: Playwright has this one's event loop."""
    words = [sys.executable, "-m", "forwarder", "verify", wrong_cdn(running), "--json", "--no-sandbox"]
    done = subprocess.run(
        [*words, "--timeout", "3"], capture_output=True, text=True, check=False, timeout=120, cwd=ROOT
    )
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert [one["browser"] for one in said] == ["chromium", "firefox"]
    for one in said:
        [fault] = [finding for finding in one["findings"] if finding["state"] == "fault"]
        assert fault["check"] == "plugin"
        assert "analytics._cdn" in fault["mend"]
