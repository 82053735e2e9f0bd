"""Misbehaviour on demand: a queue of faults, one for each of the next requests."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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

    queue: deque[dict[str, Any]] = field(default_factory=deque)

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

    def next(self) -> dict[str, Any]:
        """Return the fault for this request, empty for none."""
        return self.queue.popleft() if self.queue else {}


def answer(fault: dict[str, Any], items: Sequence[dict[str, Any]]) -> tuple[int, dict[str, Any]] | None:
    """Return the answer that a fault makes, None where it makes none of its own."""
    kind = fault.get("kind")
    indexes = fault.get("indexes", [0])
    if kind == "throttle":
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
    if kind == "bad":
        error = "Invalid field values on some events"
        return 400, {"code": 400, "error": error, "events_with_invalid_fields": {"time": indexes}}
    if kind == "silenced":
        return 400, {
            "code": 400,
            "error": "Events silenced for device_id",
            "silenced_devices": [items[index].get("device_id") for index in indexes if index < len(items)],
            "silenced_events": indexes,
        }
    if kind == "too large" and len(items) > 1:
        return 413, {"code": 413, "error": "Payload too large"}
    if kind == "invalid key":
        return 400, {"code": 400, "error": "Invalid API key"}
    if kind in ("taken and failed", "failed"):
        status = fault.get("status", 500)
        return status, {"code": status, "error": "Internal server error"}
    if kind == "forbidden":
        return 403, {"code": 403, "error": "Forbidden"}
    if kind == "unavailable":
        return 503, {"code": 503, "error": "Service unavailable"}
    return None
