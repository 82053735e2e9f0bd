"""Real Analytics.js in real browsers against a running forwarder: every event arrives, none twice."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.shop_page import EITHER_BROWSER
from tests.browser.site import Site, serving
from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import configuration
from tests.support.forwarder import Running, forwarder
from tests.support.processes import ROOT, free_port
from tests.support.waiting import PATIENCE_S, eventually

UMD = ROOT / "browser_plugin" / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
STRATEGIES: dict[str, dict[str, Any]] = {
    "standard": {},
    "batching": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 4, "timeout": 300}}},
}
SHOP = """<!doctype html><title>shop</title><script>
  var analytics = (window.analytics = window.analytics || []);
  analytics._cdn = "FORWARDER";
  analytics.methods = ["track", "page", "identify", "ready"];
  analytics.factory = (name) => (...words) => { analytics.push([name, ...words]); return analytics; };
  for (const name of analytics.methods) analytics[name] = analytics.factory(name);
  analytics._loadOptions = { integrations: { "Segment.io": OPTIONS } };
  analytics._writeKey = "web-key";
  const script = document.createElement("script");
  script.async = true;
  script.dataset.globalSegmentAnalyticsKey = "analytics";
  script.src = analytics._cdn + "/analytics.js/v1/web-key/analytics.min.js";
  document.head.append(script);
</script>"""


@pytest.fixture(scope="module")
def fake() -> Iterator[Amplitude]:
    """One Amplitude for all tests here."""
    with fake_amplitude() as running:
        yield running


@pytest.fixture
def amplitude(fake: Amplitude) -> Amplitude:
    """The same with nothing received yet."""
    fake.forget()
    return fake


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An origin of its own with one page, which the test fills in."""
    site = Site(tmp_path_factory.mktemp("shop"), types={"/": "text/html"})
    with serving(site):
        yield site


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, fake: Amplitude, shop: Site) -> str:
    """A configuration whose assets are Analytics.js as published."""
    folder = tmp_path_factory.mktemp("assets")
    shutil.copytree(UMD, folder / "analytics.js")
    (folder / "analytics.js" / "standalone.js").rename(folder / "analytics.js" / "analytics.min.js")
    (folder / "page").mkdir()
    (folder / "page" / "session-plugin.js").write_text("// the session plugin has tests of its own")
    origins = {"allowed_origins": [shop.url]}
    return configuration(amplitude=fake.url, source=origins, server={"assets": folder})


@pytest.fixture
def config(tmp_path: Path, settings: str) -> Path:
    """A configuration for one test alone."""
    path = tmp_path / "forwarder.toml"
    path.write_text(settings)
    return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, settings: str) -> Iterator[Running]:
    """A forwarder for the tests that do nothing to it."""
    path = tmp_path_factory.mktemp("forwarder") / "forwarder.toml"
    path.write_text(settings)
    with forwarder(path) as process:
        yield process


@contextmanager
def opened(browser: Browser, shop: Site, url: str, strategy: str) -> Iterator[Page]:
    """The shop's page with Analytics.js loaded from the forwarder."""
    options = json.dumps(STRATEGIES[strategy])
    shop.pages["/"] = SHOP.replace("FORWARDER", url).replace("OPTIONS", options)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    page.goto(shop.url + "/")
    page.wait_for_function("window.analytics && window.analytics.initialized === true")
    yield page
    context.close()


def track(page: Page, first: int, count: int) -> None:
    page.evaluate(
        """([first, count]) => {
            for (let n = first; n < first + count; n++) analytics.track("Seen", { n });
        }""",
        [first, count],
    )


def arrive_once(amplitude: Amplitude, count: int) -> None:
    """Wait until all have arrived, each once, and from the browser's address."""

    def times() -> Counter[object]:
        return amplitude.times("Seen", lambda item: item["event_properties"]["n"])

    assert eventually(lambda: len(times()) >= count), times()
    assert times() == dict.fromkeys(range(count), 1)
    assert len({event["insert_id"] for event in amplitude.events("Seen")}) == count
    assert {event.get("ip") for event in amplitude.events("Seen")} == {"127.0.0.1"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_event_arrives_once(
    browser: Browser, shop: Site, running: Running, amplitude: Amplitude, strategy: str
) -> None:
    with opened(browser, shop, running.url, strategy) as page:
        track(page, 0, 10)
        arrive_once(amplitude, 10)


@EITHER_BROWSER
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_forwarder_that_is_down_for_a_while_loses_nothing(
    browser: Browser, shop: Site, config: Path, amplitude: Amplitude, strategy: str
) -> None:
    port = free_port()
    with forwarder(config, port) as process, opened(browser, shop, process.url, strategy) as page:
        track(page, 0, 3)
        arrive_once(amplitude, 3)
        assert process.stop() == 0
        track(page, 3, 3)
        page.wait_for_timeout(500)
        with forwarder(config, port):
            track(page, 6, 3)
            arrive_once(amplitude, 9)


@EITHER_BROWSER
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_too_many_requests_for_a_while_lose_nothing(
    browser: Browser, shop: Site, config: Path, amplitude: Amplitude, strategy: str
) -> None:
    config.write_text(config.read_text() + "[limits]\nrequests_per_second = 3\n")
    with forwarder(config) as process, opened(browser, shop, process.url, strategy) as page:
        refused = []
        page.on("response", lambda answer: refused.append(answer) if answer.status == 429 else None)
        for first in range(0, 12, 4):
            track(page, first, 4)
            page.wait_for_timeout(50)
        arrive_once(amplitude, 12)
        page.wait_for_timeout(100)  # only while the page is waited for are its answers dealt out
        if strategy == "standard":
            assert refused


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_page_that_was_offline_loses_nothing(
    browser: Browser, shop: Site, running: Running, amplitude: Amplitude, strategy: str
) -> None:
    with opened(browser, shop, running.url, strategy) as page:
        track(page, 0, 2)
        arrive_once(amplitude, 2)
        page.context.set_offline(True)
        track(page, 2, 5)
        page.wait_for_timeout(1_000)
        assert len(amplitude.events("Seen")) == 2
        page.context.set_offline(False)
        arrive_once(amplitude, 7)
