"""An owner's code, for the tests: a branch for each thing that it may do."""

import hashlib


def enrich(event, page):
    name = event.get("event")
    properties = event.setdefault("properties", {})
    if name == "Dropped":
        return None
    if name == "Raises":
        raise ValueError(properties.get("email"))
    if name == "Nonsense":
        return [event]
    if name == "Rare":  # no workload comes here
        properties["digest"] = hashlib.blake2b(b"x").hexdigest()[:8]
    if name == "Slow":
        properties["sum"] = sum(n * n for n in range(4_000_000))
    if isinstance(properties, dict):
        properties.pop("email", None)
        properties["enriched"] = properties.get("enriched", 0) + 1
        properties["path"] = page["path"]
    return event
