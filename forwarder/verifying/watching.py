"""Reading the events that pages send, as they send them, and answering them in the browser's driver."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from forwarder.verifying.observation import SeenEvent, Violation

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Route

_WATCH = (Path(__file__).parent / "watch.js").read_text(encoding="utf-8")
_PREFIX = "forwarder-verify:"
"""What watch.js begins each of its messages on the console with."""
_MARKED = re.compile(r"[?&]forwarder-verify=1")


def watch(pages: BrowserContext | Page) -> None:
    """Have every page, from its next navigation on, show its events; none of them leaves the browser."""
    pages.add_init_script(_WATCH)
    pages.route(_MARKED, _answer)


def read_message(message: ConsoleMessage, step: str = "") -> SeenEvent | Violation | None:
    """Return what a message on the console holds; None for the page's own. ``step``: what is tried."""
    if not message.text.startswith(_PREFIX):
        return None
    said = json.loads(message.text.removeprefix(_PREFIX))
    if said["kind"] == "violation":
        return Violation(said["directive"], said["blocked"])
    return SeenEvent(said["event"], said["url"], step, leaving=said["leaving"])


def events_of(page: Page) -> list[SeenEvent]:
    """Watch a page, and return a list that fills with the events that it sends."""
    seen: list[SeenEvent] = []

    def keep(message: ConsoleMessage) -> None:
        said = read_message(message)
        if isinstance(said, SeenEvent):
            seen.append(said)

    watch(page)
    page.on("console", keep)
    return seen


def _answer(route: Route) -> None:
    """Answer an event as the tracking API would."""
    origin = route.request.headers.get("origin", "*")
    headers = {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"}
    asked = route.request.headers.get("access-control-request-headers")
    if asked:
        headers["access-control-allow-headers"] = asked
    route.fulfill(status=200, headers=headers, content_type="application/json", body='{"success": true}')
