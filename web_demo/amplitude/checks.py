"""What Amplitude refuses, and in which words: pure functions from a request's items to an answer.

From Amplitude's public documentation of the HTTP V2, batch, identify, group identify and user mapping APIs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

REFUSED_IDS = {
    *("", "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "{}", "lmy47d", "0", "-1"),
    "00000000-0000-0000-0000-000000000000",
}
MOST_BYTES = {"/2/httpapi": 1 << 20, "/batch": 20 << 20, "/groupidentify": 1 << 20, "/usermap": 1 << 20}
MOST_ITEMS = {"/2/httpapi": 2000, "/batch": 2000, "/groupidentify": 1024, "/usermap": 2000}
WHOLE_NUMBERS = ("time", "session_id", "event_id")
OBJECTS = ("event_properties", "user_properties", "groups", "group_properties")
Answer = tuple[int, dict[str, Any]]


def refused(error: str, **more: object) -> Answer:
    """Return a 400."""
    return 400, {"code": 400, "error": error, **more}


def too_much(path: str, size: int, items: int) -> Answer | None:
    """Refuse requests over the limits of ``path``; ``size`` in bytes after inflating."""
    if size > MOST_BYTES.get(path, 20 << 20) or items > MOST_ITEMS.get(path, 2000):
        return 413, {"code": 413, "error": "Payload too large"}
    return None


def wrong_polling(seconds: object) -> bool:
    """Return whether the check of recent events refuses a ``polling_timeout_seconds``; None: not given."""
    return seconds is not None and not (type(seconds) is int and 1 <= seconds <= 120)


def usable_id(value: object, shortest: int) -> bool:
    """Return whether a user or device id counts."""
    return isinstance(value, str) and len(value) >= shortest and value.lower() not in REFUSED_IDS


@dataclass
class Mistakes:
    """The mistakes in a list of events: for each kind of mistake, the indexes by the field's name."""

    invalid: dict[str, list[int]] = field(default_factory=dict)
    missing: dict[str, list[int]] = field(default_factory=dict)
    short: dict[str, list[int]] = field(default_factory=dict)

    def note(self, index: int, event: Mapping[str, Any], shortest: int) -> None:
        """Note the mistakes of the event at ``index``; ids have ``shortest`` characters or more."""
        if not event.get("event_type"):
            self.missing.setdefault("event_type", []).append(index)
        given = [name for name in ("user_id", "device_id") if event.get(name) not in (None, "")]
        if not given:
            self.missing.setdefault("user_id", []).append(index)
        elif not any(usable_id(event[name], shortest) for name in given):
            for name in given:
                self.short.setdefault(name, []).append(index)
        for name in wrong_fields(event):
            self.invalid.setdefault(name, []).append(index)

    @property
    def error(self) -> str:
        """The sentence of the refusal, empty where there is no mistake."""
        if self.short:
            return "Invalid id length for user_id or device_id"
        if self.missing:
            return "Request missing required field"
        return "Invalid field values on some events" if self.invalid else ""


def events(path: str, found: Sequence[Any], options: Mapping[str, Any]) -> Answer | None:
    """Return the refusal of a list of events, None where all are good.

    HTTP V2 names the first bad event only, batch all of them.
    """
    mistakes = Mistakes()
    for index, event in enumerate(found):
        if not isinstance(event, dict):
            return refused("Invalid event JSON")
        mistakes.note(index, event, options.get("min_id_length") or 5)
        if mistakes.error and path == "/2/httpapi":
            break
    if not mistakes.error:
        return None
    return refused(
        mistakes.error,
        missing_field=None,
        events_with_invalid_fields=mistakes.invalid,
        events_with_missing_fields=mistakes.missing,
        events_with_invalid_id_lengths=mistakes.short,
    )


def wrong_fields(event: Mapping[str, Any]) -> list[str]:
    """Return the names of fields whose values have the wrong type."""
    wrong = [
        name
        for name in WHOLE_NUMBERS
        if (value := event.get(name)) is not None and (isinstance(value, bool) or not isinstance(value, int))
    ]
    wrong += [name for name in OBJECTS if not isinstance(event.get(name) or {}, dict)]
    return wrong


def identifications(found: Sequence[Any], options: Mapping[str, Any]) -> Answer | None:
    """Return the refusal of identify's items, None where all are good."""
    shortest = options.get("min_id_length") or 5
    for one in found:
        if not isinstance(one, dict):
            return refused("Invalid event JSON")
        if not any(usable_id(one.get(name), shortest) for name in ("user_id", "device_id")):
            return refused("Invalid id length for user_id or device_id")
    return None


def groups(found: Sequence[Any]) -> Answer | None:
    """Return the refusal of group identify's items, None where all are good."""
    for one in found:
        if not (isinstance(one, dict) and one.get("group_type") and one.get("group_value") is not None):
            return refused("Request missing required field", missing_field="group_type")
    return None


def mappings(found: Sequence[Any]) -> Answer | None:
    """Return the refusal of user mappings, None where all are good."""
    for one in found:
        if not (
            isinstance(one, dict) and one.get("user_id") and (one.get("global_user_id") or one.get("unmap"))
        ):
            return refused("Request missing required field", missing_field="global_user_id")
    return None
