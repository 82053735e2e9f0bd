"""A browser that blocks the plugin's files: the forwarder gives the same clicks the same sessions."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.shop_page import CLOCK, EITHER_BROWSER, MINUTE, initialized, opened, shop

CLICKS = (0, 4, 33, 62, 93, 94, 200)
"""Minutes at which the visitor clicks; 31 minutes of quiet end a session."""
SESSIONS = (0, 0, 0, 0, 93, 93, 200)
"""The minute at which each click's session began."""
BACK = 300 * MINUTE
CLICK = """async (n) =>
  (await analytics.track("Clicked", { n }, { timestamp: new Date(Date.now()) })).event"""


@EITHER_BROWSER
@pytest.mark.parametrize("blocked", [False, True], ids=["with the plugin", "blocked"])
def test_the_same_clicks_are_in_the_same_sessions(browser: Browser, tmp_path: Path, blocked: bool) -> None:
    with shop(tmp_path, assign="web") as clean, opened(browser, clean) as page:
        if blocked:
            page.route("**/p/**", lambda route: route.abort())
        page.goto(clean.page("clicks", before=CLOCK))
        page.evaluate(f"ahead = -{BACK}")
        initialized(page)
        for number, minutes in enumerate(CLICKS):
            page.evaluate(f"ahead = {minutes * MINUTE - BACK}")
            said = page.evaluate(CLICK, number)
            stamped = "session_id" in said.get("integrations", {}).get("Actions Amplitude", {})
            assert stamped is not blocked
        found = {one["event_properties"]["n"]: one for one in clean.arrived("Clicked", len(CLICKS))}
        assert len(found) == len(clean.events("Clicked")) == len(CLICKS)
    began = [found[number]["time"] for number in range(len(CLICKS))]
    heads = [CLICKS.index(minutes) for minutes in SESSIONS]
    ids = [found[number]["session_id"] for number in range(len(CLICKS))]
    assert [ids.index(one) for one in ids] == heads
    # A session's id is the time of its first event; to the plugin that is the moment at which it saw it.
    assert all(abs(ids[number] - began[head]) < MINUTE for number, head in enumerate(heads))
