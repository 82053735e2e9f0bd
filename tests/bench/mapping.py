"""The mapping of a default event: compiled against interpreted, in the same run.

``python -m tests.bench.mapping`` prints one line of JSON. The interpreter here is what the compiler is
measured against: it walks the same directives for each event, and both must give the same.
"""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from forwarder.amplitude.actions.fields import default_mapping
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping import compile_mapping
from forwarder.mapping.paths import look_up, without_root
from forwarder.mapping.runtime.templates import render

ACTION = "logEventV2"
EVENTS = 2000
ROUNDS = 15


def interpret(node: Any, payload: dict[str, Any]) -> Any:
    """Return the value of a node with the directives that default mappings use."""
    if isinstance(node, list):
        return [interpret(item, payload) for item in node]
    if not isinstance(node, dict):
        return node
    if "@path" in node:
        return look_up(payload, without_root(node["@path"]))
    if "@template" in node:
        return render(node["@template"], payload)
    if "@if" in node:
        options = node["@if"]
        found = interpret(options["exists"], payload)
        branch = "else" if found is None or found is UNDEFINED else "then"
        return interpret(options[branch], payload) if branch in options else UNDEFINED
    if "@arrayPath" in node:
        path, shape = node["@arrayPath"]
        items = look_up(payload, without_root(path))
        if not isinstance(items, (dict, list)):
            return items
        return [interpret(shape, item) for item in (items if isinstance(items, list) else [items])]
    values = {key: interpret(one, payload) for key, one in node.items()}
    return {key: value for key, value in values.items() if value is not UNDEFINED}


def events(count: int) -> list[dict[str, Any]]:
    """Return events as a shop's pages send them, no two alike."""
    return [
        {
            "type": "track",
            "event": "Product Viewed" if number % 3 else "Order Completed",
            "messageId": f"message-{number}",
            "anonymousId": f"anonymous-{number}",
            "userId": f"user-{number}" if number % 2 else None,
            "timestamp": "2026-01-01T00:00:00.000Z",
            "properties": {
                "price": number / 7,
                "currency": "EUR",
                "products": [
                    {"product_id": f"p{item}", "price": item, "quantity": 1} for item in range(number % 4)
                ],
            },
            "context": {
                "page": {"url": f"https://shop.example/{number}", "referrer": "", "title": "Shop"},
                "library": {"name": "analytics.js", "version": "2.1.0"},
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "locale": "de-DE",
                "ip": "203.0.113.7",
                "campaign": {"name": "autumn", "source": "mail"} if number % 5 == 0 else {},
            },
            "integrations": {"Actions Amplitude": {"session_id": 1767225600000 + number}},
        }
        for number in range(count)
    ]


def microseconds(
    function: Callable[[dict[str, Any]], Any], payloads: list[dict[str, Any]], rounds: int = ROUNDS
) -> float:
    """Return CPU-microseconds per event, the best of some rounds."""

    def once() -> float:
        started = time.process_time()
        for payload in payloads:
            function(payload)
        return (time.process_time() - started) / len(payloads) * 1e6

    return min(once() for _ in range(rounds))


def measure() -> dict[str, float]:
    """Return the figures: compiled and interpreted in CPU-microseconds per event, and their ratio."""
    mapping, payloads = default_mapping(ACTION), events(EVENTS)
    compiled = compile_mapping(mapping)
    _must_agree(compiled, mapping, payloads)
    quick = microseconds(compiled, payloads)
    slow = microseconds(lambda payload: interpret(mapping, payload), payloads)
    return {"fields": len(mapping), "compiled_us": quick, "interpreted_us": slow, "ratio": slow / quick}


def _must_agree(
    compiled: Callable[[object], object], mapping: dict[str, Any], payloads: Iterable[dict[str, Any]]
) -> None:
    for payload in payloads:
        if compiled(payload) != interpret(mapping, payload):
            raise AssertionError(f"compiled and interpreted differ on {payload['messageId']}")


if __name__ == "__main__":
    print(json.dumps({"bench": "mapping", **measure()}))
