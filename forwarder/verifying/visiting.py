"""One visit: a browser context opens the page and tries what visitors do. No event leaves the browser.

The page's events are read as the page sends them and answered by the browser's driver, so that real figures
stay clean; everything else goes its usual way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forwarder.errors import ForwarderError
from forwarder.verifying.observation import PLUGIN, PROBE, Failure, Look, SeenEvent, SettingsDocument, Visit
from forwarder.verifying.steps import AROUND_IDLE, REFUSED, SUBDOMAIN
from forwarder.verifying.waiting import SOON_S, quiet, until
from forwarder.verifying.watching import read_message, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

_LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
_SETTINGS = re.compile(r"/projects/[^/]+/settings/?(\?|$)")
_LOADED_S = 0.4
"""How long a page that has loaded is given to send what it sends by itself; seconds."""
_A_MINUTE_MS = 60_000
_TRACK = """([name, event, step, integrations]) => {
  window[name].track(event, { step }, { integrations });
}"""
_TRACK_LEAVING = """([name, event, step]) => {
  addEventListener("pagehide", () => window[name].track(event, { step }));
}"""
_NOTHING_EMULATED: dict[str, Any] = dict.fromkeys(
    ("color_scheme", "reduced_motion", "forced_colors", "contrast"), "null"
)
"""For the system's Firefox, which knows nothing of these emulations."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a check. ``name``: of Analytics.js on the page; ``timeout``: seconds for its start."""

    subdomain: str = ""
    """A second page that is to share the session."""
    consent: str = ""
    """A selector of the button that gives consent."""
    name: str = "analytics"
    timeout: float = 10.0
    ignore_https_errors: bool = False


class UnvisitedError(ForwarderError):
    """A page that could not be checked to the end."""


def visit(browser: Browser, url: str, options: Options | None = None) -> Visit:
    """Open the page in a context of its own, try everything, and return what was seen.

    Raises UnvisitedError where the page cannot be opened, or goes elsewhere all the time.
    """
    from playwright.sync_api import Error

    options = options or Options()
    seen = Visit(url, browser.browser_type.name, consented=bool(options.consent))
    emulated = _NOTHING_EMULATED if seen.browser == "firefox" else {}
    context = browser.new_context(ignore_https_errors=options.ignore_https_errors, **emulated)
    visitor = _Visitor(context, seen, options)
    try:
        visitor.go()
    except Error as error:
        first = str(error).strip().splitlines()[0]
        raise UnvisitedError(f"{url} in {seen.browser}, at the step {visitor.reached!r}: {first}") from None
    finally:
        context.close()
    return seen


class _Visitor:
    """The visitor who opens the pages. ``step``: what is being tried."""

    def __init__(self, context: BrowserContext, seen: Visit, options: Options) -> None:
        self._context, self._seen, self._options = context, seen, options
        self.step = "arrival"
        self.reached = "arrival"
        """The last step that was begun."""
        watch(context)

    def go(self) -> None:
        page = self._opened(self._seen.url)
        if self._options.consent:
            self._give_consent(page)
        self._arrive(page)
        if not self._seen.first_look.initialized:
            return
        self._try(page, "event")
        if PLUGIN not in self._seen.first_look.plugins:
            return
        self._await_python(page)
        for step, name in zip(REFUSED, ("Actions Amplitude", "Amplitude (Actions)"), strict=True):
            self._try(page, step, {name: False})
        with self._trying("reload"):
            page.reload()
            self._wait_for_start(page)
        self._try(page, "reload")
        self._in_another_tab(self._seen.url, "tab")
        if self._options.subdomain:
            self._in_another_tab(self._options.subdomain, SUBDOMAIN)
        self._leave(page)
        self._idle(page)

    def _opened(self, url: str) -> Page:
        page = self._context.new_page()
        page.on("console", self._console)
        page.on("response", self._response)
        page.on("requestfailed", self._failed)
        page.goto(url, wait_until="domcontentloaded")
        return page

    def _console(self, message: ConsoleMessage) -> None:
        said = read_message(message, self.step)
        if isinstance(said, SeenEvent):
            self._seen.events.append(said)
        elif said:
            self._seen.violations.append(said)

    def _response(self, response: Response) -> None:
        if _SETTINGS.search(response.url) and self._seen.settings is None:
            self._seen.settings = SettingsDocument(response.url, response.status)
        if response.status >= 400:
            self._seen.failures.append(Failure(response.url, f"answered with {response.status}"))

    def _failed(self, request: Request) -> None:
        self._seen.failures.append(Failure(request.url, f"failed: {request.failure or 'no answer'}"))

    def _give_consent(self, page: Page) -> None:
        with self._trying("consent"):
            quiet(page, self._seen.events, least=2.0)
            self._look(page)
            page.click(self._options.consent, timeout=self._options.timeout * 1_000)

    def _arrive(self, page: Page) -> None:
        self._wait_for_start(page)
        quiet(page, self._seen.events, least=_LOADED_S)
        if self._seen.settings:
            self._seen.settings = self._read_settings(self._seen.settings)
        self._look(page)

    def _read_settings(self, document: SettingsDocument) -> SettingsDocument:
        """Fetch the document again, outside the page: not all browsers show what a response held."""
        try:
            said = self._context.request.get(document.url, timeout=self._options.timeout * 1_000).json()
            plugins = said.get("remotePlugins") or []
            names = tuple(str(one.get("name")) for one in plugins if "session" in str(one.get("url")))
        except Exception:  # whatever it is, it is no settings document
            return document
        return SettingsDocument(document.url, document.status, names)

    def _wait_for_start(self, page: Page) -> None:
        """Wait for Analytics.js, then for the plugin, as long as they may take."""
        name = json.dumps(self._options.name)
        started = f"window[{name}]?.initialized === true"
        ours = f"(one) => (one.action || one).name === {json.dumps(PLUGIN)}"
        registered = f"{started} && window[{name}].queue.plugins.some({ours})"
        asked = bool(self._options.consent) and self.step != "arrival"

        def has_started() -> bool:
            nonlocal asked
            asked = asked and not self._consented_again(page)
            return bool(page.evaluate(started))

        if until(page, has_started, self._options.timeout):
            until(page, lambda: bool(page.evaluate(registered)), self._options.timeout / 2)

    def _consented_again(self, page: Page) -> bool:
        """Click the banner's button if the page asks once more; tell whether it did."""
        button = page.locator(self._options.consent).first
        if not button.is_visible():
            return False
        button.click()
        return True

    def _await_python(self, page: Page) -> None:
        state = "analyticsSession.python"
        until(page, lambda: page.evaluate(state) != "starting", self._options.timeout)
        with self._trying("event"):
            self._look(page)

    def _try(self, page: Page, step: str, integrations: dict[str, object] | None = None) -> None:
        """Have the page track one event, wait until it is sent, and look."""
        with self._trying(step):
            page.evaluate(_TRACK, [self._options.name, PROBE, step, integrations or {}])
            until(page, lambda: self._seen.probe(step) is not None, SOON_S)
            quiet(page, self._seen.events)
            self._look(page)

    def _in_another_tab(self, url: str, step: str) -> None:
        with self._trying(step):
            page = self._opened(url)
            self._wait_for_start(page)
        self._try(page, step)
        page.close()

    def _leave(self, page: Page) -> None:
        with self._trying("leaving"):
            page.evaluate(_TRACK_LEAVING, [self._options.name, PROBE, "leaving"])
            with page.expect_navigation(wait_until="domcontentloaded"):
                page.evaluate("void location.reload()")  # by the page itself, as a link of its own does
            until(page, lambda: self._seen.probe("leaving") is not None, 1.0)
            self._wait_for_start(page)
            quiet(page, self._seen.events)

    def _idle(self, page: Page) -> None:
        """Move the page's clock to both sides of the moment at which the session ends."""
        within, after = AROUND_IDLE
        with self._trying(within):
            look = self._look(page)
            if look.expires_at is None:
                return
            page.clock.set_system_time((look.expires_at - _A_MINUTE_MS) / 1_000)
        self._try(page, within)
        self._seen.looks[within] = look
        with self._trying(after):
            expires = self._look(page).expires_at or look.expires_at
            page.clock.set_system_time((expires + _A_MINUTE_MS) / 1_000)
        self._try(page, after)

    @contextmanager
    def _trying(self, step: str) -> Iterator[None]:
        before, self.step = self.step, step
        self.reached = step
        try:
            yield
        finally:
            self.step = before

    def _look(self, page: Page) -> Look:
        said: dict[str, Any] = page.evaluate(_LOOK, self._options.name)
        lists: dict[str, Any] = {name: tuple(said.pop(name)) for name in ("plugins", "scripts")}
        look = Look(**said, **lists)
        self._seen.looks[self.step] = look
        return look
