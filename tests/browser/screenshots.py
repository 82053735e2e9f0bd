"""Pictures of every page of the console: light, dark, and as wide as a phone.

``python -m tests.browser.screenshots`` writes them into dist/screenshots; with ``--walk-through`` those of
docs/where-is-my-event.md, beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.browsers import launch_options
from tests.support.amplitude import fake_amplitude
from tests.support.console_site import ConsoleSite, console_site, tell
from tests.support.processes import ROOT

WIDE, PHONE = (1280, 800), (390, 844)
LOOKS: Final[dict[str, tuple[Literal["light", "dark"], tuple[int, int]]]] = {
    "light": ("light", WIDE),
    "dark": ("dark", WIDE),
    "phone": ("dark", PHONE),
}


def sign_in(page: Page, site: ConsoleSite) -> None:
    """Sign in by a link, and wait for the page that it leads to by itself."""
    page.goto(site.sign_in_link())
    page.wait_for_url(f"{site.url}/console")


Way = Callable[[Page, str], None]
"""Goes to a page; the second is the console's address."""


def at(path: str) -> Way:
    """Return the way to a page that has an address."""

    def go(page: Page, console: str) -> None:
        page.goto(console + path)

    return go


def what_if(page: Page, console: str) -> None:
    """Try an edited mapping."""
    page.goto(f"{console}/mappings/production/0")
    mapping = page.locator("#mapping")
    edited = json.loads(mapping.input_value()) | {"event_type": {"@path": "$.type"}, "app_version": "2.1"}
    mapping.fill(json.dumps(edited, indent=2))
    page.get_by_role("button", name="What if?").click()
    page.get_by_role("heading", name="By field").wait_for()


def mistake(page: Page, console: str) -> None:
    """Try a mapping that is no JSON."""
    page.goto(f"{console}/mappings/production/0")
    page.locator("#mapping").fill('{"event_type": {"@path": "$.event"}, }')
    page.get_by_role("button", name="What if?").click()
    page.get_by_text("This cannot be tried yet").wait_for()


def confirm(page: Page, console: str) -> None:
    """Go as far as the page before dead letters are sent again."""
    page.goto(f"{console}/dead")
    page.get_by_role("button", name="Send again…").first.click()
    page.get_by_role("heading", name="Would they pass now?").wait_for()


def event(message_id: str) -> Way:
    """Return the way to what the console says of one event."""

    def go(page: Page, console: str) -> None:
        page.goto(f"{console}/events?message={message_id}")
        address = page.locator("main td a[href*='/events/']").first.get_attribute("href")
        page.goto(f"{console.removesuffix('/console')}{address}")  # a click opens it in the list

    return go


PAGES: Final[dict[str, Way]] = {
    "live": at(""),
    "events": at("/events"),
    "event": event("ok-9"),
    "mappings": at("/mappings"),
    "mapping": at("/mappings/europe/0"),
    "mapping-mistake": mistake,
    "what-if": what_if,
    "test": at("/mappings/test"),
    "test-event": at("/mappings/test?message=refused"),
    "destinations": at("/destinations"),
    "destinations-day": at("/destinations?range=day"),
    "dead": at("/dead"),
    "dead-letters": at("/dead/letters"),
    "dead-letter": at("/dead/1"),
    "dead-confirm": confirm,
    "settings": at("/settings"),
    "person": at("/events/timeline?user=ken-17"),
    "not-there": at("/nothing"),
}
"""Every page of the console that one sees signed in."""


def opened(path: str) -> Way:
    """Return the way to a page with its first part opened."""

    def go(page: Page, console: str) -> None:
        page.goto(console + path)
        page.locator("main details").first.evaluate("one => { one.open = true; }")

    return go


def fate(message_id: str) -> tuple[Way, str]:
    """Return the way to the events with a message id, and where their list is."""
    return at(f"/events?message={message_id}"), "main section.panel >> nth=-1"


WALK_THROUGH: Final[dict[str, tuple[Way, str]]] = {
    "search": (at("/events?user=ken-17&name=Order+Sent"), "main"),
    "no-trigger": fate("no-trigger"),
    "no-trigger-why": (opened("/mappings/test?message=no-trigger"), "main details >> nth=0"),
    "no-name": fate("no-name"),
    "switched-off": fate("switched-off"),
    "refused": fate("refused"),
    "refused-again": (confirm, "main section.panel >> nth=0"),
    "waiting": fate("waiting"),
    "waiting-why": (at("/destinations"), "main .notice >> nth=0"),
    "duplicate": (at("/events?message=ok-1"), "main section.panel >> nth=-1"),
}
"""Pictures of docs/where-is-my-event.md: the way to each, and what of the page is in it."""
NARROW: Final = (820, 700)


def walk_through(site: ConsoleSite, page: Page, folder: Path) -> Iterator[Path]:
    """Yield the pictures of the walk-through as they are written."""
    for name, (go, part) in WALK_THROUGH.items():
        go(page, f"{site.url}/console")
        path = folder / f"{name}.png"
        page.locator(part).screenshot(path=path)
        yield path


def pictures(site: ConsoleSite, page: Page, folder: Path, ways: Mapping[str, Way]) -> Iterator[Path]:
    """Yield a picture of each whole page as it is written."""
    for name, go in ways.items():
        go(page, f"{site.url}/console")
        page.evaluate("scrollTo(0, 0)")
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        yield path


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "dist" / "screenshots")
    parser.add_argument("--only", nargs="*", choices=list(PAGES), help="Only these pages.")
    parser.add_argument("--looks", nargs="*", choices=list(LOOKS), default=list(LOOKS))
    parser.add_argument("--walk-through", action="store_true", help="Only the pictures in docs/pictures.")
    asked = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_amplitude() as amplitude,
        console_site(Path(folder), amplitude, with_a_day=True) as site,
        sync_playwright() as playwright,
    ):
        tell(site)
        browser = playwright.chromium.launch(**launch_options(playwright.chromium))
        for path in _taken(browser, site, asked):
            print(path)
        browser.close()


def _taken(browser: Browser, site: ConsoleSite, asked: argparse.Namespace) -> Iterator[Path]:
    """Yield the pictures that are asked for."""
    if asked.walk_through:
        with _page(browser, "light", NARROW) as page:
            sign_in(page, site)
            yield from walk_through(site, page, ROOT / "docs" / "pictures")
        return
    ways = {name: go for name, go in PAGES.items() if not asked.only or name in asked.only}
    for look in asked.looks:
        into = asked.to / look
        into.mkdir(parents=True, exist_ok=True)
        with _page(browser, *LOOKS[look]) as page:
            if not asked.only:
                yield from pictures(site, page, into, {"sign-in": at("/sign-in")})
            sign_in(page, site)
            yield from pictures(site, page, into, ways)


@contextmanager
def _page(browser: Browser, scheme: Literal["light", "dark"], size: tuple[int, int]) -> Iterator[Page]:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


if __name__ == "__main__":
    main()
