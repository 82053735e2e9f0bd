"""Events as a shop's visitors make them, no two alike: what the benchmarks send.

A thousand visitors are in the shop at a time, new ones after every 10,000 events, each with a user agent of
their own choice; few agents are common, many are rare. One event in twelve is an identification, one in
twenty an order, of which the presets make three of Amplitude's events.
"""

import random
import string
from collections.abc import Iterator
from typing import Any

IN_THE_SHOP = 1_000
STAY = 10_000
"""Events until others are in the shop."""
AGENTS = 1_000
KINDS = {"page": 32, "view": 40, "cart": 15, "identify": 8, "order": 5}
"""What visitors do, and how often of a hundred times."""
_SYSTEMS = (
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    *(f"Linux; Android {version}; Pixel {model}" for version in range(11, 16) for model in range(5, 10)),
    *(f"Linux; Android {version}; SM-G9{model}0B" for version in range(10, 15) for model in range(10, 19)),
)
_WORDS = ("novel", "lamp", "desk", "garden", "bicycle", "tea", "coat", "winter", "oak", "small", "blue")


def agents() -> list[str]:
    """Return the user agents, no two alike."""
    return [
        f"Mozilla/5.0 ({_SYSTEMS[n % len(_SYSTEMS)]}) AppleWebKit/537.36 (KHTML, like Gecko)"
        f" Chrome/{100 + n // len(_SYSTEMS)}.0.{n}.0 Safari/537.36"
        for n in range(AGENTS)
    ]


def visits(more: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield events without end, always the same. ``more``: further kinds."""
    chance, all_agents = random.Random(1), agents()
    kinds = [*KINDS, *more]
    weights = [*KINDS.values(), *(5 for _ in more)]
    number = 0
    while True:
        number += 1
        visitor = number // STAY * IN_THE_SHOP + chance.randrange(IN_THE_SHOP)
        (kind,) = chance.choices(kinds, weights)
        yield _common(chance, visitor, number, all_agents) | _own(chance, kind, number)


def _common(chance: random.Random, visitor: int, number: int, all_agents: list[str]) -> dict[str, Any]:
    agent = random.Random(visitor).random()
    page = f"/shop/{chance.choice(_WORDS)}/{chance.randrange(5_000)}"
    clock = f"14:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}"
    context: dict[str, Any] = {
        "page": {
            "path": page,
            "referrer": "" if number % 4 else "https://search.example/",
            "search": f"?ref={chance.choice(_WORDS)}",
            "title": f"A {chance.choice(_WORDS)} {chance.choice(_WORDS)}",
            "url": f"https://shop.example{page}",
        },
        "userAgent": all_agents[int(len(all_agents) * agent**3)],
        "locale": chance.choice(("de-DE", "en-US", "fr-FR")),
        "timezone": "Europe/Berlin",
        "library": {"name": "analytics.js", "version": "npm:next-1.82.0"},
    }
    if number % 5 == 0:
        context["campaign"] = {"source": "newsletter", "medium": "email", "name": chance.choice(_WORDS)}
    return {
        "messageId": f"ajs-next-1790000000000-{number:032x}",
        "anonymousId": f"{visitor:08x}-4c1e-4a5e-9a10-e0b0e0000000",
        "userId": f"user-{visitor:07}" if visitor % 3 else None,
        "timestamp": f"2026-09-{1 + number % 28:02}T{clock}Z",
        "integrations": {"Actions Amplitude": {"session_id": 1_790_000_000_000 + visitor}},
        "context": context,
    }


def _own(chance: random.Random, kind: str, number: int) -> dict[str, Any]:
    """Return what is particular to one kind of event."""
    if kind == "page":
        path = f"/shop/{chance.randrange(5_000)}"
        return {"type": "page", "name": chance.choice(_WORDS).title(), "properties": {"path": path}}
    if kind == "identify":
        email = f"{''.join(chance.choices(string.ascii_lowercase, k=8))}@shop.example"
        return {"type": "identify", "traits": {"plan": "free", "visits": number % 50, "email": email}}
    if kind == "group":
        return {"type": "group", "groupId": f"g{number % 97}", "traits": {"name": "Company"}}
    if kind == "order":
        properties = {"order_id": f"o{number}", "revenue": chance.randrange(9_999) / 100, "currency": "EUR"}
        products = [_product(chance), _product(chance)]
        return {
            "type": "track",
            "event": "Order Completed",
            "properties": properties | {"products": products},
        }
    properties = {**_product(chance), "position": number % 24, "currency": "EUR", "coupon": "SUMMER"}
    return {"type": "track", "event": f"Product {kind.title()}", "properties": properties}


def _product(chance: random.Random) -> dict[str, Any]:
    return {
        "product_id": f"sku-{chance.randrange(5_000)}",
        "name": f"A {chance.choice(_WORDS)} {chance.choice(_WORDS)}",
        "price": chance.randrange(20_000) / 100,
        "quantity": 1 + chance.randrange(3),
        "category": f"{chance.choice(_WORDS)}/{chance.choice(_WORDS)}",
    }
