"""Where pages are slow or another engine runs them: every event is stamped, and none waits for Python."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.shop_page import Shop, fresh, python, session, shop
from tests.support.waiting import eventually

SLOWER = 4
"""How many times slower Chromium's processor is made."""
TOGETHER = 20
"""Events in one turn of the page."""
MANY = f"for (let n = 0; n < {TOGETHER}; n++) analytics.track('Slow', {{ n }})"


LENDING = """<script type="module">
import { loadPyodide } from "FORWARDER/p/pyodide/pyodide.mjs";
window.pyodide = await loadPyodide({ indexURL: "FORWARDER/p/pyodide/" });
const script = Object.assign(document.createElement("script"), { src: "FORWARDER/p/session-plugin.js" });
script.dataset.runtime = "pyodide";
document.head.append(script);
</script>"""
"""A page with a Pyodide of its own, which the plugin finds there."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop(tmp_path_factory.mktemp("shop")) as one:
        yield one


def test_no_event_waits_for_python_on_a_slow_machine(running: Shop, browser: Browser) -> None:
    running.amplitude.items.clear()
    held: list[Route] = []
    with fresh(browser) as context:
        page = context.new_page()
        if browser.browser_type.name == "chromium":
            devtools = context.new_cdp_session(page)
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        context.route("**/core-*.wasm", lambda route: held.append(route))
        page.goto(running.page("slow", after=f"<script>{MANY}</script>"))
        running.arrived("Slow", TOGETHER)
        assert eventually(lambda: page.evaluate("analyticsSession.python") == "starting" and held)
        assert session(page)["explained"].endswith("answered by the compiled policy")

        held[0].continue_()
        assert python(page) == "ready"
        page.evaluate(MANY)
        events = running.arrived("Slow", 2 * TOGETHER)
        seen = session(page)
        assert seen["explained"].endswith("answered by Python")
        # In whatever order: the browser sends them side by side.
        numbers = sorted(event["event_properties"]["n"] for event in events)
        assert numbers == sorted([*range(TOGETHER)] * 2)
        assert {event["session_id"] for event in events} == {seen["stored"]}


def test_the_pyodide_that_a_page_has_is_used_with_a_wheel_for_any_python(
    running: Shop, browser: Browser
) -> None:
    asked: list[str] = []
    with fresh(browser) as context:
        page = context.new_page()
        page.on("request", lambda one: asked.append(one.url.rpartition("/")[2]))
        lending = LENDING.replace("FORWARDER", running.forwarder.url)
        page.goto(running.page("lending", after=lending, cdn=running.without_plugin()))
        assert eventually(lambda: page.evaluate("!!window.analyticsSession"), 60)
        assert python(page) == "ready"
        page.evaluate("analytics.track('Lent')")
        running.arrived("Lent")
        assert session(page)["explained"].endswith("answered by Python")
    assert asked.count("pyodide.asm.wasm") == 1
    assert [name for name in asked if name.startswith("browser_plugin-")] == [
        "browser_plugin-0.1.0-py3-none-any.whl"
    ]


@pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")  # selenium's own
def test_a_pages_events_arrive_stamped_in_webkit(running: Shop, driver: Any) -> None:
    running.amplitude.items.clear()
    url = running.page("webkit", after="<script>analytics.track('First')</script>")
    driver.get(url)
    [first] = running.arrived("First")
    state = "return window.analyticsSession?.python ?? 'starting'"
    assert eventually(lambda: driver.execute_script(state) != "starting")
    assert driver.execute_script(state) == "ready"
    driver.execute_script("analytics.track('Second')")
    [second] = running.arrived("Second")
    assert driver.execute_script("return analyticsSession.explain()").endswith("answered by Python")
    driver.execute_script(f"analytics.track('Clicked'); location.href = '{running.page('other')}'")
    [clicked] = running.arrived("Clicked")
    stored = driver.execute_script("return +localStorage.getItem('analytics_session_id')")
    assert {event["session_id"] for event in (first, second, clicked)} == {stored}
