"""What the check sees of a page: its events, in whatever they are sent, of which none leaves the browser."""

from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser

from forwarder.verifying.watching import events_of
from tests.browser.shop_page import ONE_RUNTIME, Shop, fresh
from tests.support.waiting import PATIENCE_S, eventually

PAGE = "<script>analytics.page()</script>"


def send_last(running: Shop) -> None:
    """Have a server send an event: Amplitude has it after whatever of the page has left the browser."""
    last = {"type": "track", "event": "Of a server", "userId": "user-1", "writeKey": "web-key"}
    assert httpx.post(f"{running.forwarder.url}/v1/t", json=last, timeout=PATIENCE_S).status_code == 200
    running.arrived("Of a server")


@ONE_RUNTIME
def test_what_the_driver_misses_is_no_event(running: Shop, browser: Browser) -> None:
    """A page that goes away may take its requests out of the driver's hands."""
    with fresh(browser) as context:
        page = context.new_page()
        events, answered = events_of(page), list[str]()
        page.unroute_all()
        page.on(
            "response",
            lambda answer: answered.append(urlsplit(answer.url).path) if MARK in answer.url else None,
        )
        page.goto(running.page("missed", after=PAGE))
        page.evaluate(MISSED, running.forwarder.url)
        assert eventually(lambda: page.title() and {"/v1/p", "/v1/t", "/v1/batch"} <= set(answered)), answered
    names = {one.event.get("event") for one in events}
    assert {"By fetch", "By XMLHttpRequest"} <= names
    send_last(running)
    assert not [one for one in running.amplitude.events() if one["event_type"] in names]


@ONE_RUNTIME
def test_events_are_seen_in_whatever_they_are_sent(running: Shop, browser: Browser) -> None:
    """And none of them leaves the browser; what holds no event goes its way."""
    with fresh(browser) as context:
        page = context.new_page()
        events, asked = events_of(page), list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(running.page("bodies", after=PAGE))
        names = page.evaluate(BODIES, running.forwarder.url)
        assert eventually(lambda: page.title() and set(names) <= {one.event.get("event") for one in events})
        assert all(url.endswith("/v1/t") for url in (one.url for one in events if one.event.get("event")))
        kept = page.evaluate(KEPT, running.forwarder.url)
    assert kept == ["a,b", "true", "true", "text/plain", "7", "plain", "POST kept"]
    assert any(url.endswith("/no-event") for url in asked)
    assert len([one for one in events if one.event.get("event") in names]) == len(names), "each once"
    send_last(running)
    assert not [one for one in running.amplitude.events() if one["event_type"] in names]


BODIES = """async (forwarder) => {
  const url = forwarder + "/v1/t";
  const body = (event) => JSON.stringify({
    type: "track", event, userId: "user-1", messageId: "m-" + event, writeKey: "web-key",
  });
  const request = (event) => new Request(url, { method: "POST", body: body(event) });
  const bytes = (event) => new TextEncoder().encode(body(event));
  navigator.sendBeacon(url, new Blob([body("Blob")], { type: "text/plain" }));
  navigator.sendBeacon(url, new Blob([body("Parts").slice(0, 9), bytes("Parts").slice(9)]));
  navigator.sendBeacon(url, bytes("Bytes"));
  const ways = [
    fetch(url, { method: "POST", body: body("Text") }),
    fetch(new URL(url), { method: "POST", body: new Blob([body("Blob by fetch")]) }),
    fetch(url, { method: "POST", body: bytes("Bytes by fetch").buffer }),
    fetch(request("Request")),
    fetch(request("Clone").clone()),
    fetch(new Request(request("Request of a request"))),
    fetch(request("Nothing"), { body: body("Request with another body") }),
    fetch(new Request(url + "/no-event", { method: "POST", body: "nothing" })).catch(() => 0),
  ];
  const other = new XMLHttpRequest();
  other.open("POST", url);
  other.send(new Blob([body("Blob by XMLHttpRequest")]));
  await Promise.all(ways);
  return [
    "Blob", "Parts", "Bytes", "Text", "Blob by fetch", "Bytes by fetch", "Request", "Clone",
    "Request of a request", "Request with another body", "Blob by XMLHttpRequest",
  ];
}"""
KEPT = """async (forwarder) => {
  class Own extends Blob {}
  const request = new Request(forwarder, { method: "POST", body: "kept" });
  return [
    await new Blob(new Set(["a,", "b"])).text(),
    String(new Own([]) instanceof Blob && new Own([]) instanceof Own),
    String(new Blob([]).constructor === Blob && request.constructor === Request),
    new Blob(["x"], { type: "text/plain" }).type,
    String(new Blob(["message"]).size),
    await new Blob([new Blob(["plain"])]).text(),
    request.method + " " + await request.clone().text(),
  ];
}"""
"""What pages make of these classes, which stays what it is."""
MARK = "forwarder-verify=1"
MISSED = """(forwarder) => {
  analytics.track("By fetch");
  const event = { type: "track", event: "By XMLHttpRequest", userId: "user-1", messageId: "m-missed" };
  const request = new XMLHttpRequest();
  request.open("POST", forwarder + "/v1/batch");
  request.send(JSON.stringify({ writeKey: "web-key", batch: [event] }));
}"""
