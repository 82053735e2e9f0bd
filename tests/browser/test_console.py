"""The console in real browsers: every page without a mistake of axe-core's, and what one does on them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect

from tests.browser.accessibility import mistakes
from tests.browser.browsers import NOTHING_EMULATED, launch_options
from tests.browser.screenshots import LOOKS, PAGES, at, sign_in
from tests.support.amplitude import fake_amplitude
from tests.support.console_site import ConsoleSite, console_site, tell
from tests.support.waiting import PATIENCE_S

_STREAM_LEFT = "was interrupted while the page was loading"
"""What Firefox says of the live page's stream where somebody follows a link away from it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with (
        fake_amplitude() as amplitude,
        console_site(tmp_path_factory.mktemp("site"), amplitude, with_a_day=True) as one,
    ):
        tell(one)
        yield one


def watched(context: BrowserContext, said: list[str]) -> Page:
    """Return a new page; what it complains of is added to ``said``."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and _STREAM_LEFT not in message.text:
            said.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    return page


@pytest.mark.parametrize("look", ["light", "phone"])
def test_every_page_is_for_everybody(playwright: Playwright, site: ConsoleSite, look: str) -> None:
    """In Chromium, which can be told a theme; in Firefox two of the pages are looked at, by the next test."""
    scheme, (width, height) = LOOKS[look]
    browser = playwright.chromium.launch(**launch_options(playwright.chromium))
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    said: list[str] = []
    page = watched(context, said)
    at("/sign-in")(page, f"{site.url}/console")
    found = mistakes(page, "sign-in")
    sign_in(page, site)
    for name, go in PAGES.items():
        go(page, f"{site.url}/console")
        found += mistakes(page, name)
    browser.close()
    assert found == []
    assert [one for one in said if "404" not in one] == [], "nothing is refused by the policy of the pages"


def test_a_mapping_is_tried_and_dead_letters_are_sent_again(
    browser: Browser, browser_name: str, site: ConsoleSite
) -> None:
    context = browser.new_context(**(NOTHING_EMULATED if browser_name == "firefox" else {}))
    said: list[str] = []
    page = watched(context, said)
    sign_in(page, site)
    page.get_by_role("link", name="Mappings", exact=True).click()
    page.get_by_role("link", name="Track Calls").first.click()
    trigger = page.get_by_label("Trigger")
    trigger.fill('event = "Order Sent')
    page.get_by_role("button", name="What if?").click()
    expect(page.get_by_role("alert")).to_contain_text("subscribe:")
    expect(trigger).to_have_value('event = "Order Sent')
    trigger.fill('event = "Order Sent"')
    page.get_by_role("button", name="What if?").press("Enter")
    expect(page.get_by_text("of which something else is sent")).to_be_visible()
    expect(page.get_by_role("cell", name="no longer sent").first).to_be_visible()
    found = mistakes(page, "what if")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as JSON").click()
    assert download.value.suggested_filename == "subscription.json"
    page.locator("main h3 a").first.click()
    expect(page.get_by_role("heading", name="Test an event")).to_be_visible()
    expect(page.get_by_text("Destination production")).to_be_visible()

    name = f"Refused in {browser_name}"
    site.send({"type": "track", "event": name, "userId": "xy", "messageId": name})
    page.goto(f"{site.url}/console/dead/letters")
    while not page.get_by_role("cell", name=name, exact=True).count():
        page.reload()
    page.get_by_role("row", name=name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Send the chosen again…").click()
    expect(page.get_by_role("heading", name="Send 1 dead letter again?")).to_be_visible()
    found += mistakes(page, "sending again")
    page.get_by_role("button", name="Send 1 dead letter again").click()
    expect(page.get_by_text("1 dead letter was sent again")).to_be_visible()
    while page.get_by_role("link", name="Look again").count():
        with page.expect_event("load"):  # a page that has only begun to come has no link yet
            page.get_by_role("link", name="Look again").click()
    again = page.locator("dt", has_text="dead again").locator("xpath=following-sibling::dd")
    expect(again).to_have_text("1")
    page.get_by_role("link", name="Dead letters").last.click()
    page.get_by_role("link", name="Look at them").first.click()
    page.get_by_role("row", name=name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Drop the chosen…").click()
    page.get_by_role("button", name="Drop 1 dead letter").click()
    expect(page.get_by_role("status")).to_have_text("1 dead letter was dropped.")
    context.close()
    assert said == []
    assert found == []
