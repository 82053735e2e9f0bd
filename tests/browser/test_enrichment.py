"""An owner's own Python in real pages: each event is enriched once; what is required sees all that leaves."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route

from browser_plugin import dist
from browser_plugin.owner.source import OwnerCode
from browser_plugin.owner_freeze.page import OwnCode
from tests.browser.shop_page import EITHER_BROWSER, Shop, fresh, initialized
from tests.browser.site import Site, serving
from tests.support.forwarder import forwarder
from tests.support.processes import ROOT
from tests.support.receiver import receiver
from tests.support.waiting import eventually

CODE = ROOT / "tests" / "browser" / "shop_enrichment.py"
SECRET = "bob@example.com"
WAIT_MS = 60_001
MINIMAL = ("event", "anonymousId")
CONFIG = """
[server]
assets = "{assets}"
[session]
startPython = "now"
[[sources]]
name = "web"
write_key = "web-key"
{enrich}
[[destinations]]
name = "amplitude"
base_url = "{amplitude}"
linger_ms = 10
[destinations.settings]
apiKey = "k"
"""
MODULES = "**/enrichment-*.wasm"


def assets(folder: Path, own: OwnCode) -> Path:
    """Build the page's files with an owner's code beside what is built without."""
    page = folder / "dist" / "page"
    built = ROOT / "dist" / "page"
    shutil.copytree(
        built, page, ignore=shutil.ignore_patterns("pyodide", "session-plugin.*", "later-*", "stock-*")
    )
    (folder / "dist" / "analytics.js").symlink_to(ROOT / "dist" / "analytics.js")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dist, "CACHE", folder / "build")
        dist.bundle(json.loads((page / "core.json").read_text()), page, own)
    return folder / "dist"


def shop(folder: Path, required: bool, enrich: str) -> Iterator[Shop]:
    own = OwnCode(OwnerCode.read(CODE), "code", required, MINIMAL if required else (), WAIT_MS)
    with receiver() as amplitude:
        config = folder / "forwarder.toml"
        text = CONFIG.format(assets=assets(folder, own), amplitude=amplitude.url, enrich=enrich)
        config.write_text(text)
        site = Site(folder / "site")
        with forwarder(config) as running, serving(site):
            yield Shop(site, running, amplitude, "frozen")


@pytest.fixture(scope="package")
def optional_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    yield from shop(tmp_path_factory.mktemp("optional"), False, f'enrich = "{CODE}"')


@pytest.fixture(scope="package")
def required_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The forwarder has no code: what a page lets out is what arrives."""
    yield from shop(tmp_path_factory.mktemp("required"), True, "")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with fresh(browser) as one:
        yield one


def opened(context: BrowserContext, running: Shop, name: str = "shop") -> Page:
    running.amplitude.items.clear()
    running.amplitude.requests.clear()
    page = context.new_page()
    page.on("console", lambda said: running.seen.append(said.text))
    page.goto(running.page(name))
    initialized(page)
    return page


def up(page: Page) -> None:
    """Wait until the owner's Python answers."""
    assert eventually(lambda: page.evaluate("window.analyticsSession?.enrichment?.python") == "ready", 60)


def track(page: Page, *names: str) -> None:
    page.evaluate(
        "([names, email]) => { for (const name of names) analytics.track(name, { email }); }",
        [list(names), SECRET],
    )


def properties(running: Shop, name: str) -> dict[str, object]:
    [event] = running.arrived(name)
    found: dict[str, object] = event["event_properties"]
    return found


@EITHER_BROWSER
def test_each_event_is_enriched_once_whatever_the_code_does(
    context: BrowserContext, optional_shop: Shop
) -> None:
    page = opened(context, optional_shop)
    up(page)
    track(page, "Plain", "Dropped", "Raises", "Nonsense", "Rare", "Last")
    assert properties(optional_shop, "Last") == {"enriched": 1, "path": "/shop"}
    assert properties(optional_shop, "Plain") == {"enriched": 1, "path": "/shop"}
    assert properties(optional_shop, "Rare") == {"enriched": 1, "path": "/shop", "digest": "0909377a"}
    for name in ("Raises", "Nonsense"):
        assert properties(optional_shop, name) == {"email": SECRET}, "it is as it was"
    assert not optional_shop.events("Dropped")
    shown = page.evaluate("analyticsSession.enrichment")
    assert (shown["enriched"], shown["dropped"], shown["failed"]) == (3, 1, 2)
    assert shown["python"] == "ready, whole", "a path that no profile saw brought the whole module"
    assert any("the whole module is brought" in said for said in optional_shop.seen)


@EITHER_BROWSER
def test_what_the_page_does_not_reach_the_forwarder_does(
    context: BrowserContext, optional_shop: Shop
) -> None:
    context.route(MODULES, lambda route: route.abort())
    page = opened(context, optional_shop)
    track(page, "Blocked", "Dropped")
    track(page, "After")
    for name in ("Blocked", "After"):
        assert properties(optional_shop, name) == {"enriched": 1, "path": "/shop"}
    assert not optional_shop.events("Dropped")


@EITHER_BROWSER
def test_code_that_takes_too_long_is_asked_no_more(context: BrowserContext, optional_shop: Shop) -> None:
    page = opened(context, optional_shop)
    up(page)
    page.evaluate(
        "const now = performance.now.bind(performance); let n = 0; performance.now = () => now() + 300 * n++;"
    )
    track(page, "One", "Two", "Three", "Four")
    for name in ("One", "Two", "Three", "Four"):
        assert properties(optional_shop, name) == {"enriched": 1, "path": "/shop"}
    shown = page.evaluate("analyticsSession.enrichment")
    assert shown["python"] == "unavailable: over 250 ms for an event"
    assert (shown["enriched"], shown["passed"]) == (3, 1)


SOONER = f"""
const real = setTimeout;
window.setTimeout = (work, ms, ...more) => real(work, ms === {WAIT_MS} ? 300 : ms, ...more);
"""


def watched(context: BrowserContext) -> list[str]:
    """Return where everything that pages send is put."""
    sent: list[str] = []

    def remember(request: Request) -> None:
        sent.append(request.url + (request.post_data or ""))

    context.on("request", remember)
    return sent


def test_what_is_required_waits_for_python(
    context: BrowserContext, required_shop: Shop, browser_name: str
) -> None:
    sent = watched(context)
    waiting: list[Route] = []
    released = False
    context.route(MODULES, lambda route: route.continue_() if released else waiting.append(route))
    page = opened(context, required_shop)
    track(page, "Early", "Raises", "Dropped")
    assert eventually(lambda: page.evaluate("1") and waiting)
    released = True
    waiting.pop().continue_()
    up(page)
    track(page, "Late")
    for name in ("Early", "Late"):
        assert properties(required_shop, name) == {"enriched": 1, "path": "/shop"}
    [minimal] = required_shop.arrived("Raises")
    assert not minimal.get("event_properties")
    assert not required_shop.events("Dropped")
    if browser_name == "chromium":  # Firefox' driver does not tell of these requests' bodies
        assert "Early" in str(sent)
    assert SECRET not in str(sent)
    assert SECRET not in str(required_shop.amplitude.requests), "nothing else takes it out on the way"


@EITHER_BROWSER
@pytest.mark.parametrize("why", ["module", "webassembly", "time"])
def test_without_python_only_listed_fields_leave(
    context: BrowserContext, required_shop: Shop, why: str
) -> None:
    sent = watched(context)
    context.route(MODULES, lambda route: None if why == "time" else route.abort())
    if why == "webassembly":
        context.add_init_script("delete window.WebAssembly")
    if why == "time":
        context.add_init_script(SOONER)
    page = opened(context, required_shop)
    track(page, "Early")
    if why != "time":
        assert eventually(lambda: "unavailable" in page.evaluate("analyticsSession.enrichment?.python ?? ''"))
    track(page, "Late")
    for name in ("Early", "Late"):
        [minimal] = required_shop.arrived(name)
        assert not minimal.get("event_properties")
    assert SECRET not in str(sent)


def test_events_of_a_page_that_was_left_wait_for_the_next(
    context: BrowserContext, required_shop: Shop
) -> None:
    sent = watched(context)
    blocked = True

    def held(route: Route) -> None:
        if not blocked:
            route.continue_()

    context.route(MODULES, held)
    page = opened(context, required_shop, "first")
    track(page, "Left")
    page.goto("about:blank")
    assert not required_shop.events("Left")
    assert SECRET not in str(sent)
    blocked = False
    next_page = opened(context, required_shop, "second")
    up(next_page)
    assert properties(required_shop, "Left") == {"enriched": 1, "path": "/first"}
    assert SECRET not in str(sent)
    assert next_page.evaluate("Object.keys(localStorage).filter((key) => key.includes('held')).length") == 0
