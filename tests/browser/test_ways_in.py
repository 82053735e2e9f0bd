"""The plugin comes onto a page by itself, by a script tag, or from the page's own code: one session."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, opened, python, session
from tests.support import patient

LENGTH = 61_000
FIRST = "<script>analytics.track('First')</script>"


def page_of(clean: Shop, way: str) -> str:
    """Put a page on the site whose plugin comes in one way; return its address."""
    tag = clean.tag(f'session-length="{LENGTH}"')
    options = f"{{ sessionLength: {LENGTH}, runtime: '{clean.runtime}' }}"
    plain = f'<script src="{clean.forwarder.url}/p/session-plugin.js"></script>'
    register = f"<script>analytics.register(sessionPlugin({options}))</script>"
    module = (
        f'<script type="module">import {{ sessionPlugin }} from "{clean.forwarder.url}/p/session-plugin.mjs";'
        f"analytics.register(sessionPlugin({options})); analytics.track('First')</script>"
    )
    if way == "settings document":
        return clean.page("settings-document", after=FIRST)
    parts: dict[str, dict[str, Any]] = {
        "tag before": {"before": tag, "after": FIRST},
        "tag after": {"after": tag + FIRST},
        "register": {"after": plain + register + FIRST},
        "module": {"after": module},
    }
    return clean.page(way.replace(" ", "-"), cdn=clean.without_plugin(), **parts[way])


@pytest.mark.parametrize("way", ["settings document", "tag before", "module"])
def test_each_way(clean: Shop, browser: Browser, way: str) -> None:
    by_way(clean, browser, way)


@EITHER_BROWSER
@ONE_RUNTIME
@pytest.mark.parametrize("way", ["tag after", "register"])
def test_each_way_s_other_form(clean: Shop, browser: Browser, way: str) -> None:
    by_way(clean, browser, way)


def by_way(clean: Shop, browser: Browser, way: str) -> None:
    with opened(browser, clean, page_of(clean, way)) as page:
        [first] = clean.arrived("First")
        seen = session(page)
        assert first["session_id"] == seen["stored"] == seen["id"]
        length = 1_800_000 if way == "settings document" else LENGTH
        assert seen["expiresAt"] - seen["lastActivity"] == length
        assert python(page) == "ready"
        assert clean.seen == [], "a page that works says nothing"


@EITHER_BROWSER
@ONE_RUNTIME
def test_pages_wait_for_no_destination_s_bundle_and_apps_are_told_of_it(
    clean: Shop, browser: Browser
) -> None:
    asked: list[str] = []
    with opened(browser, clean, "about:blank") as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_of(clean, "settings document"))
        [first] = clean.arrived("First")
        assert first["session_id"] == session(page)["stored"]
    [address] = {url for url in asked if url.endswith("/settings")}
    assert not [url for url in asked if "ajs-destination" in url or "/integrations/" in url]
    app = patient.get(address, headers={"user-agent": "okhttp/4.12.0"}).json()
    assert "Actions Amplitude" in app["integrations"]
    page_s = patient.get(address, headers={"user-agent": "Mozilla/5.0"}).json()
    assert "Actions Amplitude" not in page_s["integrations"]


@EITHER_BROWSER
@ONE_RUNTIME
def test_all_at_once_are_one_session_and_the_page_s_own_settings_win(clean: Shop, browser: Browser) -> None:
    url = clean.page(
        "all-at-once",
        before=clean.tag('session-events="true" started-name="By the tag"'),
        after=clean.tag('session-events="true" started-name="By another tag"')
        + "<script>analytics.register(sessionPlugin({ sessionEvents: true, startedName: 'By the page',"
        f" runtime: '{clean.runtime}' }})); analytics.track('First')</script>",
    )
    with opened(browser, clean, url) as page:
        [first] = clean.arrived("First")
        [started] = clean.arrived("By the page")
        page.evaluate("analytics.track('Second')")
        [second] = clean.arrived("Second")
        assert first["session_id"] == second["session_id"] == started["session_id"] == session(page)["stored"]
        ours = page.evaluate(
            "analytics.queue.plugins.map((one) => one.action ?? one)"
            ".filter(({ name }) => name === 'Amplitude Session').length"
        )
        assert ours == 4, "by itself, by two tags, by the page"
    names = [event["event_type"] for event in clean.amplitude.events()]
    assert sorted(names) == ["By the page", "First", "Second"], "once each"


@EITHER_BROWSER
@ONE_RUNTIME
def test_unusable_settings_are_told_once_each_and_the_default_holds(clean: Shop, browser: Browser) -> None:
    url = clean.tagged(
        "unusable",
        'session-length="soon" storage="disk" event-types="clicks" started-name="" colour="red"',
        after=FIRST,
    )
    with opened(browser, clean, url) as page:
        [first] = clean.arrived("First")
        seen = session(page)
        assert first["session_id"] == seen["stored"]
        assert seen["expiresAt"] - seen["lastActivity"] == 1_800_000
        said = [line for line in clean.seen if line.startswith("analytics session: ")]
        assert (
            said
            == clean.seen
            == [
                'analytics session: sessionLength cannot be "soon"; 1800000 is used',
                'analytics session: startedName cannot be ""; "Session Started" is used',
                'analytics session: eventTypes cannot be "clicks";'
                ' ["track","page","identify","group","alias"] is used',
                'analytics session: storage cannot be "disk"; "auto" is used',
                "analytics session: no such settings: colour",
            ]
        )
