"""What an event costs in writes to the browser's storage, which is most of what it costs at all."""

from playwright.sync_api import Browser

from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, initialized, opened

COUNTED = """
() => {
  const write = Storage.prototype.setItem;
  window.writes = [];
  Storage.prototype.setItem = function (key, value) {
    if (key.startsWith("analytics_session")) writes.push(key);
    return write.call(this, key, value);
  };
  window.time = Date.now();
  Date.now = () => time;
}
"""
TRACKED = (
    "async (names) => { for (const name of names) await analytics.track(name); return writes.splice(0); }"
)


@EITHER_BROWSER
@ONE_RUNTIME
def test_of_the_events_of_one_millisecond_one_writes(clean: Shop, browser: Browser) -> None:
    last = "analytics_session_id.last_access"
    with opened(browser, clean, clean.tagged("writes", 'storage="localStorage"')) as page:
        initialized(page)
        page.evaluate(COUNTED)
        first = page.evaluate(TRACKED, ["One", "Two", "Three"])
        assert first == ["analytics_session_id", last]
        page.evaluate("time += 5")
        assert page.evaluate(TRACKED, ["Four", "Five"]) == [last]
        assert page.evaluate(f"localStorage.getItem('{last}')") == str(page.evaluate("time"))
