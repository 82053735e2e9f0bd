"""The demo's drawer and arrivals in real browsers: what one sees of sessions, events and misfortune."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import mistakes
from tests.browser.shop_page import fresh, initialized, python
from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import configuration
from tests.support.forwarder import forwarder
from tests.support.processes import ROOT, program
from tests.support.waiting import eventually

TOKEN = "an-operators-token"


class Demo(NamedTuple):
    shop: str
    amplitude: Amplitude


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    monkeypatch.setenv("OPERATOR_TOKEN", TOKEN)
    config = tmp_path_factory.mktemp("demo") / "forwarder.toml"
    server = {"assets": ROOT / "dist", "operator_token": TOKEN}
    with ExitStack() as programs:
        amplitude = programs.enter_context(fake_amplitude())
        session = {"session_events": True}
        config.write_text(configuration("shop", "demo", amplitude.url, server=server, session=session))
        url = programs.enter_context(forwarder(config)).url
        words = ("web_demo.shop", "--forwarder", url, "--amplitude", amplitude.url)
        yield Demo(programs.enter_context(program(*words)), amplitude)


def says(page: Page, place: str, text: str) -> None:
    """Wait until a part of the page says something."""
    assert eventually(lambda: text in page.locator(place).inner_text()), page.locator(place).inner_text()


def check(page: Page, browser: Browser, name: str) -> None:
    """Have axe-core look at the page, where that is quick: browsers do not differ in what it asks."""
    if browser.browser_type.name == "chromium":
        assert mistakes(page, name) == []


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def press_and_reload(page: Page, name: str) -> None:
    """Press a button that loads the page anew, and wait for that: until then the old page hears clicks."""
    with page.expect_event("domcontentloaded"):
        press(page, name)


def test_the_drawer_shows_the_session_and_lets_things_happen(demo: Demo, browser: Browser) -> None:
    with fresh(browser) as context:
        page = context.new_page()
        page.goto(f"{demo.shop}/checkout")
        expect(page.get_by_text("There is nothing to order")).to_be_visible()
        expect(page.get_by_role("button", name="Place the order")).to_be_hidden()
        page.goto(f"{demo.shop}/products/kettle")
        initialized(page)
        press(page, "Add to cart")
        press(page, "Behind the scenes")
        says(page, "#session-why", "Product Added")
        says(page, "#session-left", "left without another event")
        says(page, "#drawer-events", "delivered")
        check(page, browser, "the drawer")
        assert "/console/events/" in (page.locator("#drawer-events a").first.get_attribute("href") or "")
        first = page.locator("#session-id").inner_text()

        press_and_reload(page, "31 minutes pass")
        says(page, "#session-left", "clock is 31 min ahead")
        assert eventually(lambda: page.locator("#session-id").inner_text() not in (first, "none yet"))
        assert int(page.locator("#session-id").inner_text()) - int(first) >= 31 * 60_000
        assert eventually(lambda: len(demo.amplitude.events("Session Started")) == 2)
        press_and_reload(page, "the clock is right again")
        says(page, "#session-left", "left without another event")
        assert "ahead" not in page.locator("#session-left").inner_text()

        press(page, "another one signs in")
        says(page, "#person", "Grace")
        press(page, "Amplitude refuses one")
        says(page, "#drawer-said", "its next answers show it")
        press(page, "Add to cart")
        says(page, "#drawer-events", "dead")

        press_and_reload(page, "the site forbids WebAssembly")
        says(page, "#drawer-said", "compiled rules answer")
        assert python(page).startswith("unavailable")
        says(page, "#session-why", "answered by the compiled policy")
        page.keyboard.press("Escape")
        expect(page.locator("#drawer")).to_be_hidden()
        expect(page.locator("#drawer-open")).to_be_focused()

        assert demo.amplitude.events("Checkout Started") == []
        look_at_arrivals(page, demo)
        check(page, browser, "the arrivals")


def look_at_arrivals(page: Page, demo: Demo) -> None:
    """Open a row of the arrivals; it stays open while others come, and buttons queue faults."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(demo.amplitude.url)
    row = page.locator("details", has_text="Product Added").first
    row.locator("summary").click()
    shown = json.loads(row.locator("pre").inner_text())
    assert shown["event_type"] == "Product Added"
    assert "UTC" not in row.locator("time").inner_text(), "it is the browser's own time"
    expect(page.get_by_text("User updates")).to_be_visible()
    press(page, "Throttle")
    says(page, "#arrivals", "1 fault to come: throttle")
    assert demo.amplitude.faults() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
