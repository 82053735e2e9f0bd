"""A page that is left before the plugin's second script is there: its events go out all the same."""

import pytest
from playwright.sync_api import Browser

from tests.browser.shop_page import ONE_RUNTIME, Shop, initialized, opened
from tests.support.waiting import eventually

UNANSWERED = """<script>
  const real = fetch;
  window.fetch = (...words) => (/v1.t$/.test(words[0]) ? new Promise(() => {}) : real(...words));
</script>"""
"""Requests of Analytics.js end with the page: what arrives was sent by the plugin."""
BUSY = """<script>
  navigator.locks.request("analytics_session_id", () => new Promise(() => {}));
</script>"""
"""Another tab has its turn, so that an event that begins a session waits."""
STAMPED = "localStorage.getItem('analytics_session_id') !== null"
WAITS = "navigator.locks.query().then(({ pending }) => pending.length > 0)"


@ONE_RUNTIME
@pytest.mark.parametrize(
    ("before", "seen"), [("", STAMPED), (BUSY, WAITS)], ids=["on its way", "waiting for its turn"]
)
def test_what_is_tracked_before_the_second_script_arrives(
    clean: Shop, browser: Browser, before: str, seen: str
) -> None:
    with opened(browser, clean) as page:
        page.route("**/later-*.js", lambda route: None)
        page.goto(clean.page("left", before=before, after=UNANSWERED), wait_until="commit")
        initialized(page)
        page.evaluate("void analytics.track('Left')")
        assert eventually(lambda: page.evaluate(seen)), "from then on the plugin has it"
        page.evaluate("void (location.href = 'about:blank')")
        page.wait_for_url("about:blank")
        [event] = clean.arrived("Left")
        assert event["session_id"] > 0
