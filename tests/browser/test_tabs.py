"""Several tabs and frames of one visitor: one session at a time, begun and ended once."""

from playwright.sync_api import Browser, Page

from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, fresh, initialized, python, session
from tests.support.waiting import eventually

TABS = {"frozen": 3, "pyodide": 2}
"""Stock Pyodide takes seconds in each."""
STORAGES = {"frozen": ("auto", "localStorage"), "pyodide": ("auto",)}
"""In localStorage alone what a tab wrote comes late to the others, in Firefox."""
ROUNDS = 6
CLOCK = "window.today = Date.now; window.ahead = 0; Date.now = () => today() + ahead;"
HEAR = "window.heard = []; void analyticsSession.onChange((_, why) => heard.push(why));"

BETWEEN = """async (before) => {
  const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
  const begun = (id, last) => {
    set.call(document, `analytics_session_id=${id}; path=/`);
    set.call(document, `analytics_session_id.last_access=${last}; path=/`);
  };
  const now = Date.now();
  const ended = now - 7_200_000;
  begun(ended, now - 3_600_000);
  let reads = 0;
  const read = () => {
    if (reads++ === before) begun(now, now);
    return get.call(document);
  };
  Object.defineProperty(document, "cookie", { configurable: true, get: read, set: set.bind(document) });
  await analytics.track("Read", { ended });
  delete document.cookie;
  return reads;
}"""
"""Track an event in a session that another tab begins before one of the reads of the cookies."""


def race(pages: list[Page], number: int) -> None:
    """Half an hour later, have all pages track at the same moment."""
    for page in pages:
        page.evaluate("ahead += 1_800_000")
    moment = pages[0].evaluate("today() + 300")
    for page in pages:
        page.evaluate(
            f"void setTimeout(() => analytics.track('Raced', {{ round: {number} }}), {moment} - today())"
        )


def test_tabs_that_race_across_the_timeout(clean: Shop, browser: Browser) -> None:
    for storage in STORAGES[clean.runtime]:
        clean.amplitude.items.clear()
        url = clean.tagged("raced", f'session-events="true" storage="{storage}"')
        with fresh(browser) as context:
            pages = [context.new_page() for _ in range(TABS[clean.runtime])]
            for page in pages:
                page.goto(url)
                assert python(page) == "ready"
                initialized(page)
                page.evaluate(CLOCK + HEAR)
            for number in range(ROUNDS):
                race(pages, number)
                clean.arrived("Raced", (number + 1) * len(pages))
            agreed(clean, pages)


def agreed(clean: Shop, pages: list[Page]) -> None:
    """Each round has one new session, which all tabs are in, and which began once and ended once."""
    raced = clean.arrived("Raced", ROUNDS * len(pages))
    sessions = sorted({event["session_id"] for event in raced})
    assert len(sessions) == ROUNDS, [(one["session_id"], one["event_properties"]) for one in raced]
    for number, one in enumerate(sessions):
        rounds = [event["event_properties"]["round"] for event in raced if event["session_id"] == one]
        assert rounds == [number] * len(pages)
    clean.arrived("Session Ended", ROUNDS - 1)
    started = clean.arrived("Session Started", ROUNDS)  # the last one follows an end
    ended = clean.events("Session Ended")
    assert sorted(event["session_id"] for event in started) == sessions
    assert sorted(event["session_id"] for event in ended) == sessions[:-1]
    heard = [page.evaluate("heard") for page in pages]
    began = [reason for reasons in heard for reason in reasons if reason != "another tab"]
    assert sorted(began) == ["first visit"] + ["idle"] * (ROUNDS - 1)
    assert all(reasons.count("another tab") + reasons.count("idle") for reasons in heard)
    assert all(page.evaluate("analyticsSession.explain()").endswith("by Python") for page in pages)


@ONE_RUNTIME
def test_a_session_that_another_tab_begins_while_it_is_read(clean: Shop, browser: Browser) -> None:
    with fresh(browser) as context:
        page = context.new_page()
        page.goto(clean.tagged("read", 'storage="cookie"'))
        initialized(page)
        before = 0
        while page.evaluate(BETWEEN, before) > before:
            before += 1
        assert before > 2, "each text was read"
        for event in clean.arrived("Read", before + 1):
            assert event["session_id"] > event["event_properties"]["ended"]


@ONE_RUNTIME
def test_a_frame_is_in_the_session_of_its_page(clean: Shop, browser: Browser) -> None:
    """Both are cold and race for a first visit."""
    settings = 'session-events="true"'
    inner = clean.tagged("inner", settings, after="<script>analytics.track('Inner')</script>")
    outer = clean.tagged(
        "outer", settings, after=f"<script>analytics.track('Outer')</script><iframe src='{inner}'></iframe>"
    )
    with fresh(browser) as context:
        page = context.new_page()
        page.goto(outer)
        [one], [other] = clean.arrived("Outer"), clean.arrived("Inner")
        assert one["session_id"] == other["session_id"] == session(page)["stored"]
        [started] = clean.arrived("Session Started")
        assert started["session_id"] == one["session_id"]


@EITHER_BROWSER
@ONE_RUNTIME
def test_a_user_who_changes_in_one_tab_has_one_new_session_in_all(clean: Shop, browser: Browser) -> None:
    url = clean.tagged("users", 'new-on-user-change="true" session-events="true"')
    with fresh(browser) as context:
        pages = [context.new_page() for _ in range(2)]
        for page in pages:
            page.goto(url)
            initialized(page)
        pages[0].evaluate("analytics.identify('ada')")
        pages[1].evaluate("analytics.track('Before')")
        [before] = clean.arrived("Before")
        pages[0].evaluate("analytics.identify('bob')")
        assert eventually(lambda: session(pages[0])["id"] != before["session_id"])
        pages[1].evaluate("analytics.track('After')")
        [after] = clean.arrived("After")
        assert after["session_id"] == session(pages[0])["id"]
        assert "goes on" in session(pages[1])["explained"]
        [ended] = clean.arrived("Session Ended")
        assert (ended["session_id"], ended["user_id"]) == (before["session_id"], "ada")
        assert len(clean.arrived("Session Started", 2)) == 2
