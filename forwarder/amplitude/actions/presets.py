"""The subscriptions a new destination starts with, in Segment's own JSON shape."""

from typing import Final

from forwarder.amplitude.actions.fields import default_mapping

DEFAULT_TRIGGERS: Final[dict[str, str]] = {
    "logEvent": 'type = "track"',
    "logEventV2": 'type = "track"',
    "logPurchase": 'type = "track"',
    "identifyUser": 'type = "identify"',
    "groupIdentifyUser": 'type = "group"',
    "mapUser": 'type = "alias"',
}
"""The trigger each action starts with when it is added by hand."""

SESSION_ACTION: Final = "sessionId"
"""The browser plugin's own action: known, and nothing to do for the forwarder."""

Subscription = dict[str, object]


def _preset(name: str, subscribe: str, action: str, **changed: object) -> Subscription:
    return {
        "name": name,
        "enabled": True,
        "subscribe": subscribe,
        "partnerAction": action,
        "mapping": {} if action == SESSION_ACTION else default_mapping(action) | changed,
    }


def presets() -> list[Subscription]:
    """Return the six presets, newly made."""
    viewed = {"@template": "Viewed {{name}}"}
    session_types = ("track", "identify", "group", "page", "alias")
    return [
        _preset("Track Calls", 'type = "track" and event != "Order Completed"', "logEventV2"),
        _preset("Order Completed Calls", 'type = "track" and event = "Order Completed"', "logPurchase"),
        _preset("Page Calls", 'type = "page"', "logEventV2", event_type=viewed),
        _preset("Screen Calls", 'type = "screen"', "logEventV2", event_type=viewed),
        _preset("Identify Calls", 'type = "identify"', "identifyUser"),
        _preset(
            "Browser Session Tracking",
            " or ".join(f'type = "{kind}"' for kind in session_types),
            SESSION_ACTION,
        ),
    ]
