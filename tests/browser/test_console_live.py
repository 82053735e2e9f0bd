"""The console's Live, Events and Settings in real browsers, while events come."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shop_page import fresh
from tests.support import patient
from tests.support.amplitude import fake_amplitude
from tests.support.configuration import configuration
from tests.support.forwarder import Running, forwarder
from tests.support.waiting import eventually

TOKEN = "an-operators-token"
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    config = tmp_path / "forwarder.toml"
    with fake_amplitude() as amplitude:
        config.write_text(configuration(amplitude=amplitude.url, server={"operator_token": TOKEN}))
        with forwarder(config) as one:
            yield one


def send(running: Running, name: str, user: str = "user-1", kind: str = "track") -> None:
    body = {"writeKey": "web-key", "event": name, "userId": user, "anonymousId": "device-1"}
    patient.post(f"{running.url}/v1/{kind}", json=body).raise_for_status()


def names(page: Page) -> list[str]:
    return page.locator("#live a.open").all_inner_texts()


def comes(page: Page, *expected: str) -> None:
    """Wait until these are the newest rows."""
    assert eventually(lambda: names(page)[: len(expected)] == list(expected)), names(page)


def test_events_are_seen_as_they_come_opened_found_and_nothing_breaks_the_page(
    running: Running, browser: Browser
) -> None:
    said: list[str] = []
    with fresh(browser, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(f"{running.url}/console")
        page.get_by_label("Operator's token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("No event has come yet").wait_for()

        send(running, "First")
        comes(page, "First")
        assert eventually(lambda: "delivered" in page.locator("#live tr", has_text="First").inner_text())
        send(running, HOSTILE)
        comes(page, HOSTILE.replace("\u202e", "\\u202e"), "First")
        send(running, "")
        assert eventually(lambda: page.get_by_text("rejected: no event name").is_visible())

        assert eventually(lambda: "a second" in page.locator("#live-rate").inner_text())
        pause = page.locator("#live-pause")
        page.keyboard.press(" ")
        expect(pause).to_have_attribute("aria-pressed", "true")
        send(running, "While paused")
        assert eventually(lambda: "Paused: 1 new" in page.locator("#live-said").inner_text())
        assert "While paused" not in names(page)
        pause.click()
        comes(page, "While paused")

        page.get_by_label("Filter").fill("first")
        assert eventually(lambda: names(page) == ["First"])
        send(running, "Second")
        send(running, "First of others", "user-2")
        comes(page, "First of others", "First")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

        page.get_by_role("link", name="First", exact=True).press("Enter")
        opened = page.locator("tr.opened")
        opened.get_by_text("Way to amplitude").wait_for()
        assert opened.get_by_text('"messageId"').count() >= 1
        page.get_by_role("link", name="First", exact=True).press("Enter")
        assert eventually(lambda: opened.count() == 0)

        page.get_by_role("link", name="Events", exact=True).click()
        page.get_by_label("User id").fill("user-2")
        page.get_by_role("button", name="Search").click()
        assert eventually(lambda: page.locator("a.open").all_inner_texts() == ["First of others"])
        page.get_by_role("link", name="Time line of this user").click()
        page.get_by_text("1 event, ").wait_for()
        page.get_by_role("link", name="Settings").click()
        page.get_by_text("Snippet for its pages").first.wait_for()
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

        page.goto(f"{running.url}/console")
        other = context.new_page()
        other.goto(f"{running.url}/console/events")
        other.get_by_role("button", name="Sign out").click()
        assert eventually(lambda: "stream has ended" in page.locator("#live-said").inner_text())
    assert said == []


def test_an_open_stream_keeps_no_forwarder_from_stopping(running: Running) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.stream("GET", f"{running.url}/console/live/stream", headers=headers, timeout=60) as answer:
        parts = answer.iter_text()
        assert "retry" in next(parts)
        running.process.terminate()
        assert "".join(parts).endswith("event: over\ndata:\n\n")
    assert running.process.wait(60) == 0
