"""Python starts in several tasks of the page, between which events have their sessions without it."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser import enriched_shop
from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, initialized, opened
from tests.browser.test_leaving import UNANSWERED
from tests.support.waiting import eventually

HELD_UP = """
window.done = [];
window.tasks = [];
window.MessageChannel = class {
  port1 = { close() {} };
  port2 = { postMessage: () => tasks.push(this.port1) };
};
const { instantiateStreaming } = WebAssembly;
WebAssembly.instantiateStreaming = async (...words) => {
  const { instance, module } = await instantiateStreaming.apply(WebAssembly, words);
  done.push("started");
  const PyObject_CallOneArg = (...words) => {
    done.push("asked");
    return instance.exports.PyObject_CallOneArg(...words);
  };
  return { instance: { exports: { ...instance.exports, PyObject_CallOneArg } }, module };
};
"""
"""Gives the page its next task only when the test lets it; ``done`` is what frozen Python has done."""
STATE = "[analyticsSession.python, ...done]"
SESSION = "localStorage.getItem('analytics_session_id')"


def waits(page: Page) -> None:
    """Wait until the plugin waits for its next task."""
    assert eventually(lambda: page.evaluate("window.tasks?.length === 1"))


def go_on(page: Page) -> None:
    """Give the plugin its next task."""
    page.evaluate("void tasks.shift().onmessage()")


def tracked(page: Page, running: Shop, name: str) -> str:
    """Track an event, wait until it has arrived, once, and return who gave it its session."""
    page.evaluate("(name) => void analytics.track(name)", name)
    [event] = running.arrived(name)
    assert event["session_id"] == int(page.evaluate(SESSION))
    said: str = page.evaluate("analyticsSession.explain()")
    return said.rpartition("answered by ")[2]


@ONE_RUNTIME
def test_python_starts_and_answers_first_in_tasks_of_their_own(clean: Shop, browser: Browser) -> None:
    with opened(browser, clean) as page:
        page.context.add_init_script(HELD_UP)
        page.goto(clean.tagged("tasks", 'start-python="now"'))
        initialized(page)
        waits(page)
        assert page.evaluate(STATE) == ["starting"]
        assert tracked(page, clean, "One") == "the compiled policy"
        go_on(page)
        waits(page)
        assert page.evaluate(STATE) == ["starting", "started"]
        assert tracked(page, clean, "Two") == "the compiled policy"
        page.evaluate("void dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
        assert tracked(page, clean, "Back") == "the compiled policy", "the page was left and has come back"
        go_on(page)
        assert page.evaluate(STATE) == ["ready", "started", "asked"]
        assert tracked(page, clean, "Three") == "Python"
        assert page.evaluate(STATE) == ["ready", "started", "asked", "asked"]
        assert [len(clean.events(name)) for name in ("One", "Two", "Back", "Three")] == [1, 1, 1, 1]


@EITHER_BROWSER
@ONE_RUNTIME
@pytest.mark.parametrize("tasks", [0, 1])
def test_a_page_that_is_left_in_between_loses_no_event(clean: Shop, browser: Browser, tasks: int) -> None:
    with opened(browser, clean) as page:
        page.context.add_init_script(HELD_UP)
        page.goto(clean.tagged("left", 'start-python="now"', after=UNANSWERED))
        initialized(page)
        for _ in range(tasks):
            waits(page)
            go_on(page)
        waits(page)
        page.evaluate(f"void analytics.track('Left {tasks}')")
        assert eventually(lambda: page.evaluate(f"{SESSION} !== null"))
        assert page.evaluate(STATE) == ["starting", "started"][: tasks + 1]
        page.goto("about:blank")
        [event] = clean.arrived(f"Left {tasks}")
        assert event["session_id"] > 0


@EITHER_BROWSER
def test_what_is_required_waits_until_python_answers(context: BrowserContext, required_shop: Shop) -> None:
    context.add_init_script(HELD_UP)
    page = enriched_shop.opened(context, required_shop)
    assert eventually(lambda: page.evaluate("window.tasks?.length === 2")), "the session's and the owner's"
    page.evaluate("tasks.splice(0).forEach((port) => port.onmessage())")
    assert eventually(lambda: page.evaluate("tasks.length === 2 && done.length === 2"))
    enriched_shop.track(page, "Between")
    assert eventually(lambda: page.evaluate("Object.keys(localStorage).some((key) => key.includes('held'))"))
    assert page.evaluate("done") == ["started", "started"]
    page.evaluate("tasks.splice(0).forEach((port) => port.onmessage())")
    assert enriched_shop.properties(required_shop, "Between") == {"enriched": 1, "path": "/shop"}
    asked = page.evaluate("done")
    assert asked == ["started", "started", "asked", "asked"], "once by the session, once by the owner"
