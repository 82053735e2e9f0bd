"""Python's module is on its way before the browser is idle; Python itself starts no sooner for that."""

import pytest
from playwright.sync_api import Browser

from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, fresh, initialized
from tests.support.waiting import eventually

NEVER_IDLE = "window.requestIdleCallback = (start) => { window.idle = start; };"


@EITHER_BROWSER
@ONE_RUNTIME
@pytest.mark.parametrize("start", ["idle", "off"])
def test_the_module_comes_before_the_browser_is_idle(clean: Shop, browser: Browser, start: str) -> None:
    with fresh(browser) as context:
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        context.add_init_script(NEVER_IDLE)
        page = context.new_page()
        page.goto(clean.tagged(f"early-{start}", f'start-python="{start}"'))
        initialized(page)
        assert eventually(lambda: page.evaluate("!!window.idle"))
        if start == "off":
            assert not any("/core-" in url for url in asked)
        else:
            assert eventually(lambda: page.evaluate("1") and any("/core-" in url for url in asked))
            assert page.evaluate("analyticsSession.python") == "starting"
            page.evaluate("idle()")
            assert eventually(lambda: page.evaluate("analyticsSession.python") == "ready", 60)
            assert sum("/core-" in url for url in asked) == 1, "it is asked for once"
