"""The browsers that every test here runs in: pytest-playwright's fixtures, with this machine's browsers.

They last as long as this folder's tests run: while Playwright is up its event loop is, too, and in a thread
with a running loop no asynchronous test of other folders could run.
"""

from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Playwright, expect, sync_playwright

from tests.browser.browsers import NOTHING_EMULATED, launch_options, webkit
from tests.browser.enriched_shop import CODE, enriched_shop
from tests.browser.shop_page import Shop, fresh, shop
from tests.support.waiting import PATIENCE_S


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run in one browser, in turns by the test's name, what need not be seen in each.

    That is what is marked ``either_browser``, and stock Pyodide, which takes seconds on every page. What a
    page does is the same with either runtime; that stock Pyodide itself works in every browser is seen by
    the tests that are marked ``every_browser``, and by those that need no page of the shop.
    """
    browsers = config.option.browser
    left_out = [item for item in items if _is_left_out(item, browsers)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _is_left_out(item: pytest.Item, browsers: list[str]) -> bool:
    given = getattr(getattr(item, "callspec", None), "params", {})
    browser = given.get("browser_name")
    stock = "pyodide" in (given.get("running"), given.get("demo"))
    by_stock = stock and not item.get_closest_marker("every_browser")
    if browser not in browsers or not (by_stock or item.get_closest_marker("either_browser")):
        return False
    name = item.nodeid.replace(browser, "")
    turns = [browsers[0], *browsers]  # the first more often: a page in Firefox takes twice of Chromium's time
    return bool(browser != turns[crc32(name.encode()) % len(turns)])


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver; what a test expects of a page has as long to come as all that tests wait for."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser_type(playwright: Playwright, browser_name: str) -> BrowserType:
    """Chromium, then Firefox, then WebKit where Playwright's own is to be had."""
    kind: BrowserType = getattr(playwright, browser_name)
    return kind


@pytest.fixture(scope="package")
def launch_browser(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
) -> Callable[..., Browser]:
    """Return what starts the browser: Playwright's own where it is, else the system's."""

    def launch(**options: Any) -> Browser:
        return browser_type.launch(**{**launch_options(browser_type), **browser_type_launch_args, **options})

    return launch


@pytest.fixture(scope="package")
def browser(launch_browser: Callable[..., Browser]) -> Iterator[Browser]:
    """The running browser."""
    running = launch_browser()
    yield running
    running.close()


@pytest.fixture
def driver(pytestconfig: pytest.Config) -> Iterator[Any]:
    """WebKitGTK by its own driver, unless Playwright has a WebKit, which then runs every test here."""
    if "webkit" in pytestconfig.option.browser:
        pytest.skip("Playwright's own WebKit runs every test here")
    with webkit() as running:
        yield running


@pytest.fixture(scope="package", params=["frozen", "pyodide"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Pages, forwarder and Amplitude's stand-in; Python in the pages by either runtime."""
    with shop(tmp_path_factory.mktemp("shop"), request.param) as one:
        yield one


@pytest.fixture
def clean(running: Shop) -> Shop:
    """The same with nothing received and nothing said yet."""
    running.amplitude.items.clear()
    running.seen.clear()
    return running


@pytest.fixture(scope="package")
def browser_context_args(browser_name: str) -> dict[str, Any]:
    """What every context is made with."""
    return NOTHING_EMULATED if browser_name == "firefox" else {}


@pytest.fixture(scope="package")
def optional_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Pages with an owner's own Python, and a forwarder with the same."""
    yield from enriched_shop(tmp_path_factory.mktemp("optional"), False, f'enrich = "{CODE}"')


@pytest.fixture(scope="package")
def required_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The forwarder has no code: what a page lets out is what arrives."""
    yield from enriched_shop(tmp_path_factory.mktemp("required"), True, "")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A context that knows nothing yet."""
    with fresh(browser) as one:
        yield one
