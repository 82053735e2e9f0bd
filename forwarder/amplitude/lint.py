"""What Amplitude would cut, drop or misread of what is planned, though it answers that all is well."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeGuard

from forwarder.amplitude.payload.validation import Payload
from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item, Warning  # noqa: A004 - what it is called
from forwarder.amplitude.wire.limits import (
    GROUP_TYPES,
    GROUP_VALUES,
    ID_CHARACTERS,
    LEVELS,
    NIL_ID,
    REFUSED_IDS,
    TEXT_CHARACTERS,
)
from forwarder.amplitude.wire.writing import refuse_too_deep
from forwarder.javascript import values as js


class Kind(StrEnum):
    """The kind of a warning; also the label in the metrics."""

    SHORT_ID = "short_id"
    REFUSED_ID = "refused_id"
    NO_ID = "no_id"
    LONG_TEXT = "long_text"
    TOO_DEEP = "too_deep"
    TOO_MANY_GROUPS = "too_many_groups"
    RESERVED_NAME = "reserved_name"
    MIXED_OPERATORS = "mixed_operators"
    ODD_TIME = "odd_time"


_LONGEST_REFUSED: Final = max(map(len, REFUSED_IDS))
OPERATORS: Final = frozenset(
    (
        *("$set", "$setOnce", "$add", "$append", "$prepend", "$unset"),
        *("$preInsert", "$postInsert", "$remove", "$clearAll"),
    )
)
RESERVED: Final = ("[Amplitude] ", "$identify", "$groupidentify")

OUT_OF_SESSION: Final = -1
"""The session id of an event that belongs to no session."""
_YEAR: Final = re.compile(r"\d{4}", re.ASCII)
_EARLIEST: Final = 946_684_800_000
"""2000-01-01 in ms: nothing was tracked before; seconds read as milliseconds lie here."""
_LATEST: Final = 4_102_444_800_000
"""2100-01-01 in ms."""
_IDS: Final = {Endpoint.USERMAP: ("user_id", "global_user_id"), Endpoint.GROUPIDENTIFY: ()}


def lint(payload: Payload, items: Sequence[Item]) -> list[Warning]:
    """Return a warning for everything doubtful in the ``items`` an action made of its ``payload``.

    It takes half the time for items that are written already.

    Raises PayloadError where an item is nested too deeply to be written as JSON.
    """
    found: list[Warning] = []
    for item in items:
        if not _is_usual(item):
            found += _doubts(item)
    if items:
        body = items[0].body
        for name in ("time", "session_id"):
            read = body.get(name)
            given = payload.get(name)
            if given and _is_odd(name, given, read):
                found.append(_odd_time(name, given, read))
    return found


def _is_odd(name: str, given: object, read: object) -> bool:
    """Return whether what was given for a time or a session id is probably read as something else."""
    if not isinstance(read, int):
        return True
    if name == "session_id" and read == OUT_OF_SESSION and not isinstance(given, str):
        return False
    # JavaScript takes a text like "-1" for a month of 2001.
    return not _EARLIEST <= read < _LATEST or (isinstance(given, str) and not _YEAR.search(given))


def _is_usual(item: Item) -> bool:
    """Return whether the item is written and certainly not doubtful: nearly always it is so."""
    data, body = item.data, item.body
    # So little that no text in it can be too long, and with too few brackets to lie too deep.
    if not 0 < len(data) <= TEXT_CHARACTERS or item.min_id_length is not None:
        return False
    without = data.replace(b"{", b"").replace(b"[", b"")  # in half the time of counting
    if len(data) - len(without) >= LEVELS:
        return False
    user, device, event_type = body.get("user_id"), body.get("device_id"), body.get("event_type")
    if not _is_usual_id(device) or not (user is None or _is_usual_id(user)):
        return False
    if isinstance(event_type, str) and event_type.startswith(RESERVED):
        return False
    if (properties := body.get("user_properties")) and _is_mixed(properties):
        return False
    return not body.get("groups")


def _is_usual_id(value: object) -> bool:
    return isinstance(value, str) and len(value) > _LONGEST_REFUSED and value != NIL_ID


def _doubts(item: Item) -> list[Warning]:
    body = item.body
    found = _ids(item)
    if not _is_modest(body.values(), 0):
        refuse_too_deep(body)
        for name, value in body.items():
            found += _large(name, value, 0)
    found += _groups(body.get("groups"))
    event_type = body.get("event_type")
    if isinstance(event_type, str) and event_type.startswith(RESERVED):
        text = f"Amplitude keeps names like {event_type[:40]!r} to itself"
        found.append(Warning(Kind.RESERVED_NAME, "event_type", text))
    for name in ("user_properties", "group_properties"):
        properties = body.get(name)
        if _is_mixed(properties):
            found.append(_mixed(name, properties))
    return found


def _ids(item: Item) -> list[Warning]:
    found: list[Warning] = []
    names = _IDS.get(item.endpoint, ("user_id", "device_id"))
    shortest = item.min_id_length or ID_CHARACTERS
    refused = 0
    for name in names:
        value = item.body.get(name)
        if not isinstance(value, str) or not value:
            refused += 1
        elif len(value) < shortest:
            refused += 1
            text = (
                f"has {len(value)} characters and is dropped: Amplitude takes {shortest} and more; "
                "map a longer one, or set min_id_length"
            )
            found.append(Warning(Kind.SHORT_ID, name, text))
        elif value == NIL_ID or (len(value) <= _LONGEST_REFUSED and value.lower() in REFUSED_IDS):
            refused += 1
            found.append(Warning(Kind.REFUSED_ID, name, f"Amplitude takes {value!r} for no id; leave it out"))
    if names and refused == len(names):
        text = "no usable id: Amplitude refuses this; map userId or anonymousId"
        found.append(Warning(Kind.NO_ID, " or ".join(names), text))
    return found


def _is_modest(values: Iterable[object], depth: int) -> bool:
    """Return whether no text in the values is too long and nothing lies too deep: nearly always it is so."""
    for value in values:
        of = value.__class__
        if of is str:
            if len(value) > TEXT_CHARACTERS // 2:  # type: ignore[arg-type]
                return False
        elif of is dict or of is list:
            inner: Iterable[object] = value.values() if of is dict else value  # type: ignore[attr-defined, assignment]
            if depth >= LEVELS or not _is_modest(inner, depth + 1):
                return False
    return True


def _large(place: str, value: object, depth: int) -> Iterator[Warning]:
    if isinstance(value, str):
        if js.string_length(value) > TEXT_CHARACTERS:
            text = f"has {js.string_length(value)} characters; Amplitude keeps the first {TEXT_CHARACTERS}"
            yield Warning(Kind.LONG_TEXT, place, text)
    elif isinstance(value, (dict, list)):
        if depth >= LEVELS:
            yield Warning(Kind.TOO_DEEP, place, f"lies deeper than {LEVELS} levels; Amplitude drops it")
            return
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, one in entries:
            yield from _large(f"{place}.{name}", one, depth + 1)


def _groups(groups: object) -> Iterator[Warning]:
    if not isinstance(groups, dict):
        return
    if len(groups) > GROUP_TYPES:
        text = f"has {len(groups)} types; Amplitude keeps {GROUP_TYPES}"
        yield Warning(Kind.TOO_MANY_GROUPS, "groups", text)
    for name, values in groups.items():
        if isinstance(values, list) and len(values) > GROUP_VALUES:
            text = f"has {len(values)} values; Amplitude keeps {GROUP_VALUES}"
            yield Warning(Kind.TOO_MANY_GROUPS, f"groups.{name}", text)


def _is_mixed(properties: object) -> TypeGuard[dict[str, object]]:
    if not isinstance(properties, dict):
        return False
    return not OPERATORS.isdisjoint(properties) and not OPERATORS.issuperset(properties)


def _mixed(name: str, properties: Mapping[str, object]) -> Warning:
    plain = next(key for key in properties if key not in OPERATORS)
    text = f"mixes operators with plain keys like {plain[:40]!r}; put those into $set"
    return Warning(Kind.MIXED_OPERATORS, name, text)


def _odd_time(name: str, given: object, read: object) -> Warning:
    shown = js.to_string(given)[:40]
    if not isinstance(read, (int, float)):
        return Warning(Kind.ODD_TIME, name, f"{shown!r} is no time and is left out; map ISO 8601 text")
    mend = "map milliseconds as a number, or ISO 8601 text"
    return Warning(Kind.ODD_TIME, name, f"{shown!r} is read as {_date(read)}; {mend}")


def _date(milliseconds: float) -> str:
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds):%Y-%m-%d %H:%M}"
    except OverflowError:
        return f"{milliseconds:.0f} ms"
