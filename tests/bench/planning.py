"""Planning alone: from a parsed event to what Amplitude gets, with the presets, in CPU-microseconds.

``python -m tests.bench.planning`` prints one line of JSON. The events are those of
``visitors``, and groups.
"""

import json
from itertools import islice
from typing import Any

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude import user_agent as agents
from tests.bench import mapping, visitors

SETTINGS = {"apiKey": "key", "secretKey": "secret", "endpoint": "north_america"}
EVENTS = 2000
COLD_EVENTS = 300


def measure() -> dict[str, float]:
    """Return CPU-microseconds per event: known and new user agents, with warnings, with requests."""
    destination = AmplitudeDestination(SETTINGS)
    linting = AmplitudeDestination(SETTINGS, on_warning=lambda kind: None)
    varied = list(islice(visitors.visits(more=("group",)), EVENTS))

    def forgetting(event: dict[str, Any]) -> None:
        agents._usual.cache_clear()
        agents._unusual.cache_clear()
        agents.fields_without_hints.cache_clear()
        destination.items(event)

    warm = mapping.microseconds(destination.items, varied)
    return {
        "us/event": warm,
        "us/event, new user agent": mapping.microseconds(forgetting, varied[:COLD_EVENTS], rounds=1),
        "us/event with lint": mapping.microseconds(linting.items, varied),
        "us/event with requests": mapping.microseconds(destination.plan, varied),
    }


if __name__ == "__main__":
    print(json.dumps({"bench": "planning", **measure()}))
