"""An owner's code, for the tests: a branch for each thing that it may do."""

import hashlib

LOOPS = 10_000_000


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
    if name == "Loops":
        done = 0
        while done < LOOPS:
            done += 1
        properties["looped"] = done
    if isinstance(properties, dict):
        email = properties.pop("email", None)
        if isinstance(email, str) and isinstance(properties.get("note"), str):
            properties["note"] = properties["note"].replace(email, "").strip()
        properties["enriched"] = properties.get("enriched", 0) + 1
        properties["path"] = page["path"]
    return event
