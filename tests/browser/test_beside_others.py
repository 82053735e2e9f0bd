"""Beside another session plugin, Segment's own among them, what is set for ours holds."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.segments_plugin import workspace
from tests.browser.shop_page import (
    CLOCK,
    EITHER_BROWSER,
    MINUTE,
    ONE_RUNTIME,
    Shop,
    initialized,
    opened,
    session,
)
from tests.support.waiting import eventually

pytestmark = ONE_RUNTIME
SEGMENTS = """<script>
analytics.register({
  name: "Another session plugin", type: "enrichment", version: "1",
  isLoaded: () => true, load: async () => {},
  ...Object.fromEntries(["track", "page", "identify", "group", "alias"].map((type) => [type, (context) => {
    const { storage } = analytics, now = Date.now();
    let id = storage.get("analytics_session_id"), last = storage.get("analytics_session_id.last_access");
    if (id === null || last === null || now - last >= 1_800_000) id = now;
    storage.set("analytics_session_id", id);
    storage.set("analytics_session_id.last_access", now);
    context.updateEvent("integrations.Actions Amplitude", {});
    context.updateEvent("integrations.Actions Amplitude.session_id", id);
    return context;
  }])),
});
</script>"""
"""A plugin that does what Segment's own session plugin does."""


def stored(page: Page) -> list[Any]:
    """Return whatever the device holds of a session."""
    found: list[Any] = page.evaluate(
        "[...Object.keys(localStorage), document.cookie].filter((one) => one.includes('session'))"
    )
    return found


@EITHER_BROWSER
@pytest.mark.parametrize("place", ["before", "after"])
def test_beside_another_session_plugin_our_settings_hold(clean: Shop, browser: Browser, place: str) -> None:
    tag = clean.tag(f'session-events="true" session-length="{10 * MINUTE}"')
    after = SEGMENTS + tag if place == "before" else tag + SEGMENTS
    url = clean.page(f"beside-{place}", before=CLOCK, after=after, cdn=clean.without_plugin())
    with opened(browser, clean, url) as page:
        initialized(page)
        ids = []
        for minutes in (0, 11, 50, 55):
            page.evaluate(f"ahead = {minutes * MINUTE}")
            ids.append(
                page.evaluate(
                    "async () => (await analytics.track('Beside')).event.integrations['Actions Amplitude']"
                )["session_id"]
            )
        assert ids[0] < ids[1] < ids[2] == ids[3] == session(page)["stored"]
        started, ended = clean.arrived("Session Started", 3), clean.arrived("Session Ended", 2)
        assert sorted(one["session_id"] for one in started) == ids[:3]
        assert sorted(one["session_id"] for one in ended) == ids[:2]
        assert sorted(one["session_id"] for one in clean.arrived("Beside", 4)) == ids


@EITHER_BROWSER
@pytest.mark.parametrize("place", ["before", "after", "late"])
def test_beside_segments_own_session_plugin_our_settings_hold(
    clean: Shop, browser: Browser, place: str
) -> None:
    tag = clean.tag(f'session-events="true" session-length="{10 * MINUTE}"')
    before, after = (CLOCK + tag, "") if place == "before" else (CLOCK, tag if place == "after" else "")
    url = clean.page(f"segments-{place}", before=before, after=after, cdn=workspace(clean, {}))
    with opened(browser, clean, url) as page:
        initialized(page)
        if place == "late":
            page.evaluate(
                """(tag) => new Promise((done) => {
                  const { src, dataset } = document.createRange().createContextualFragment(tag).firstChild;
                  const script = Object.assign(document.createElement("script"), { src, onload: done });
                  Object.assign(script.dataset, dataset);
                  document.head.append(script);
                })""",
                tag,
            )
        plugins = "analytics.queue.plugins.map((one) => one.name)"
        assert eventually(lambda: "Actions Amplitude" in page.evaluate(plugins)), page.evaluate(plugins)
        assert eventually(lambda: "Amplitude Session" in page.evaluate(plugins))
        ids, seen = [], []
        for minutes in (0, 11, 50, 55):
            page.evaluate(f"ahead = {minutes * MINUTE}")
            said = page.evaluate("async () => (await analytics.track('Beside')).event")
            ids.append(said["integrations"]["Actions Amplitude"]["session_id"])
            seen.append(session(page))
        assert ids[0] < ids[1] < ids[2] == ids[3]
        assert [one["stored"] for one in seen] == [one["id"] for one in seen] == ids
        assert all(one["expiresAt"] - one["lastActivity"] == 10 * MINUTE for one in seen)
        started, ended = clean.arrived("Session Started", 3), clean.arrived("Session Ended", 2)
        assert sorted(one["session_id"] for one in started) == ids[:3]
        assert sorted(one["session_id"] for one in ended) == ids[:2]
        assert sorted(one["session_id"] for one in clean.arrived("Beside", 4)) == ids
        page.wait_for_timeout(300)
        names = [one["event_type"] for one in clean.amplitude.events()]
        assert sorted(names) == ["Beside"] * 4 + ["Session Ended"] * 2 + ["Session Started"] * 3, "once each"
