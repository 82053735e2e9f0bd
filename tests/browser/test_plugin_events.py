"""Every event of a real page carries the session id: the first, the last, and all between."""

import time

import pytest
from playwright.sync_api import Browser

from tests.browser.shop_page import (
    EITHER_BROWSER,
    ONE_RUNTIME,
    Shop,
    fresh,
    initialized,
    opened,
    python,
    reported,
    session,
)
from tests.support.waiting import eventually

COLD_LOADS = {"frozen": 10, "pyodide": 2}
"""In each browser. A load in a context of its own costs 1.5 s of a core; stock Pyodide takes seconds more."""


@pytest.mark.every_browser
def test_a_first_event_and_one_that_python_answers(clean: Shop, browser: Browser) -> None:
    url = clean.page("first", after="<script>analytics.track('First')</script>")
    with opened(browser, clean, url) as page:
        [first] = clean.arrived("First")
        assert python(page) == "ready"
        seen = session(page)
        assert first["session_id"] == seen["id"] == seen["startedAt"] == seen["stored"]
        assert "none was stored" in seen["explained"]
        page.evaluate("analytics.track('Second')")
        [second] = clean.arrived("Second")
        assert second["session_id"] == first["session_id"]
        seen = session(page)
        assert "which goes on" in seen["explained"]
        assert seen["explained"].endswith("answered by Python")
        assert seen["expiresAt"] == seen["lastActivity"] + 1_800_000
        assert clean.seen == [], "a page that works says nothing"


@ONE_RUNTIME
@EITHER_BROWSER
def test_nothing_is_stored_before_the_first_event(clean: Shop, browser: Browser) -> None:
    with opened(browser, clean, clean.page("quiet")) as page:
        assert python(page) == "ready", "Python starts when the browser is idle"
        assert page.evaluate("localStorage.getItem('analytics_session_id')") is None
        assert "analytics_session_id" not in page.evaluate("document.cookie")
        assert page.evaluate("analyticsSession.id") is None
        assert page.evaluate("analyticsSession.explain()") == "no event yet"


@ONE_RUNTIME
def test_a_browser_that_is_never_idle_starts_python_all_the_same(clean: Shop, browser: Browser) -> None:
    """One that draws nothing says nothing of being idle, but where it is asked to in a given time."""
    idle = "window.requestIdleCallback = (start, how) => how && setTimeout(start, how.timeout)"
    with opened(browser, clean, clean.page("never-idle", before=f"<script>{idle}</script>")) as page:
        assert python(page) == "ready"


@ONE_RUNTIME
def test_an_event_that_waits_for_its_turn_starts_python(clean: Shop, browser: Browser) -> None:
    """It came before the file that Python comes with; nothing else would start Python here."""
    before = """<script>
        window.requestIdleCallback = () => {};
        navigator.locks.request("analytics_session_id", () => new Promise(() => {}));
    </script>"""
    after = "<script>analytics.track('First')</script>"
    with opened(browser, clean, clean.page("waiting", before=before, after=after)) as page:
        assert python(page) == "ready"
        clean.arrived("First")


def test_events_of_a_page_that_is_going_away(clean: Shop, browser: Browser) -> None:
    url, other = clean.page("leaving"), clean.page("other")
    with opened(browser, clean, url) as page:
        assert python(page) == "ready"
        initialized(page)
        page.evaluate("addEventListener('pagehide', () => analytics.track('Hidden'))")
        page.evaluate(f"analytics.track('Clicked'); location.href = '{other}'")
        page.wait_for_url(other)
        [clicked], [hidden] = clean.arrived("Clicked"), clean.arrived("Hidden")
        stored = page.evaluate("+localStorage.getItem('analytics_session_id')")
        assert clicked["session_id"] == hidden["session_id"] == stored


def test_no_event_of_a_cold_page_goes_without(clean: Shop, browser: Browser) -> None:
    url = clean.page("cold", after="<script>analytics.track('Cold')</script>")
    loads, began = COLD_LOADS[clean.runtime], time.time() * 1000
    for number in range(1, loads + 1):
        with opened(browser, clean, url) as page:
            page.evaluate("analytics.track('Cold')")
            clean.arrived("Cold", 2 * number)
    events = clean.events("Cold")
    assert len(events) == 2 * loads
    assert all(began - 1 < event["session_id"] < time.time() * 1000 for event in events)


def test_a_page_that_cannot_load_python_behaves_the_same(clean: Shop, browser: Browser) -> None:
    before = reported(clean, "load")
    with fresh(browser) as context:
        page = context.new_page()
        reports = []
        page.on(
            "request", lambda one: reports.append(one.post_data) if one.url.endswith("/p/report") else None
        )
        page.on("console", lambda said: clean.seen.append(said.text) if said.type == "warning" else None)
        context.route("**/*.wasm", lambda route: route.abort())
        page.goto(clean.page("blocked", after="<script>analytics.track('Blocked')</script>"))
        [event] = clean.arrived("Blocked")
        state = python(page)
        assert state.startswith("unavailable: "), state
        assert event["session_id"] == session(page)["stored"]
        assert eventually(lambda: reported(clean, "load") == before + 1)
        assert len([line for line in clean.seen if "Python is unavailable" in line]) == 1, clean.seen


@EITHER_BROWSER
@ONE_RUNTIME
def test_a_store_that_is_denied(clean: Shop, browser: Browser) -> None:
    url = clean.page("denied", after="<script>analytics.track('Denied')</script>")
    with fresh(browser) as context:
        context.add_init_script(
            """for (const [owner, name] of [[window, "localStorage"]])
                Object.defineProperty(owner, name, {
                    get() { throw new DOMException("denied", "SecurityError"); },
                    set() { throw new DOMException("denied", "SecurityError"); },
                });"""
        )
        page = context.new_page()
        page.goto(url)
        [first] = clean.arrived("Denied")
        page.evaluate("analytics.track('Denied')")
        second = clean.arrived("Denied", 2)[1]
        assert first["session_id"] == second["session_id"] == page.evaluate("analyticsSession.id")


@EITHER_BROWSER
@ONE_RUNTIME
def test_a_store_that_is_cleared_between_two_events(clean: Shop, browser: Browser) -> None:
    url = clean.page("cleared", after="<script>analytics.track('Cleared')</script>")
    with opened(browser, clean, url) as page:
        [first] = clean.arrived("Cleared")
        page.evaluate("localStorage.clear()")
        page.evaluate("analytics.track('Cleared')")
        second = clean.arrived("Cleared", 2)[1]
        assert first["session_id"] == second["session_id"] == session(page)["stored"]


@EITHER_BROWSER
@ONE_RUNTIME
def test_memory_only_where_the_visitor_is_not_to_be_remembered(clean: Shop, browser: Browser) -> None:
    url = clean.page(
        "memory", load="{ disableClientPersistence: true }", after="<script>analytics.track('Kept')</script>"
    )
    with opened(browser, clean, url) as page:
        [first] = clean.arrived("Kept")
        assert page.evaluate("analyticsSession.id") == first["session_id"]
        assert page.evaluate("localStorage.length") == 0
        assert "analytics_session_id" not in page.evaluate("document.cookie")


@ONE_RUNTIME
@EITHER_BROWSER
def test_events_of_every_type_but_screen_and_what_consent_tools_say(clean: Shop, browser: Browser) -> None:
    with opened(browser, clean, clean.page("types")) as page:
        assert python(page) == "ready"
        initialized(page)
        stamps = page.evaluate(
            """async () => {
                const all = [
                    analytics.track("T"), analytics.page(), analytics.identify("u"),
                    analytics.group("g"), analytics.alias("n", "o"), analytics.screen("s"),
                ];
                return (await Promise.all(all)).map(({ event }) =>
                    [event.type, event.integrations["Actions Amplitude"]?.session_id ?? null]);
            }"""
        )
        stored = session(page)["stored"]
        assert stamps == [
            *([kind, stored] for kind in ("track", "page", "identify", "group", "alias")),
            ["screen", None],
        ]
        said = page.evaluate(
            """async () => {
                const flags = [
                    { "Actions Amplitude": false },
                    { All: false },
                    { All: false, "Actions Amplitude": true },
                    { "Actions Amplitude": { groups: { a: "b" } } },
                ];
                const all = flags.map((integrations) => analytics.track("C", {}, { integrations }));
                return (await Promise.all(all)).map(({ event }) => event.integrations);
            }"""
        )
        assert said == [
            {"Actions Amplitude": False},
            {"All": False},
            {"All": False, "Actions Amplitude": {"session_id": stored}},
            {"Actions Amplitude": {"groups": {"a": "b"}, "session_id": stored}},
        ]


@pytest.mark.parametrize("wasm", [True, False])
def test_strict_content_security_policy(
    clean: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch, wasm: bool
) -> None:
    origin = clean.forwarder.url
    allowed = "'wasm-unsafe-eval'" if wasm else ""
    policy = f"default-src 'none'; script-src 'self' {origin} {allowed}; connect-src {origin}"
    monkeypatch.setitem(clean.site.headers, "Content-Security-Policy", policy)
    with opened(browser, clean, clean.page("strict")) as page:
        state = python(page)
        page.evaluate("analytics.track('Strict')")
        [event] = clean.arrived("Strict")
        assert event["session_id"] == session(page)["stored"]
        assert state == "ready" if wasm else state.startswith("unavailable: CompileError")
