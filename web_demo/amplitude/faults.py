"""Misbehaviour on demand: a queue of faults, one for each of the next requests."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Fault = dict[str, Any]
Items = Sequence[dict[str, Any]]
Answer = tuple[int, dict[str, Any]]
"""Status and JSON body."""

KINDS = {
    "throttle": "429; names `users` and `devices` (default: the first item's); nothing is taken",
    "bad": "400; says the items at `indexes` (default [0]) have an invalid field; nothing is taken",
    "silenced": "400; says the items at `indexes` (default [0]) are silenced; nothing is taken",
    "too large": "413, unless the request holds one item only",
    "taken and failed": "`status` (default 500), but everything was taken",
    "failed": "`status` (default 500); nothing is taken",
    "unavailable": "503; nothing is taken",
    "forbidden": "403; nothing is taken",
    "invalid key": "400, Invalid API key",
    "other": "`status` (default 200) and `text` (default HTML) of something in between; nothing is taken",
    "slow": "answers well after `seconds` (default 2)",
    "hang": "never answers; hangs up after `seconds` (default 60)",
    "reset": "hangs up without an answer",
    "taken and reset": "hangs up without an answer, but everything was taken",
}


@dataclass
class Faults:
    """The faults that are still to come."""

    queue: deque[Fault] = field(default_factory=deque)

    def add(self, faults: object) -> str | None:
        """Queue a list of faults, ``{"kind": ..., "times": n}``; return what is wrong with it, or None."""
        if not isinstance(faults, list):
            return "send a list of faults"
        for one in faults:
            if not isinstance(one, dict) or one.get("kind") not in KINDS:
                return f"each fault needs a kind: {', '.join(KINDS)}"
        for one in faults:
            self.queue.extend([one] * int(one.get("times", 1)))
        return None

    def next(self) -> Fault:
        """Return the fault for this request, empty for none."""
        return self.queue.popleft() if self.queue else {}


def answer(fault: Fault, items: Items) -> Answer | None:
    """Return the answer that a fault makes, None where it makes none of its own."""
    make = _ANSWERS.get(fault.get("kind", ""))
    return make(fault, items) if make else None


def _throttled(fault: Fault, items: Items) -> Answer:
    first = items[0] if items else {}
    users = fault.get("users", [first["user_id"]] if first.get("user_id") else [])
    devices = fault.get("devices", [first["device_id"]] if first.get("device_id") and not users else [])
    named = [
        index
        for index, item in enumerate(items)
        if item.get("user_id") in users or item.get("device_id") in devices
    ]
    return 429, {
        "code": 429,
        "error": "Too many requests for some devices and users",
        "eps_threshold": 30,
        "throttled_users": dict.fromkeys(users, 40),
        "throttled_devices": dict.fromkeys(devices, 40),
        "throttled_events": named,
    }


def _invalid(fault: Fault, items: Items) -> Answer:
    named = {"time": _indexes(fault)}
    return 400, {
        "code": 400,
        "error": "Invalid field values on some events",
        "events_with_invalid_fields": named,
    }


def _silenced(fault: Fault, items: Items) -> Answer:
    indexes = _indexes(fault)
    return 400, {
        "code": 400,
        "error": "Events silenced for device_id",
        "silenced_devices": [items[index].get("device_id") for index in indexes if index < len(items)],
        "silenced_events": indexes,
    }


def _indexes(fault: Fault) -> Sequence[int]:
    indexes: Sequence[int] = fault.get("indexes", [0])
    return indexes


def _too_large(fault: Fault, items: Items) -> Answer | None:
    return (413, {"code": 413, "error": "Payload too large"}) if len(items) > 1 else None


def _failed(fault: Fault, items: Items) -> Answer:
    status = fault.get("status", 500)
    return status, {"code": status, "error": "Internal server error"}


def _always(status: int, error: str) -> Callable[[Fault, Items], Answer]:
    return lambda fault, items: (status, {"code": status, "error": error})


_ANSWERS: dict[str, Callable[[Fault, Items], Answer | None]] = {
    "throttle": _throttled,
    "bad": _invalid,
    "silenced": _silenced,
    "too large": _too_large,
    "taken and failed": _failed,
    "failed": _failed,
    "unavailable": _always(503, "Service unavailable"),
    "forbidden": _always(403, "Forbidden"),
    "invalid key": _always(400, "Invalid API key"),
}
