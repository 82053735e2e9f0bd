"""An owner's own Python in real pages: each event is enriched once, whatever his code does."""

from playwright.sync_api import BrowserContext

from tests.browser.enriched_shop import MODULES, SECRET, opened, properties, track, up
from tests.browser.shop_enrichment import LOOPS
from tests.browser.shop_page import EITHER_BROWSER, Shop


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


@EITHER_BROWSER
def test_a_function_that_loops_blocks_the_page_and_costs_no_event(
    context: BrowserContext, optional_shop: Shop
) -> None:
    page = opened(context, optional_shop)
    up(page)
    page.evaluate(
        "window.longest = 0; let last = performance.now();"
        "const beat = () => { const now = performance.now(); longest = Math.max(longest, now - last);"
        " last = now; setTimeout(beat); }; beat();"
    )
    track(page, "Loops", "After")
    assert properties(optional_shop, "Loops") == {"enriched": 1, "path": "/shop", "looped": LOOPS}
    assert properties(optional_shop, "After") == {"enriched": 1, "path": "/shop"}
    assert page.evaluate("longest") > 250, "nothing interrupts it"
    shown = page.evaluate("analyticsSession.enrichment")
    assert (shown["enriched"], shown["failed"]) == (2, 0)
    assert shown["python"].startswith("ready"), "once does not count as too slow"
