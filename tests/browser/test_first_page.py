"""The documentation's first page: copied as it stands, its events reach Amplitude in a session."""

import re

from playwright.sync_api import Browser

from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, initialized, opened
from tests.support.processes import ROOT

[PAGE] = re.findall(
    r'^```html title="index.html"\n(.*?)^```',
    (ROOT / "docs" / "index.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


@EITHER_BROWSER
@ONE_RUNTIME
def test_the_first_page_works_as_it_stands(clean: Shop, browser: Browser) -> None:
    page = PAGE.replace("http://127.0.0.1:8300", clean.forwarder.url).replace('"demo"', '"web-key"')
    assert page.count(clean.forwarder.url) == page.count('"web-key"') == 1
    clean.site.pages["/index.html"] = page
    with opened(browser, clean, f"{clean.site.url}/index.html") as tab:
        initialized(tab)
        tab.get_by_role("button").click()
        [clicked] = clean.arrived("Clicked")
        assert clicked["session_id"] == tab.evaluate("+localStorage.getItem('analytics_session_id')")
        assert "goes on" in tab.evaluate("analyticsSession.explain()")
