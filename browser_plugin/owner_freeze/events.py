"""Made-up events as Analytics.js has them, for an owner's code to be warmed, profiled and checked with."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from browser_plugin.minimal import KEPT

NAMES = (
    "Product Viewed",
    "Order Completed",
    "Signed Up",
    "x",
    "Gr\u00f6\u00dfe",
    "\u65e5\u672c",
    "\U0001f600",
)
PATHS = ("/", "/products/7", "/category/shoes", "/cart", "/checkout/done", "/blog/a-b", "/konto/\u00e4", "")
QUERIES = ("", "?utm_source=FB&utm_medium=cpc&token=s3cret", "?q=%C3%A4&email=bob%40example.com", "?a", "?")
TEXTS = (
    *(
        "",
        "x",
        "Bob@Example.com",
        "write to bob@example.com, please",
        "19.99",
        "EUR",
        "gbp ",
        "\ud83d",
        "%zz",
    ),
    *(
        "https://a.example/x?token=1#top",
        "\u65e5\u672c\u8a9e",
        "a\n\tb",
        "x" * 300,
        "2023-11-14T22:13:20.000Z",
    ),
)
NUMBERS = (0, 1, -3, 19.99, 1e21, 0.1, 10**15, -0.0)
ODD: tuple[Any, ...] = (None, True, False, [], {}, [1, "a", None], {"a": {"b": [1]}}, *TEXTS, *NUMBERS)
CURRENCIES = ("EUR", "USD", "GBP", "xxx", "", None, 5)
LONG = "write to bob@example.com, see https://a.example/x?token=1, \u00e4 \U0001f600; " * 700
"""For events of every size that a page may have: up to 54 kB."""
OFTEN = 40
"""Of so many events one is long."""
SPOILED_EVENTS = 0.4
"""Of all events, those in which values may be of a kind that nobody expects."""
SPOILED = 0.06
"""Of the values of such an event, those that are."""


def made_up(seed: int) -> Iterator[dict[str, Any]]:
    """Yield events without end, the same ones for the same seed."""
    random = Random(seed)
    number = 0
    while True:
        number += 1
        event = _event(random, number)
        if random.random() < SPOILED_EVENTS:
            event = {name: one if name in KEPT else spoiled(one, random) for name, one in event.items()}
        yield event


def given(path: Path) -> list[dict[str, Any]]:
    """Return the events of a file, one a line. Raises ValueError with the line that is none."""
    events = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        event = json.loads(line)
        if not isinstance(event, dict):
            raise ValueError(f"{path}:{number} is no JSON object")
        events.append(event)
    return events


def _event(random: Random, number: int) -> dict[str, Any]:
    path = random.choice(PATHS)
    search = random.choice(QUERIES)
    kind = random.choice(("track", "track", "track", "page", "identify", "group"))
    event: dict[str, Any] = {
        "type": kind,
        "messageId": f"ajs-{number}",
        "timestamp": f"2023-11-{1 + number % 28:02}T22:13:20.000Z",
        "anonymousId": f"a-{random.randrange(100)}",
        "userId": random.choice((None, f"u-{random.randrange(100)}", "bob@example.com")),
        "integrations": {"Actions Amplitude": {"session_id": 1_700_000_000_000}},
        "context": {
            "page": {
                "path": path,
                "search": search,
                "url": f"https://shop.example{path}{search}",
                "title": random.choice(TEXTS),
                "referrer": random.choice(("", "https://search.example/?q=bob%40example.com")),
            },
            "userAgent": "Mozilla/5.0",
            "locale": "de-DE",
            "library": {"name": "analytics.js", "version": "npm:next-1.83.0"},
        },
    }
    if random.random() < 0.5:
        event["context"]["campaign"] = {
            "source": random.choice(("FB", " Google", "x")),
            "name": "Summer+Sale",
        }
    inside = "traits" if kind in ("identify", "group") else "properties"
    event[inside] = {random.choice(("a", "email", "name", "value")): random.choice(ODD) for _ in range(3)}
    if kind == "track":
        event["event"] = random.choice(NAMES)
        event["properties"] |= {"revenue": random.choice(NUMBERS), "currency": random.choice(CURRENCIES)}
    if number % OFTEN == 0:
        many = random.randrange(200)
        event[inside]["products"] = [{"id": f"p-{n}", "price": n + 0.99, "name": "Shoe"} for n in range(many)]
        event[inside]["long"] = LONG[: random.randrange(len(LONG))]
    return event


def spoiled(value: Any, random: Random) -> Any:
    """Return a JSON value in which some values are of another kind."""
    if random.random() < SPOILED:
        return random.choice(ODD)
    if isinstance(value, dict):
        return {name: spoiled(one, random) for name, one in value.items()}
    return [spoiled(one, random) for one in value] if isinstance(value, list) else value
