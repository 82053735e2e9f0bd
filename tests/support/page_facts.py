"""Facts of a page's event, and the patch that the rules make of them. Times in ms."""

import json
from typing import Any

from browser_plugin.entry import handle
from browser_plugin.rules import enrich

NOW = 1_700_000_000_000
MINUTE = 60_000
NAME, OTHER = "Actions Amplitude", "Amplitude (Actions)"
SETTINGS = {
    "sessionLength": 30 * MINUTE,
    "sessionEvents": True,
    "startedName": "Session Started",
    "endedName": "Session Ended",
    "eventTypes": ["track", "page", "identify", "group", "alias"],
    "maximumLength": 0,
    "newOnReset": False,
    "newOnUserChange": False,
}


def asked(
    event: dict[str, Any] | None = None,
    stores: list[list[str]] | None = None,
    settings: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return facts: an event of now on a page a minute old, nothing stored, unless said otherwise."""
    return {
        "event": {
            "type": "track",
            "event": "Seen",
            "anonymousId": "ada",
            "integrations": None,
            **(event or {}),
        },
        "time": NOW - 5,
        "born": NOW - MINUTE,
        "now": NOW,
        "stores": stores or [["", "", ""]],
        "earlier": False,
        "before": None,
        "loaded": None,
        "visitor": None,
        "user": None,
        **more,
        "settings": {**SETTINGS, **(settings or {})},
    }


def at(session_id: int, last: int, reset: str = "") -> list[str]:
    """Return a store's texts; both times relative to now."""
    return [str(NOW + session_id), str(NOW + last), reset]


def before(stores: list[list[str]], options: Any = None) -> dict[str, Any]:
    """Return what was there before another plugin: the stores' texts and the integration's options."""
    return {"stores": stores, "options": options}


def patched(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the patch, which is the same through the page's entry."""
    before = json.dumps(facts)
    patch = enrich(facts)
    assert json.dumps(facts) == before, "facts stay as they are"
    assert patch is not None
    assert json.loads(handle(before)) == patch
    return patch


STARTED = {
    "name": "Session Started",
    "properties": {},
    "timestamp": NOW - 5,
    "session_id": NOW,
    "messageId": f"session-started-{NOW}-ada",
    "integrations": {NAME: {"session_id": NOW}},
    "who": {"anonymousId": "ada", "userId": None},
}
