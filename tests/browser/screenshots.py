"""Pictures of every page of the console: light, dark, and as wide as a phone.

``python -m tests.browser.screenshots`` writes them into dist/screenshots; with ``--walk-through`` those of
docs/where-is-my-event.md, beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Page, sync_playwright

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
        page.locator("main a[href*='/events/']").first.click()

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
    "overview": at("/overview"),
    "dead": at("/dead"),
    "dead-letters": at("/dead/letters"),
    "dead-letter": at("/dead/1"),
    "dead-confirm": confirm,
    "not-there": at("/nothing"),
}
"""Every page of the console that one sees signed in."""


def pictures(
    site: ConsoleSite, page: Page, folder: Path, ways: dict[str, Way], *, whole: bool = True
) -> Iterator[Path]:
    """Yield a picture of each page as it is written. ``whole``: with what is below the window."""
    for name, go in ways.items():
        go(page, f"{site.url}/console")
        page.evaluate("scrollTo(0, 0)")
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=whole)
        yield path


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "dist" / "screenshots")
    parser.add_argument("--only", nargs="*", choices=list(PAGES), help="Only these pages.")
    parser.add_argument("--looks", nargs="*", choices=list(LOOKS), default=list(LOOKS))
    asked = parser.parse_args(arguments)
    ways = {name: go for name, go in PAGES.items() if not asked.only or name in asked.only}
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_amplitude() as amplitude,
        console_site(Path(folder), amplitude, with_a_day=True) as site,
        sync_playwright() as playwright,
    ):
        tell(site)
        browser = playwright.chromium.launch(**launch_options(playwright.chromium))
        for look in asked.looks:
            scheme, (width, height) = LOOKS[look]
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce"
            )
            page = context.new_page()
            signed_out = {"sign-in": at("/sign-in")}
            into = asked.to / look
            into.mkdir(parents=True, exist_ok=True)
            for path in pictures(site, page, into, {} if asked.only else signed_out):
                print(path)
            page.goto(site.sign_in_link())
            for path in pictures(site, page, into, ways):
                print(path)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
