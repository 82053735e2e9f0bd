"""Comparing what is planned or has arrived with what is right; see ``expected``."""

import base64
import json
from collections import Counter
from typing import Any

from forwarder.amplitude.actions.fields import default_mapping
from forwarder.amplitude.actions.presets import presets
from tests.senders.expected import ANY, DIGEST
from tests.senders.shapes import Json

SUBSCRIPTIONS: list[Json] = [
    *presets(),
    {
        "name": "Groups",
        "subscribe": 'type = "group"',
        "partnerAction": "groupIdentifyUser",
        "mapping": default_mapping("groupIdentifyUser")
        | {"group_type": "company", "group_value": {"@path": "$.groupId"}},
    },
    {
        "name": "Aliases",
        "subscribe": 'type = "alias"',
        "partnerAction": "mapUser",
        "mapping": default_mapping("mapUser"),
    },
]
"""The presets, and a mapping for the two calls they leave out."""


def body_of(request: Json) -> bytes:
    """Return the bytes of a stored request's body."""
    if "body_base64" in request:
        return base64.b64decode(request["body_base64"])
    text: str = request["body"]
    return text.encode()


def differences(wanted: Json, item: Json, but: tuple[str, ...] = ()) -> list[str]:
    """Return how an item, with its ``endpoint``, differs from what is right; ``but``: fields left out."""
    found = []
    for name, value in wanted.items():
        got = item.get(name, "<absent>")
        same = got == value and type(got) is type(value)
        if value == ANY:
            same = isinstance(got, str) and len(got) >= 32
        elif value == DIGEST:
            same = isinstance(got, str) and len(got) == 64 and set(got) <= set("0123456789abcdef")
        if name not in but and not same:
            found.append(f"{name}: {got!r} for {value!r}")
    return found


def ends(payload: Json) -> tuple[Counter[str], int]:
    """Return the reasons of events that are to be rejected, and how many are to be duplicates."""
    events = payload["expected"]["events"]
    rejected = Counter(each["reason"] for each in events if each["outcome"] == "rejected")
    return rejected, sum(each["outcome"] == "duplicate" for each in events)


def kept(payload: Json) -> list[Json]:
    """Return what is right for those events of a request that are taken."""
    return [each for each in payload["expected"]["events"] if each["outcome"] in ("delivered", "filtered")]


def read(data: bytes) -> Any:
    """Return an item's JSON."""
    return json.loads(data)
