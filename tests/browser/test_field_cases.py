"""What sites in the field have on their pages: consent tools, odd clocks, old browsers, many subdomains."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.shop_page import (
    EITHER_BROWSER,
    ONE_RUNTIME,
    Shop,
    fresh,
    initialized,
    opened,
    python,
    session,
    warned,
)
from tests.support.waiting import eventually

pytestmark = ONE_RUNTIME


def stored(page: Page) -> list[Any]:
    """Return whatever the device holds of a session."""
    found: list[Any] = page.evaluate(
        "[...Object.keys(localStorage), document.cookie].filter((one) => one.includes('session'))"
    )
    return found


@EITHER_BROWSER
@pytest.mark.parametrize(
    "load",
    [
        '{"Actions Amplitude": false}',
        '{"Amplitude (Actions)": false}',
        '{"All": false, "Segment.io": true}',
        '{"Amplitude (Actions)": false, "Actions Amplitude": true}',
    ],
)
@pytest.mark.parametrize("way", ["settings document", "tag"])
def test_a_destination_that_is_off_stores_nothing(clean: Shop, browser: Browser, load: str, way: str) -> None:
    options = f"{{integrations: {load}}}"
    tag = (
        {"before": clean.tag('session-events="true"'), "cdn": clean.without_plugin()} if way == "tag" else {}
    )
    with opened(browser, clean, clean.page("off", load=options, **tag)) as page:
        initialized(page)
        said = page.evaluate("async () => (await analytics.track('Off')).event.integrations")
        assert "session_id" not in str(said)
        assert stored(page) == []


@EITHER_BROWSER
@pytest.mark.parametrize("name", ["Actions Amplitude", "Amplitude (Actions)"])
def test_both_names_say_yes_and_no(clean: Shop, browser: Browser, name: str) -> None:
    load = f'{{integrations: {{"All": false, "Segment.io": true, "{name}": true}}}}'
    with opened(browser, clean, clean.page("names", load=load)) as page:
        initialized(page)
        said = page.evaluate(
            """async (name) => {
              const given = [{}, { All: false, [name]: true }, { [name]: false }];
              const all = given.map((integrations) => analytics.track("Named", {}, { integrations }));
              return (await Promise.all(all)).map(({ event }) =>
                event.integrations["Actions Amplitude"]?.session_id ?? null);
            }""",
            name,
        )
        kept = session(page)["stored"]
        assert said == [kept, kept, None]
        assert len(clean.arrived("Named", 2)) == 2


@EITHER_BROWSER
def test_an_event_for_others_begins_a_session_that_is_told_of(clean: Shop, browser: Browser) -> None:
    with opened(browser, clean, clean.tagged("pixel", 'session-events="true"')) as page:
        initialized(page)
        page.evaluate(
            "analytics.track('Pixel', {}, { integrations: { All: false, 'Facebook Pixel': true } })"
        )
        page.evaluate("analytics.track('Normal')")
        [normal], [started] = clean.arrived("Normal"), clean.arrived("Session Started")
        assert normal["session_id"] == started["session_id"]
        assert started["time"] <= normal["time"]
        assert clean.events("Pixel") == []


@EITHER_BROWSER
def test_an_event_before_a_reset_in_the_same_turn_stays_where_it_was(clean: Shop, browser: Browser) -> None:
    url = clean.tagged("reset", 'session-events="true" new-on-reset="true"')
    with opened(browser, clean, url) as page:
        initialized(page)
        page.evaluate("analytics.identify('ada-lovelace'); analytics.track('First')")
        [first] = clean.arrived("First")
        page.evaluate("analytics.track('Signed Out'); analytics.reset(); analytics.track('Next')")
        [out], [following] = clean.arrived("Signed Out"), clean.arrived("Next")
        assert out["session_id"] == first["session_id"]
        assert following["session_id"] > first["session_id"]
        told = {one["session_id"]: one for one in clean.arrived("Session Started", 2)}
        assert told[following["session_id"]]["device_id"] == following["device_id"] != out["device_id"]
        assert told[following["session_id"]].get("user_id") is None
        [ended] = clean.arrived("Session Ended")
        assert (ended["session_id"], ended["user_id"]) == (first["session_id"], "ada-lovelace")


@EITHER_BROWSER
@pytest.mark.parametrize("clock", ["real() + 0.375", "'' + real()", "NaN", "undefined", "-5", "Infinity"])
def test_a_clock_of_the_pages_own_gives_whole_ids(clean: Shop, browser: Browser, clock: str) -> None:
    before = f"<script>const real = Date.now.bind(Date); Date.now = () => {clock}</script>"
    with opened(browser, clean, clean.page("clock", before=before)) as page:
        initialized(page)
        ids = page.evaluate(
            """async () => {
              const one = await analytics.track("One"), two = await analytics.track("Two");
              return [one, two].map(({ event }) => event.integrations["Actions Amplitude"].session_id);
            }"""
        )
        assert ids[0] == ids[1] == session(page)["stored"]
        assert isinstance(ids[0], int)
        assert ids[0] > 1_600_000_000_000


@EITHER_BROWSER
def test_a_browser_without_locks_webassembly_and_modules(clean: Shop, browser: Browser) -> None:
    with fresh(browser) as context:
        context.add_init_script(
            """delete window.WebAssembly; delete window.requestIdleCallback;
            Object.defineProperty(navigator, "locks", { value: undefined });"""
        )
        page = context.new_page()
        page.goto(clean.page("old", after="<script>analytics.track('Old')</script>"))
        [event] = clean.arrived("Old")
        assert event["session_id"] == session(page)["stored"]
        assert eventually(lambda: page.evaluate("analyticsSession.python").startswith("unavailable"))


@EITHER_BROWSER
def test_a_browser_without_modules_has_python(clean: Shop, browser: Browser) -> None:
    asked: list[str] = []
    with fresh(browser) as context:
        context.add_init_script(
            """delete HTMLScriptElement.prototype.noModule;
            const { set } = Object.getOwnPropertyDescriptor(HTMLScriptElement.prototype, "type");
            Object.defineProperty(HTMLScriptElement.prototype, "type", {
              set(value) { if (value === "module") throw Error("no modules"); set.call(this, value); },
            });"""
        )
        context.route("**/*.mjs", lambda route: route.abort())
        page = context.new_page()
        page.on("request", lambda one: asked.append(one.url))
        page.goto(clean.page("no-modules", after="<script>analytics.track('Old')</script>"))
        [event] = clean.arrived("Old")
        assert event["session_id"] == session(page)["stored"]
        assert python(page) == "ready"
    assert not [url for url in asked if ".mjs" in url]


@pytest.mark.parametrize("storage", ["cookie", "auto"])
def test_sites_below_one_domain_have_one_session(
    clean: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    monkeypatch.setitem(clean.site.headers, "Access-Control-Allow-Origin", "*")
    url = clean.tagged("domain", f'storage="{storage}"')
    with fresh(browser) as context:
        page = context.new_page()
        ids = []
        for host in ("a.shop.localhost", "b.shop.localhost", "shop.localhost"):
            page.goto(url.replace("127.0.0.1", host))
            initialized(page)
            track = "async () => (await analytics.track('Wide')).event.integrations['Actions Amplitude']"
            ids.append(page.evaluate(track)["session_id"])
        assert ids[0] == ids[1] == ids[2] == page.evaluate("analyticsSession.id")
        kept = [one for one in context.cookies() if one["name"] == "analytics_session_id"]
        assert [one["domain"] for one in kept] == [".shop.localhost"]


@EITHER_BROWSER
@pytest.mark.parametrize(("seconds", "dated"), [(30, True), (90, False)])
def test_a_back_dated_first_event_begins_its_session(
    clean: Shop, browser: Browser, seconds: int, dated: bool
) -> None:
    with opened(browser, clean, clean.tagged("dated", 'session-events="true"')) as page:
        initialized(page)
        page.evaluate(
            "async (ms) => analytics.track('Dated', {}, { timestamp: new Date(Date.now() - ms) })",
            seconds * 1000,
        )
        [event], [started] = clean.arrived("Dated"), clean.arrived("Session Started")
        assert event["session_id"] == started["session_id"] == session(page)["stored"]
        # The forwarder corrects the page's clock by some milliseconds.
        assert (abs(started["time"] - event["time"]) < 5_000) is dated
        assert abs(event["session_id"] - event["time"] - seconds * 1000) < 5_000, "the id is the page's time"
        assert (abs(started["time"] - started["session_id"]) < 5_000) is not dated


def test_last_events_that_a_beacon_does_not_hold_come_with_the_next_page(
    clean: Shop, browser: Browser
) -> None:
    with opened(browser, clean, clean.page("large")) as page:
        initialized(page)
        assert python(page) == "ready", "then what keeps them is there"
        page.evaluate(
            """() => {
              for (let i = 0; i < 5; i++) analytics.track("Leave", { i, x: "y".repeat(25_000) });
              location.href = "about:blank";
            }"""
        )
        page.wait_for_url("about:blank")
        page.goto(clean.page("back"))
        initialized(page)
        numbers = {event["event_properties"]["i"] for event in clean.arrived("Leave", 5)}
        assert numbers == set(range(5))
        assert eventually(
            lambda: not page.evaluate("Object.keys(localStorage).some((one) => /unsent/.test(one))")
        )


def test_a_page_that_is_hidden_gives_its_events_a_last_chance(clean: Shop, browser: Browser) -> None:
    hang = """<script>const real = fetch; window.fetch = (...words) =>
      String(words[0]).endsWith("/v1/t") ? new Promise(() => {}) : real(...words);</script>"""
    with opened(browser, clean, clean.page("hidden", after=hang)) as page:
        initialized(page)
        assert python(page) == "ready", "then whoever watches for it is there"
        page.evaluate("void analytics.track('Hidden')")
        assert eventually(lambda: "track" in page.evaluate("analyticsSession.explain()")), "and has it"
        page.evaluate(
            """() => {
              Object.defineProperty(document, "visibilityState", { value: "hidden" });
              document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
        clean.arrived("Hidden")


def test_a_module_script_has_its_settings(clean: Shop, browser: Browser) -> None:
    tag = clean.tag('session-length="61000"').replace("<script ", '<script type="module" ')
    with opened(browser, clean, clean.page("module-tag", before=tag, cdn=clean.without_plugin())) as page:
        initialized(page)
        assert eventually(lambda: page.evaluate("!!window.analyticsSession"))
        page.evaluate("analytics.track('Module')")
        clean.arrived("Module")
        seen = session(page)
        assert seen["expiresAt"] - seen["lastActivity"] == 61_000


@EITHER_BROWSER
def test_a_tag_that_comes_late_says_so(clean: Shop, browser: Browser) -> None:
    url = clean.page("late", cdn=clean.without_plugin(), after="<script>analytics.page()</script>")
    with opened(browser, clean, url) as page:
        initialized(page)
        assert eventually(clean.amplitude.events), "an event goes before the plugin comes"
        page.add_script_tag(url=f"{clean.forwarder.url}/p/session-plugin.js")
        assert warned(page, clean, "before the plugin came"), clean.seen
