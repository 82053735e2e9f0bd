"""Planning alone: from a parsed event to what Amplitude gets, with the presets, in CPU-microseconds.

``python -m tests.bench.planning`` prints one line of JSON. The events are as a shop's visitors make them, no
two alike: pages, views, carts, purchases with products, identifications, groups.
"""

import json
from collections.abc import Iterator
from typing import Any

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude import user_agent as agents
from tests.bench import mapping

SETTINGS = {"apiKey": "key", "secretKey": "secret", "endpoint": "north_america"}
EVENTS = 2000
COLD_EVENTS = 300
AGENT = "Mozilla/5.0 (Linux; Android 14; Pixel {0}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{1}.0.{2}.0"
MIX = ("page", "view", "view", "page", "cart", "view", "identify", "page", "purchase", "group")


def events(count: int, user_agents: int) -> Iterator[dict[str, Any]]:
    """Yield so many events, from so many different user agents."""
    for number in range(count):
        clock = f"14:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}"
        event: dict[str, Any] = {
            "messageId": f"ajs-next-1790000000000-{number:032x}",
            "anonymousId": f"{number % 97:08x}-4c1e-4a5e-9a10-e0b0e0000000",
            "userId": f"user-{number % 89:06}" if number % 3 else None,
            "timestamp": f"2026-09-{1 + number % 28:02}T{clock}Z",
            "integrations": {"Actions Amplitude": {"session_id": 1_790_000_000_000 + number % 97}},
            "context": {
                "page": {
                    "path": f"/shop/{number}",
                    "referrer": "" if number % 4 else "https://search.example/",
                    "title": "Shop",
                    "url": f"https://shop.example/shop/{number}",
                },
                "userAgent": AGENT.format(number % user_agents, 100 + number % 30, number % user_agents),
                "locale": "de-DE",
                "timezone": "Europe/Berlin",
                "library": {"name": "analytics.js", "version": "npm:next-1.82.0"},
                **(
                    {}
                    if number % 5
                    else {"campaign": {"source": "mail", "medium": "email", "name": "autumn"}}
                ),
            },
        }
        yield event | specific(MIX[number % len(MIX)], number)


def specific(kind: str, number: int) -> dict[str, Any]:
    """Return what is particular to one kind of event."""
    product = {"product_id": f"p{number}", "name": "A thing", "price": number % 50 + 0.5, "quantity": 2}
    if kind == "page":
        return {"type": "page", "name": "Product", "properties": {"path": f"/shop/{number}", "title": "Shop"}}
    if kind == "identify":
        return {"type": "identify", "traits": {"plan": "free", "visits": number, "email": "a@shop.example"}}
    if kind == "group":
        return {"type": "group", "groupId": f"g{number}", "traits": {"name": "Company"}}
    if kind == "purchase":
        properties = {"order_id": f"o{number}", "revenue": 25.5, "products": [product, product]}
        return {"type": "track", "event": "Order Completed", "properties": properties}
    return {"type": "track", "event": f"Product {kind.title()}", "properties": product}


def measure() -> dict[str, float]:
    """Return CPU-microseconds per event: known and new user agents, with warnings, with requests."""
    destination = AmplitudeDestination(SETTINGS)
    linting = AmplitudeDestination(SETTINGS, on_warning=lambda kind: None)
    varied = list(events(EVENTS, 50))
    unseen = list(events(COLD_EVENTS, COLD_EVENTS))

    def forgetting(event: dict[str, Any]) -> None:
        agents.read_user_agent.cache_clear()
        agents.fields_without_hints.cache_clear()
        destination.items(event)

    warm = mapping.microseconds(destination.items, varied)
    return {
        "us/event": warm,
        "us/event, new user agent": mapping.microseconds(forgetting, unseen, rounds=1),
        "us/event with lint": mapping.microseconds(linting.items, varied),
        "us/event with requests": mapping.microseconds(destination.plan, varied),
    }


if __name__ == "__main__":
    print(json.dumps({"bench": "planning", **measure()}))
