"""What is right for an event by the rules of times and ids, the presets, and the documented differences.

Written from the rules, not from the forwarder: nothing of it is imported. ``ABSENT`` values are left out.
"""

from typing import Any

from tests.senders.shapes import ADDRESS, Json, Library

HTTPAPI, IDENTIFY, GROUP, USERMAP = "/2/httpapi", "/identify", "/groupidentify", "/usermap"
ANY, DIGEST = "<any>", "<64 hexadecimal digits>"
"""What stands for a value that nobody can foretell: a made-up id, and the digest of one that is too long."""
ABSENT: Any = object()
"""A field that must not be there."""


def user_of(said: object) -> object:
    """Return Amplitude's user_id: null stays, as in the reference; an empty text goes; a number is text."""
    if said is None:
        return None
    return ABSENT if said is ABSENT or said == "" else str(said)


def device_of(event: Json) -> object:
    """Return Amplitude's device_id: the phone's, else the anonymous id."""
    context = event.get("context") or {}
    known = context.get("device", {}).get("id") or event.get("anonymousId")
    return known or ABSENT


def who(event: Json) -> Json:
    """Return the ids that every item of an event carries."""
    return {"user_id": user_of(event.get("userId", ABSENT)), "device_id": device_of(event)}


def there(values: Json) -> Json:
    """Return the values without those that must be absent; null says that a field must not be there."""
    return {name: "<absent>" if value is ABSENT else value for name, value in values.items()}


def logged(sender: Library, event: Json, kind: str, **known: Any) -> Json:
    """Return the item of the upload of events. ``known``: ``time`` in ms, ``session_id``, ``insert_id``."""
    platform = sender.platform() if event.get("context", sender.context) else ABSENT
    said = {
        "endpoint": HTTPAPI,
        "event_type": kind,
        **who(event),
        "session_id": ABSENT,
        "insert_id": event.get("messageId", ANY),
        "platform": platform or ABSENT,
        "ip": ADDRESS if sender.client else ABSENT,
        **known,
    }
    return there(said)


def identified(sender: Library, event: Json, **known: Any) -> Json:
    """Return the item of an identification: it has neither time nor session."""
    never = {"session_id": ABSENT, "time": ABSENT}
    said = {"endpoint": IDENTIFY, **who(event), **never, "insert_id": event.get("messageId", ANY)}
    return there({**said, "platform": sender.platform() or ABSENT, **known})


def grouped(event: Json, time: int) -> list[Json]:
    """Return the two items of a group call, by the mapping that this data is sent with."""
    group = event["groupId"]
    member = {"groups": {"company": group}, "time": time, "insert_id": event.get("messageId", ANY)}
    return [
        there({"endpoint": IDENTIFY, **who(event), **member}),
        there({"endpoint": GROUP, "group_type": "company", "group_value": group, "insert_id": ABSENT}),
    ]


def mapped(event: Json) -> Json:
    """Return the item of an alias call: the previous id becomes the user."""
    return {"endpoint": USERMAP, "user_id": event["previousId"], "global_user_id": event["userId"]}


def delivered(*items: Json) -> Json:
    """Return the outcome of an event that is sent as these items, in this order."""
    return {"outcome": "delivered", "items": list(items)}


def ended(outcome: str, reason: str = "") -> Json:
    """Return the outcome of an event of which nothing is sent."""
    return {"outcome": outcome, "reason": reason}


def viewed(name: str) -> str:
    """Return the presets' name of a page or screen; the template's blank stays where there is none."""
    return f"Viewed {name}"


EXCLUDED, NO_TRIGGER = "excluded by integrations", "no trigger matched"
