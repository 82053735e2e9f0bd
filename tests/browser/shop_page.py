"""A page with the standard Analytics.js snippet, a forwarder that serves it, and what Amplitude received."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.site import Site, serving
from tests.support import patient
from tests.support.configuration import configuration
from tests.support.forwarder import Running, forwarder
from tests.support.processes import ROOT
from tests.support.receiver import Receiver, receiver
from tests.support.waiting import PATIENCE_S, eventually

ONE_RUNTIME = pytest.mark.parametrize("running", ["frozen"], indirect=True)
"""For tests of what the page does whoever answers: stock Pyodide takes seconds on every page."""
EITHER_BROWSER = pytest.mark.either_browser
"""For tests of what our own code does with values: it is the same in each browser, so one of them sees it."""
MINUTE = 60_000
CLOCK = "<script>var today = Date.now, ahead = 0; Date.now = () => today() + ahead;</script>"
"""A page's clock, which goes ``ahead`` by so many milliseconds."""
SNIPPET = """
(function () {
  var analytics = (window.analytics = window.analytics || []);
  analytics.invoked = true;
  analytics.methods = "identify reset group track ready alias page screen once off on register".split(" ");
  analytics.factory = function (name) {
    return function () {
      if (window.analytics.initialized) return window.analytics[name].apply(window.analytics, arguments);
      analytics.push([name].concat(Array.prototype.slice.call(arguments)));
      return analytics;
    };
  };
  analytics.methods.forEach(function (name) { analytics[name] = analytics.factory(name); });
  analytics._cdn = "CDN";
  analytics._writeKey = "web-key";
  analytics._loadOptions = LOAD;
  var script = document.createElement("script");
  script.async = true;
  script.dataset.globalSegmentAnalyticsKey = "analytics";
  script.src = "FORWARDER/analytics.js/v1/web-key/analytics.min.js";
  document.head.append(script);
})();
"""


@dataclass
class Shop:
    """Where pages, forwarder and receiver are."""

    site: Site
    forwarder: Running
    amplitude: Receiver
    runtime: str
    """How pages run Python: ``frozen`` or ``pyodide``."""
    seen: list[str] = field(default_factory=list)
    """What the browser's console said."""

    def page(self, name: str, *, before: str = "", after: str = "", load: str = "{}", cdn: str = "") -> str:
        """Put a page on the site: tags before and after the standard snippet; return its address.

        ``cdn``: where Analytics.js fetches its settings; the forwarder unless given.
        """
        snippet = SNIPPET.replace("CDN", cdn or self.forwarder.url).replace("LOAD", load)
        self.site.pages[f"/{name}.js"] = snippet.replace("FORWARDER", self.forwarder.url)
        self.site.pages[f"/{name}"] = (
            f'<!doctype html><meta charset="utf-8"><title>{name}</title>'
            f'<link rel="icon" href="data:,">{before}<script src="/{name}.js"></script>{after}'
        )
        self.site.types[f"/{name}"] = "text/html; charset=utf-8"
        return f"{self.site.url}/{name}"

    def without_plugin(self) -> str:
        """Return a CDN whose settings document brings no plugin: another company's workspace."""
        host = self.forwarder.url.partition("://")[2]
        self.site.pages["/v1/projects/web-key/settings"] = (
            '{"integrations": {"Segment.io": {"apiKey": "web-key", "protocol": "http", '
            f'"apiHost": "{host}/v1"}}}}, "metrics": {{"sampleRate": 0}}}}'
        )
        self.site.types["/v1/projects/web-key/settings"] = "application/json"
        return self.site.url

    def tag(self, attributes: str = "") -> str:
        """Return the plugin's script tag; attributes as ``session-length="5"``, without ``data-``."""
        data = re.sub(r"([\w-]+=)", r"data-\1", attributes)
        source = f'src="{self.forwarder.url}/p/session-plugin.js"'
        return f'<script {source} data-runtime="{self.runtime}" {data}></script>'

    def tagged(self, name: str, attributes: str, after: str = "") -> str:
        """Put a page on the site whose plugin comes by script tag, with settings; return its address."""
        return self.page(name, before=self.tag(attributes), after=after, cdn=self.without_plugin())

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what Amplitude received under one name."""
        return [event for event in self.amplitude.events() if event["event_type"] == name]

    def arrived(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for that many events of one name, and return them."""
        assert eventually(lambda: len(self.events(name)) >= count), (name, self.amplitude.events(), self.seen)
        return self.events(name)


@contextmanager
def shop(
    folder: Path, runtime: str = "frozen", headers: dict[str, str] | None = None, assign: str = "off"
) -> Iterator[Shop]:
    """Run receiver, forwarder and site; ``headers``: of the site's pages.

    ``assign``: whose events the forwarder gives sessions; nobody's, so that what the page does is seen.
    """
    with receiver() as amplitude:
        config = folder / "forwarder.toml"
        server = {"assets": ROOT / "dist", "operator_token": "an-operators-token"}
        session = {"runtime": runtime, "assign": assign}
        config.write_text(configuration(amplitude=amplitude.url, server=server, session=session))
        site = Site(folder / "site", headers=headers or {})
        with forwarder(config) as running, serving(site):
            yield Shop(site, running, amplitude, runtime)


@contextmanager
def opened(browser: Browser, running: Shop, url: str = "", **options: Any) -> Iterator[Page]:
    """Open a page in a context of its own; what its console says is kept."""
    with fresh(browser, **options) as context:
        page = context.new_page()
        page.on("console", lambda said: running.seen.append(said.text))
        if url:
            page.goto(url)
        yield page


@contextmanager
def fresh(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Make a context that knows nothing yet."""
    if browser.browser_type.name == "firefox":  # the system's Firefox knows nothing of these emulations
        options |= dict.fromkeys(("color_scheme", "reduced_motion", "forced_colors", "contrast"), "null")
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_S * 1000)
    try:
        yield context
    finally:
        context.close()


def session(page: Page) -> dict[str, Any]:
    """Return what a person in devtools sees of ``analyticsSession``."""
    said: dict[str, Any] = page.evaluate(
        "({...analyticsSession, explained: analyticsSession.explain(),"
        " stored: +localStorage.getItem('analytics_session_id')})"
    )
    return said


def python(page: Page) -> str:
    """Wait until Python is up or known not to be, and return its state.

    Analytics.js may be up later: until it is ``initialized``, its calls return no events.
    """
    state = "window.analyticsSession?.python ?? 'starting'"
    assert eventually(lambda: page.evaluate(state) != "starting", 2 * PATIENCE_S)
    said: str = page.evaluate(state)
    return said


def initialized(page: Page) -> None:
    """Wait until Analytics.js is up and has made the calls that were made before it was.

    It makes them in tasks of their own, after it says that it is up. Until then a click's call goes before
    them, in Firefox as a rule; and what is called before is lost if the page is left before.
    """
    assert eventually(lambda: page.evaluate("!!window.analytics?.initialized"))
    page.evaluate("new Promise((done) => setTimeout(done))")


def warned(page: Page, running: Shop, text: str) -> bool:
    """Wait until the page's console has said something; tell whether it has."""

    def said() -> bool:
        page.title()  # only while the page is asked are its console's lines dealt out
        return any(text in line for line in running.seen)

    return eventually(said)


def reported(running: Shop, kind: str) -> float:
    """Return how often pages have reported this to the forwarder."""
    headers = {"Authorization": "Bearer an-operators-token"}
    said = patient.get(f"{running.forwarder.url}/metrics", headers=headers).raise_for_status().text
    counts = re.findall(rf'page_reports_total{{kind="{kind}"}} (\S+)', said)
    return float(counts[0]) if counts else 0
