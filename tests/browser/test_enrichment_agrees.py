"""Page and forwarder do the same to the same 5,000 events, and each event is enriched once."""

import json
import urllib.request
from itertools import islice
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from browser_plugin.owner_freeze.events import made_up
from browser_plugin.owner_freeze.texts import texts_of
from tests.browser.enriched_shop import CODE, enriched_shop, opened, up
from tests.browser.shop_page import EITHER_BROWSER, Shop
from tests.support.operator import all_ended, metrics

COUNT = 5_000
SEED = 5
"""Another than those of the freeze."""
LARGEST = 20_000
"""Characters of an event: a forwarder takes no larger ones, and a batch holds so many."""
TOGETHER = 100
OBJECTS = ("integrations", "properties", "traits", "context")
THROUGH = """
async (texts) => {
  const { track } = analytics.queue.plugins.find(({ name }) => name === "Session Enrichment");
  const left = [];
  for (const text of texts) {
    const context = { event: JSON.parse(text), cancel() { throw new Error("dropped"); } };
    try {
      await track(context);
      left.push(context.event);
    } catch (error) {
      if (error.message !== "dropped") throw error;
    }
  }
  return JSON.stringify(left);
}
"""


def is_of_a_page(event: dict[str, Any]) -> bool:
    """Tell whether Analytics.js makes such events; of others a forwarder rejects or mends some first."""
    return all(isinstance(event.get(name, {}), dict) for name in OBJECTS)


def send(running: Shop, events: list[dict[str, Any]]) -> None:
    for first in range(0, len(events), TOGETHER):
        batch = {"writeKey": "web-key", "batch": events[first : first + TOGETHER]}
        request = urllib.request.Request(
            f"{running.forwarder.url}/v1/b",
            data=json.dumps(batch).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200


def enrichments(running: Shop) -> dict[str, int]:
    """Return how many events of the forwarder were enriched, by whom, or not."""
    name, shown = "forwarder_enrichment_events_total", metrics(running.forwarder.url)
    return {labels[1]: value for labels, value in shown.items() if labels[0] == name}


def delivered(running: Shop) -> list[str]:
    """Wait until all is delivered; return the items that arrived, sorted."""
    assert all_ended(running.forwarder.url, "amplitude")
    return sorted(json.dumps([path, item], sort_keys=True) for path, item in running.amplitude.items)


@EITHER_BROWSER
def test_page_and_forwarder_do_the_same_and_each_event_is_enriched_once(
    context: BrowserContext, optional_shop: Shop, tmp_path: Path, browser_name: str
) -> None:
    made = filter(is_of_a_page, made_up(SEED))
    events = ({**one, "messageId": f"{browser_name}-{one['messageId']}"} for one in made)
    texts = [text for text in texts_of(islice(events, 2 * COUNT)) if len(text) <= LARGEST][:COUNT]
    page = opened(context, optional_shop)
    up(page)
    before = enrichments(optional_shop)
    left = json.loads(page.evaluate(THROUGH, texts))
    shown = page.evaluate("analyticsSession.enrichment")
    counts = [shown[name] for name in ("enriched", "dropped", "failed", "passed")]
    assert sum(counts[:3]) == COUNT == len(left) + counts[1]
    send(optional_shop, left)
    by_page = delivered(optional_shop)
    told = {name: value - before.get(name, 0) for name, value in enrichments(optional_shop).items()}
    for shop in enriched_shop(tmp_path, False, f'enrich = "{CODE}"'):
        send(shop, [json.loads(text) for text in texts])
        by_forwarder = delivered(shop)
        assert sorted(set(by_page) ^ set(by_forwarder)) == [], "whoever enriches"
        assert len(by_page) == len(by_forwarder)
        alone = enrichments(shop)
    assert len(by_page) > COUNT // 2
    assert told["by_page"] == alone["enriched"] > COUNT // 2
    assert not told.get("enriched"), "nothing twice"
    assert told.get("failed", 0) == alone.get("failed", 0)
