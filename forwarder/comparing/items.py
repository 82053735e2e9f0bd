"""Items of Amplitude's requests, in whatever form they were kept: requests, items, lines of plan."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_ALONE = ("identification", "mapping")
"""Form fields that hold items, and so tell what a request without an address is."""
_KINDS = {
    "/2/httpapi": "event",
    "/httpapi": "event",
    "/batch": "event",
    "/identify": "identify",
    "/groupidentify": "group identify",
    "/usermap": "user map",
}
_NAMES_OF_BODIES = ("json", "form", "body", "data", "payload", "request")


@dataclass(frozen=True, slots=True)
class Item:
    """An item that goes to Amplitude. ``kind``: event, identify, group identify or user map.

    ``message_id``: of the event it was made of, empty where that is not known; ``mapping``: the subscription
    that made it, where that is known; ``place``: where in the input it stands.
    """

    kind: str
    body: Mapping[str, Any]
    message_id: str = ""
    mapping: str = ""
    place: str = ""

    @property
    def name(self) -> str:
        """Return the kind, and an event's name."""
        named = self.body.get("event_type")
        return f"{self.kind} {named!r}" if named else self.kind


@dataclass(frozen=True, slots=True)
class Read:
    """The contents of an input. ``problems``: one line for each part that is nothing of Amplitude's."""

    items: tuple[Item, ...]
    problems: tuple[str, ...]
    planned: frozenset[str] = frozenset()
    """The message ids of plan's lines, also of those that send nothing; empty for what was really sent."""


def read_items(text: str) -> Read:
    """Read what was sent, one JSON value a line (also pretty-printed, or in lists).

    Each is a request's body, a request with its address, one item, or a line of ``forwarder plan``; a line
    that is a form (``api_key=...&identification=...``) is read as one.
    """
    items: list[Item] = []
    problems: list[str] = []
    planned: list[str] = []
    for place, value in _values(text):
        if isinstance(value, dict) and isinstance(value.get("planned"), list):
            planned.append(str(value.get("messageId")))
        found = list(_items(value, place))
        items += found
        if not found and not _is_empty_plan(value):
            problems.append(f"{place}: no request to Amplitude, no item of one, no line of plan")
    return Read(tuple(items), tuple(problems), frozenset(planned))


def items_of_plan(line: Mapping[str, Any], place: str = "") -> Iterator[Item]:
    """Yield what a line of ``forwarder plan`` would send."""
    message_id = str(line.get("messageId"))
    for one in line.get("planned") or []:
        mapping = str(one.get("subscription"))
        if one.get("destination"):
            mapping = f"{one['destination']}: {mapping}"
        for call in one.get("calls") or []:
            for item in _request(call, place):
                yield Item(item.kind, item.body, message_id, mapping, place)


def _values(text: str) -> Iterator[tuple[str, Any]]:
    decoder = json.JSONDecoder()
    at = 0
    text = text.removeprefix("\ufeff")
    while at < len(text):
        if text[at].isspace() or text[at] == ",":
            at += 1
            continue
        place = f"line {text.count(chr(10), 0, at) + 1}"
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            yield place, dict(parse_qsl(text[at:end].strip()))
            at = end
            continue
        yield from ((place, one) for one in (value if isinstance(value, list) else [value]))


def _is_empty_plan(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("planned"), list)


def _items(value: Any, place: str) -> Iterator[Item]:
    if not isinstance(value, dict):
        return
    if isinstance(value.get("planned"), list):
        yield from items_of_plan(value, place)
    elif "url" in value or any(name in value for name in ("events", *_ALONE)):
        yield from _request(value, place)
    else:
        yield from _item(value, "", place)


def _request(value: Mapping[str, Any], place: str) -> Iterator[Item]:
    """Yield the items of a request: with its address, or its body alone."""
    body: Any = value
    if "url" in value:
        body = next((value[name] for name in _NAMES_OF_BODIES if name in value), {})
    body = _decoded(body)
    kind = _KINDS.get(urlsplit(str(value.get("url") or "")).path.rstrip("/"), "")
    if not isinstance(body, dict):
        return
    held = next((name for name in ("events", *_ALONE) if name in body), "")
    items = _decoded(body.get(held)) if held else [body]
    for one in items if isinstance(items, list) else [items]:
        if isinstance(one, dict):
            yield from _item(one, kind or ("event" if held == "events" else ""), place)


def _item(body: Mapping[str, Any], kind: str, place: str) -> Iterator[Item]:
    """Yield an item whose kind is known, or told by its fields; nothing where they tell none."""
    if known := kind or _kind_of(body):
        yield Item(known, dict(body), str(body.get("insert_id") or ""), "", place)


def _decoded(value: Any) -> Any:
    """Return a value that may be JSON, or a form, as text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return dict(parse_qsl(value))


def _kind_of(body: Mapping[str, Any]) -> str:
    """Return what an item is by its fields; empty for what is no item."""
    if "event_type" in body:
        return "event"
    if "group_type" in body and "group_value" in body:
        return "group identify"
    if "global_user_id" in body:
        return "user map"
    if "user_properties" in body or (("user_id" in body or "device_id" in body) and "type" not in body):
        return "identify"
    return ""
