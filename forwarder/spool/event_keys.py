"""Who an event is of: what history finds it by, beside its message id."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

from browser_plugin.destinations import NAMES
from forwarder.javascript.tolerant_json import read_tolerantly
from forwarder.sessions.facts import LONGEST_ID

_LONGEST_DIGITS: Final = 15
HASH_BYTES: Final = 4
"""Bytes of a hash. A wrong hit costs a look at some hundred events, and comes once in a million of them."""


class EventKeys(NamedTuple):
    """The ids of an event as text, empty where it has none; ``session``: the id of its session."""

    user: str = ""
    device: str = ""
    session: str = ""

    def texts(self) -> tuple[str, ...]:
        """Return the keys as they are hashed."""
        return (f"u{self.user}", f"d{self.device}", self.session)


class _Ids(msgspec.Struct, gc=False):
    userId: Any = None  # noqa: N815 - as it stands in the event
    anonymousId: Any = None  # noqa: N815
    integrations: Any = None


_ids = msgspec.json.Decoder(_Ids).decode


def keys_of(body: bytes) -> EventKeys:
    """Return the keys of an event as it is kept."""
    try:
        found = _ids(body)
    except (msgspec.DecodeError, RecursionError):
        try:
            event = read_tolerantly(body)
        except (ValueError, RecursionError):
            return EventKeys()
        return keys_in(event) if isinstance(event, dict) else EventKeys()
    return EventKeys(_text(found.userId), _text(found.anonymousId), _session_of(found.integrations))


def keys_in(event: dict[str, Any]) -> EventKeys:
    """Return the keys of an event that was read."""
    get = event.get
    return EventKeys(_text(get("userId")), _text(get("anonymousId")), _session_of(get("integrations")))


def hashes(texts: Iterable[str]) -> bytes:
    """Return the hashes of texts, ``HASH_BYTES`` each; of the empty one there is none."""
    some = set(texts)
    some -= _NOTHING
    try:
        return array("I", map(crc32, map(str.encode, some))).tobytes()
    except UnicodeEncodeError:  # half a character, as JavaScript's texts may hold
        return array("I", [crc32(text.encode("utf-8", "surrogatepass")) for text in some]).tobytes()


_NOTHING: Final = frozenset(("", "u", "d"))


def is_indexed(text: str) -> bool:
    """Return whether an id is always in the index: longer ones may be found by reading events only."""
    return len(text) <= LONGEST_ID


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _session_of(integrations: object) -> str:
    """Return the session id in an event's integrations, whichever name of the destination it stands under."""
    if not isinstance(integrations, dict):
        return ""
    for name in NAMES:
        options = integrations.get(name)
        if isinstance(options, dict) and (found := _session_text(options.get("session_id"))):
            return found
    return ""


def _session_text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _text(value)
    return text if text.isascii() and text.isdigit() and len(text) <= _LONGEST_DIGITS else ""
