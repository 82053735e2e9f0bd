"""The demo shop in real browsers: what visitors do there reaches Amplitude in the right session."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.shop_page import fresh, initialized
from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import configuration
from tests.support.forwarder import forwarder
from tests.support.processes import ROOT, program
from tests.support.waiting import PATIENCE_S, eventually


@dataclass
class Demo:
    shop: str
    amplitude: Amplitude


@pytest.fixture(scope="module", params=["frozen", "pyodide"])
def demo(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Demo]:
    """Shop, forwarder and fake Amplitude, each an origin of its own; Python by either runtime."""
    config = tmp_path_factory.mktemp("demo") / "forwarder.toml"
    with ExitStack() as programs:
        amplitude = programs.enter_context(fake_amplitude())
        session = {"session_events": True, "runtime": request.param}
        server = {"assets": ROOT / "dist"}
        config.write_text(configuration("shop", "demo", amplitude.url, server=server, session=session))
        url = programs.enter_context(forwarder(config)).url
        yield Demo(programs.enter_context(program("web_demo.shop", "--forwarder", url)), amplitude)


ONE_RUNTIME = pytest.mark.parametrize("demo", ["frozen"], indirect=True)
"""For what visitors do over several pages, most of which they leave before stock Pyodide is up."""


def stored(page: Page) -> int:
    """Return what a person in devtools sees in localStorage."""
    assert eventually(lambda: page.evaluate("localStorage.getItem('analytics_session_id')"))
    found: int = page.evaluate("+localStorage.getItem('analytics_session_id')")
    return found


def of(page: Page, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items of this page's visitor; other tests' visitors use the same programs."""
    device = page.evaluate("JSON.parse(localStorage.getItem('ajs_anonymous_id'))")
    return [item for item in items if item["device_id"] == device]


@ONE_RUNTIME
def test_a_visitor_buys_something(demo: Demo, browser: Browser) -> None:
    with fresh(browser) as context:
        page = context.new_page()
        page.goto(demo.shop)
        page.get_by_text("Gooseneck kettle").click()
        page.get_by_role("button", name="Add to cart").click()
        initialized(page)
        page.get_by_role("link", name="Sign in").click()
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Join", exact=True).click()
        initialized(page)
        page.get_by_role("link", name="Cart").click()
        initialized(page)
        page.get_by_role("link", name="Go to checkout").click()
        initialized(page)
        page.get_by_role("button", name="Place the order").click()
        page.wait_for_url("**/thanks")
        session = stored(page)
        for name in ("Product Viewed", "Product Added", "Signed In", "Cart Viewed", "Checkout Started"):
            assert eventually(lambda: of(page, demo.amplitude.events(name))), name  # noqa: B023
            [event] = of(page, demo.amplitude.events(name))
            assert event["session_id"] == session, name
        assert eventually(lambda: of(page, demo.amplitude.events("Order Completed")))
        [order] = of(page, demo.amplitude.events("Order Completed"))
        assert order["session_id"] == session
        assert order["user_id"] == "user-ada@example.com"
        assert eventually(lambda: of(page, demo.amplitude.events("Session Started")))
        [started] = of(page, demo.amplitude.events("Session Started"))
        assert started["session_id"] == session
        assert of(page, demo.amplitude.events("Session Ended")) == []
        assert eventually(lambda: of(page, demo.amplitude.on("/identify"))), demo.amplitude.on("/identify")
        assert eventually(lambda: page.evaluate("window.analyticsSession?.id") == session)


@ONE_RUNTIME
def test_31_minutes_later_it_is_another_session(demo: Demo, browser: Browser) -> None:
    with fresh(browser) as context:
        page = context.new_page()
        page.clock.install(time=datetime(2026, 3, 1, 12))
        page.goto(demo.shop)
        before = stored(page)
        page.clock.fast_forward("31:00")
        page.get_by_text("Heavy mug").click()
        assert eventually(lambda: stored(page) != before)
        after = stored(page)
        assert after - before >= 31 * 60_000
        assert eventually(lambda: len(of(page, demo.amplitude.events("Session Started"))) == 2)
        assert eventually(lambda: of(page, demo.amplitude.events("Session Ended")))
        [ended] = of(page, demo.amplitude.events("Session Ended"))
        both = of(page, demo.amplitude.events("Session Started"))
        first, second = sorted(both, key=lambda one: one["time"])  # whichever comes first
        assert (first["session_id"], ended["session_id"], second["session_id"]) == (before, before, after)
        assert second["time"] - ended["time"] >= 31 * 60_000, "the end lies where the last activity was"
        assert ended["event_properties"] == {"duration": 0}
        assert eventually(lambda: of(page, demo.amplitude.events("Product Viewed")))
        [viewed] = of(page, demo.amplitude.events("Product Viewed"))
        assert viewed["session_id"] == after


@pytest.mark.every_browser
def test_python_comes_up_by_either_runtime(demo: Demo, browser: Browser) -> None:
    with fresh(browser) as context:
        page = context.new_page()
        page.goto(demo.shop)
        assert eventually(
            lambda: page.evaluate("window.analyticsSession?.python") == "ready", 2 * PATIENCE_S
        ), page.evaluate("window.analyticsSession?.python")
        initialized(page)
        page.evaluate("analytics.track('Asked')")
        assert eventually(lambda: "track" in page.evaluate("analyticsSession.explain()"))
        assert page.evaluate("analyticsSession.explain()").endswith("answered by Python")
