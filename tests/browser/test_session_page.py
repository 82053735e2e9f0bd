"""What begins and ends a session on a real page, and what becomes of it when things go wrong."""

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
)
from tests.support.waiting import eventually

CLOCK = "window.today = Date.now; window.ahead = 0; Date.now = () => today() + ahead;"
LATENCY = 1_000
"""Milliseconds by which the forwarder may correct a page's clock: as long as the request took."""
HEAR = "window.heard = []; void analyticsSession.onChange(({ id }, reason) => heard.push([id, reason]))"
HANG = """<script>
  var hanging = [];
  var real = window.fetch;
  window.fetch = (...words) =>
    String(words[0]).endsWith("/v1/t") ? new Promise((end) => hanging.push(end)) : real(...words);
</script>"""
KEPT = "Object.keys(localStorage).some((key) => key.includes('dest-Segment.io:items'))"
"""Whether Analytics.js has kept events for the next page."""
AGED = """([kept, began, last]) => {
  const now = Date.now();
  const texts = { analytics_session_id: now - began, "analytics_session_id.last_access": now - last };
  for (const [key, value] of Object.entries(texts)) {
    if (kept === "cookie") document.cookie = `${key}=${value}; path=/`;
    else localStorage.setItem(key, value);
  }
  return now - began;
}"""
"""Puts a session into one store: when it began and was last active, in milliseconds before now."""
LOSE = """<script>
  var sent = [];
  var real = window.fetch;
  window.fetch = async (...words) => {
    const answer = await real(...words);
    const body = String(words[1]?.body);
    if (!body.includes('"Session Started"')) return answer;
    if (sent.push(JSON.parse(body).messageId) === 1) throw new TypeError("the answer is lost");
    return answer;
  };
</script>"""


def told(clean: Shop, name: str, count: int) -> list[tuple[int, str | None, str]]:
    """Return session, user and device of that many events of one name, by session."""
    return sorted(
        (event["session_id"], event.get("user_id"), event["device_id"])
        for event in clean.arrived(name, count)
    )


def device(page: Page) -> str:
    found: str = page.evaluate("analytics.user().anonymousId()")
    return found


def track(page: Page, name: str) -> int:
    """Track an event; return the session it was put into."""
    found: int = page.evaluate(
        "async (name) => (await analytics.track(name)).event.integrations['Actions Amplitude'].session_id",
        name,
    )
    return found


@EITHER_BROWSER
def test_resets_and_other_users_begin_sessions_where_they_are_to(clean: Shop, browser: Browser) -> None:
    settings = 'session-events="true" new-on-reset="true" new-on-user-change="true"'
    with opened(browser, clean, clean.tagged("begins", settings)) as page:
        assert python(page) == "ready"
        initialized(page)
        page.evaluate(HEAR)
        one, first_device = track(page, "One"), device(page)
        page.evaluate("analytics.identify('ada')")
        assert track(page, "Two") == one, "an anonymous visitor has become somebody"

        page.evaluate("analytics.identify('bob')")
        three, second_device = track(page, "Three"), device(page)
        assert three > one

        page.evaluate("analytics.reset()")
        four, third_device = track(page, "Four"), device(page)
        assert four > three
        assert "is new: a reset asked for it" in session(page)["explained"]

        page.evaluate("analyticsSession.reset()")
        five = track(page, "Five")
        assert five > four
        assert track(page, "Six") == five, "one reset, one session"
        assert page.evaluate("heard") == [
            [one, "first visit"],
            [three, "another user"],
            [four, "reset"],
            [five, "reset"],
        ]

        page.evaluate("analyticsSession.reset()")
        page.reload()
        initialized(page)
        seven = track(page, "Seven")
        assert seven > five, "a reset is remembered by the next page"

        assert told(clean, "Session Started", 5) == [
            (one, None, first_device),
            (three, "bob", second_device),
            (four, None, third_device),
            (five, None, third_device),
            (seven, None, third_device),
        ]
        # Each end is told of whoever's session it was.
        assert told(clean, "Session Ended", 4) == [
            (one, "ada", first_device),
            (three, "bob", second_device),
            (four, None, third_device),
            (five, None, third_device),
        ]
        assert device(page) == third_device, "telling of an end makes nobody of the visitor who was"


@ONE_RUNTIME
@EITHER_BROWSER
def test_a_session_goes_on_unless_something_is_to_end_it(clean: Shop, browser: Browser) -> None:
    """By default no reset, no other user, no clock set back and no event of the past ends it."""
    with opened(browser, clean, clean.page("goes-on")) as page:
        assert python(page) == "ready"
        initialized(page)
        page.evaluate(HEAR)
        one = track(page, "One")
        page.evaluate("analytics.identify('ada'); analytics.reset(); analytics.identify('bob')")
        assert track(page, "Two") == one
        page.evaluate("analytics.track('Past', {}, { timestamp: new Date('2020-01-01') })")
        [past] = clean.arrived("Past")
        assert past["session_id"] == one
        assert past["time"] - 1_577_836_800_000 < LATENCY

        page.evaluate(CLOCK + "ahead = -3_600_000")
        assert track(page, "Three") == one
        seen = session(page)
        assert seen["lastActivity"] < one
        assert seen["expiresAt"] == seen["lastActivity"] + 1_800_000
        assert (
            "which goes on, 0 s after the last event (1800 s end one); answered by Python"
            in seen["explained"]
        )

        page.evaluate("ahead = 0")
        four = track(page, "Four")
        assert four > one, "an hour after what the clock said last"
        assert page.evaluate("heard") == [[one, "first visit"], [four, "idle"]]


@ONE_RUNTIME
@EITHER_BROWSER
def test_lengths_and_types_are_as_set(clean: Shop, browser: Browser) -> None:
    minute = 60_000
    settings = (
        f'session-length="{15 * minute}" maximum-length="{25 * minute}" event-types="track screen"'
        ' session-events="true"'
    )
    with opened(browser, clean, clean.tagged("as-set", settings)) as page:
        assert python(page) == "ready"
        initialized(page)
        page.evaluate(CLOCK)
        one = track(page, "One")
        assert session(page)["expiresAt"] == one + 15 * minute
        page.evaluate(f"ahead += {10 * minute}")
        assert track(page, "Two") == one
        assert session(page)["expiresAt"] == one + 25 * minute, "the sooner of both"
        page.evaluate(f"ahead += {10 * minute}")
        assert track(page, "Three") == one
        page.evaluate(f"ahead += {10 * minute}")
        four = track(page, "Four")
        assert four > one
        assert "is new: the last one had reached 1500 s" in session(page)["explained"]

        kept = page.evaluate(
            """async () => [await analytics.page(), await analytics.screen("s")].map(
                ({ event }) => event.integrations["Actions Amplitude"]?.session_id ?? null)"""
        )
        assert kept == [None, four]
        for _ in range(2):
            page.evaluate(f"ahead += {8 * minute}; analytics.page()")
        five = track(page, "Five")
        assert five > four, "a page view, here, keeps no session alive"
        started, ended = clean.arrived("Session Started", 3), clean.arrived("Session Ended", 2)
        assert [event["session_id"] for event in started] == [one, four, five]
        assert [event["session_id"] for event in ended] == [one, four]
        for event in ended:
            lasted = event["event_properties"]["duration"]
            assert event["time"] - event["session_id"] - lasted < LATENCY
        assert ended[0]["event_properties"]["duration"] >= 20 * minute


@ONE_RUNTIME
def test_each_storage_keeps_it_where_it_says(clean: Shop, browser: Browser) -> None:
    kept = "[!!localStorage.analytics_session_id, document.cookie.includes('analytics_session_id')]"
    expected = {"localStorage": [True, False], "cookie": [False, True], "memory": [False, False]}
    for storage, where in expected.items():
        with opened(browser, clean, clean.tagged(f"in-{storage}", f'storage="{storage}"')) as page:
            initialized(page)
            one = track(page, "One")
            assert track(page, "Two") == one
            assert page.evaluate(kept) == where, storage
            page.reload()
            initialized(page)
            assert (track(page, "Three") == one) == any(where), storage


@EITHER_BROWSER
@ONE_RUNTIME
def test_of_stores_that_disagree_the_newest_wins(clean: Shop, browser: Browser) -> None:
    minute = 60_000
    with fresh(browser) as context:
        page = context.new_page()
        page.goto(clean.page("disagree"))
        initialized(page)
        page.evaluate(AGED, ["localStorage", 50 * minute, 45 * minute])
        newest = page.evaluate(AGED, ["cookie", 20 * minute, 10 * minute])
        assert page.evaluate("analyticsSession.id") == newest
        assert track(page, "One") == newest
        assert session(page)["stored"] == newest, "and is written to the other"
        page.evaluate(AGED, ["localStorage", -20 * minute, -20 * minute])
        assert track(page, "Two") == newest, "a time to come is the least to be believed"


@ONE_RUNTIME
def test_a_storage_that_is_full(clean: Shop, browser: Browser) -> None:
    fill = """() => {
        for (let size = 2 ** 22; size >= 1; size /= 2) {
            try {
                for (let n = 0; ; n++) localStorage.setItem(`${size}-${n}`, "x".repeat(size));
            } catch {}
        }
    }"""
    for storage in ("localStorage", "auto"):
        with opened(browser, clean, clean.tagged(f"full-{storage}", f'storage="{storage}"')) as page:
            initialized(page)
            page.evaluate(fill)
            one = track(page, "One")
            assert track(page, "Two") == one == session(page)["id"]
            assert page.evaluate("localStorage.getItem('analytics_session_id')") is None


def test_events_of_a_page_that_leaves_when_its_session_is_over(clean: Shop, browser: Browser) -> None:
    """Nothing can be waited for then, no other tab's turn either."""
    url, other = clean.tagged("last", 'session-length="1" session-events="true"'), clean.page("elsewhere")
    with opened(browser, clean, url) as page:
        assert python(page) == "ready"
        initialized(page)
        page.evaluate("addEventListener('pagehide', () => analytics.track('Hidden'))")
        page.evaluate("addEventListener('pagehide', () => analytics.track('Captured'), true)")
        one = track(page, "One")
        page.evaluate(f"analytics.track('Clicked'); location.href = '{other}'")
        page.wait_for_url(other)
        sessions = {name: clean.arrived(name)[0]["session_id"] for name in ("Clicked", "Captured", "Hidden")}
        assert min(sessions.values()) > one
        begun = {one, *sessions.values()}
        started = clean.arrived("Session Started", len(begun))
        assert {event["session_id"] for event in started} == begun
        assert len(started) == len(begun), "each begins once"


@ONE_RUNTIME
def test_an_event_that_is_under_way_when_the_page_leaves_arrives_once(clean: Shop, browser: Browser) -> None:
    """Analytics.js' own request gets no answer; its next page sends the event again."""
    with opened(browser, clean, clean.page("under-way", after=HANG)) as page:
        initialized(page)
        page.evaluate("void analytics.track('Under way')")
        assert eventually(lambda: page.evaluate("hanging.length"))
        page.evaluate("void (location.href = '/nowhere')")
        page.wait_for_url("**/nowhere")
        [event] = clean.arrived("Under way")
        page.goto(clean.page("next"))
        initialized(page)
        assert event["session_id"] == track(page, "Later")
        clean.arrived("Later")
        assert eventually(lambda: not page.evaluate(KEPT))
        track(page, "Last")
        clean.arrived("Last")
        assert len(clean.events("Under way")) == 1


@EITHER_BROWSER
@ONE_RUNTIME
def test_session_events_that_are_sent_again_count_once(clean: Shop, browser: Browser) -> None:
    """The forwarder has them, but its answer is lost: Analytics.js tries again."""
    with opened(browser, clean, clean.tagged("again", 'session-events="true"', after=LOSE)) as page:
        initialized(page)
        one = track(page, "One")
        assert eventually(lambda: page.evaluate("sent.length") == 2)
        assert page.evaluate("sent") == [f"session-started-{one}-{device(page)}"] * 2
        track(page, "Two")
        clean.arrived("Two")
        [started] = clean.events("Session Started")
        assert started["session_id"] == one


@ONE_RUNTIME
def test_a_page_that_comes_back_goes_on(clean: Shop, browser: Browser) -> None:
    """From the back/forward cache, where the browser has one, or loaded anew; nobody looks at it."""
    shown = "addEventListener('pageshow', ({ persisted }) => analytics.track('Shown', { persisted }))"
    hidden = "Object.defineProperty(document, 'hidden', { value: true })"
    url = clean.page("comes-back", before=f"<script>{hidden}</script>", after=f"<script>{shown}</script>")
    with opened(browser, clean, url) as page:
        [one] = clean.arrived("Shown")
        page.goto(clean.page("between"))
        page.evaluate("void setTimeout(() => history.back())")  # once this call has its answer
        _, two = clean.arrived("Shown", 2)
        assert one["session_id"] == two["session_id"]
        assert one["device_id"] == two["device_id"]
