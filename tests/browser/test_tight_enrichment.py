"""An owner's Python at the level ``tight`` in a real page: what no profile saw is left out, data as well."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext

from browser_plugin.owner.source import OwnerCode
from browser_plugin.owner_freeze.page import OwnCode
from tests.browser.enriched_shop import opened, shop_with, up
from tests.browser.shop_page import Shop
from tests.support.processes import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "page_categories.py"
PAGES = {
    "products/kettle": "product",
    "category/mugs": "listing",
    "cart": "checkout",
    "account/orders": "account",
    "blog/2026/a-better-cup": "content",
    "impressum": "other",
}
STRANGE = {"list": [1, 2.5, None, True, "ü\u2028😀"], "deep": {"er": {"": [{}]}}, "page": "x" * 3_000}
"""Nothing like the events of the example's own tests."""

pytestmark = [pytest.mark.long, pytest.mark.apart]


@pytest.fixture(scope="module")
def tight_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Pages alone have the code: what arrives with a category got it there."""
    own = OwnCode(OwnerCode.read(EXAMPLE), "tight")
    yield from shop_with(tmp_path_factory.mktemp("tight"), own)


def test_pages_get_their_categories_and_strange_events_no_other_values(
    context: BrowserContext, tight_shop: Shop
) -> None:
    for path, category in PAGES.items():
        page = opened(context, tight_shop, path)
        up(page)
        page.evaluate("analytics.track('Seen', { given: 1 })")
        page.evaluate("(strange) => void analytics.track('Strange', strange)", STRANGE)
        page.evaluate("analytics.track('Categorized', { page_category: 'mine' })")
        [seen] = tight_shop.arrived("Seen")
        assert seen["event_properties"] == {"given": 1, "page_category": category}
        [strange] = tight_shop.arrived("Strange")
        assert strange["event_properties"] == {**STRANGE, "page_category": category}
        [own] = tight_shop.arrived("Categorized")
        assert own["event_properties"] == {"page_category": "mine"}
        shown = page.evaluate("analyticsSession.enrichment")
        assert shown["python"].startswith("ready"), shown
        assert (shown["enriched"], shown["failed"], shown["passed"]) == (3, 0, 0)
        page.close()


def test_what_the_code_drops_does_not_leave_the_page(context: BrowserContext, tight_shop: Shop) -> None:
    page = opened(context, tight_shop, "health/live")
    up(page)
    page.evaluate("analytics.track('Dropped')")
    page.wait_for_function("analyticsSession.enrichment.dropped === 1")
    assert not tight_shop.events("Dropped")
