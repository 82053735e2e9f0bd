"""Where an owner's own Python is required, nothing leaves a page that it has not seen."""

import pytest
from playwright.sync_api import BrowserContext, Route

from tests.browser.enriched_shop import MODULES, SECRET, WAIT_MS, opened, properties, track, up, watched
from tests.browser.shop_page import EITHER_BROWSER, Shop, initialized
from tests.support.waiting import eventually

HELD = "Object.keys(localStorage).filter((key) => key.includes('held')).length"
"""How many events that Python has not seen are on the device."""
SOONER = f"""
const real = setTimeout;
window.setTimeout = (work, ms, ...more) => real(work, ms === {WAIT_MS} ? 300 : ms, ...more);
"""


def test_what_is_required_waits_for_python(
    context: BrowserContext, required_shop: Shop, browser_name: str
) -> None:
    sent = watched(context)
    waiting: list[Route] = []
    released = False
    context.route(MODULES, lambda route: route.continue_() if released else waiting.append(route))
    page = opened(context, required_shop)
    track(page, "Early", "Raises", "Dropped")
    assert eventually(lambda: page.evaluate(HELD) == 3 and waiting)
    released = True
    waiting.pop().continue_()
    up(page)
    track(page, "Late")
    for name in ("Early", "Late"):
        assert properties(required_shop, name) == {"enriched": 1, "path": "/shop"}
    [minimal] = required_shop.arrived("Raises")
    assert not minimal.get("event_properties")
    assert not required_shop.events("Dropped")
    assert eventually(lambda: page.evaluate(HELD) == 0), "what has arrived, and what never will"
    if browser_name == "chromium":  # Firefox' driver does not tell of these requests' bodies
        assert str(sent).count('"event":"Early"') == 1
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


@pytest.mark.parametrize("early", [False, True], ids=["later", "before the second script"])
def test_events_of_a_page_that_was_left_wait_for_the_next(
    context: BrowserContext, required_shop: Shop, early: bool
) -> None:
    sent = watched(context)
    blocked = True

    def held(route: Route) -> None:
        if not blocked:
            route.continue_()

    context.route(MODULES, held)
    if early:
        context.route("**/later-*.js", held)
    page = opened(context, required_shop, "first")
    here = "Boolean(window.analyticsSession?.enrichment)"
    assert early or eventually(lambda: page.evaluate(here))
    track(page, "Left")
    assert eventually(lambda: page.evaluate(HELD) == 1), "on the device as soon as it is held"
    assert page.evaluate(here) is not early
    page.goto("about:blank")  # by which Firefox may cut off what a page does in `pagehide`
    assert not required_shop.events("Left")
    assert SECRET not in str(sent)
    blocked = False
    next_page = opened(context, required_shop, "second")
    up(next_page)
    assert properties(required_shop, "Left") == {"enriched": 1, "path": "/first"}
    assert SECRET not in str(sent)
    assert eventually(lambda: next_page.evaluate(HELD) == 0), "what has arrived is kept no longer"


LEAVE = """
(email) => addEventListener("pagehide", () => analytics.track("Leaving", { email, note: `by ${email}` }))
"""


def test_events_of_pagehide_are_seen_before_they_leave(context: BrowserContext, required_shop: Shop) -> None:
    sent = watched(context)
    page = opened(context, required_shop, "first")
    up(page)
    page.evaluate(LEAVE, SECRET)
    second = required_shop.page("second")
    page.evaluate(f"void (location.href = '{second}')")
    page.wait_for_url(second)
    initialized(page)
    assert properties(required_shop, "Leaving") == {"enriched": 1, "path": "/first", "note": "by"}
    assert SECRET not in str(sent)
    kept = "JSON.stringify(localStorage)"  # Python trapped on it: the next page has sent it
    assert eventually(lambda: SECRET not in page.evaluate(kept))
    assert SECRET not in str(required_shop.amplitude.requests)
