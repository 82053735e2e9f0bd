"""What the session rules look at in an event, and the rules of its source, as values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from browser_plugin.settings import REFERENCE_TYPES

Assign = Literal["off", "web", "all"]
"""Whose events get a session id where they bring none: nobody's, pages', everybody's."""
PAGE: Final = 0
"""Sent by a page, where the plugin would run."""
APP: Final = 1
"""Sent by a library for phones: on a device, which has its own sessions."""
SERVER: Final = 2
"""Sent by a server or a tool on behalf of a user."""
LONGEST_ID: Final = 200
"""Characters of a device's or user's id that are kept; longer ones are no ids of the field's libraries."""


class SessionRules(msgspec.Struct, frozen=True, gc=False):
    """The rules of one source; lengths in milliseconds, names as the page's plugin has them."""

    source: str = ""
    """Its name."""
    assign: Assign = "web"
    join: bool = True
    """Whether events of servers join the session that runs on the user's device."""
    close: bool = False
    """Whether sessions that nobody continued get their Session Ended."""
    length: float = 1_800_000
    maximum: float = 0
    new_on_user_change: bool = False
    event_types: tuple[str, ...] = REFERENCE_TYPES
    """Types of a page's events that concern sessions."""
    started_name: str = "Session Started"
    ended_name: str = "Session Ended"
    scope: str = ""
    """What keeps users apart: sources that share a destination share it."""

    def assigns(self, kind: int) -> bool:
        """Return whether events of a sender of this kind get a session of their own."""
        return self.assign == "all" or (self.assign == "web" and kind == PAGE)


NO_RULES: Final[Mapping[str, SessionRules]] = MappingProxyType({})
"""Rules by source where there is none."""


class SessionFacts(msgspec.Struct, frozen=True, gc=False):
    """The facts about an event. ``device``, ``user``: keys, empty where it names none; ``time``: in ms.

    ``given``: the session id that it brought, None where it brought none. ``opening``: text of its
    ``integrations`` up to the id that may be put there, empty where none may; ``head``: bytes of the body
    before its ``integrations``. ``flags``: of ``device``, which the session of the event has.
    """

    rules: SessionRules
    kind: int
    device: str
    user: str
    time: int
    given: int | None = None
    opening: bytes = b""
    head: int = 0
    flags: int = 0


class Assigned(msgspec.Struct, frozen=True, gc=False):
    """The decision about an event that brought no session id: the session, and why.

    ``device``: key of the device whose session it joined, empty where it is its own.
    """

    session_id: int
    reason: str
    device: str = ""


def device_key(scope: str, device: str) -> str:
    """Return what a device is known by; ``device``: its id, ``scope``: its source's, see ``SessionRules``."""
    return f"{scope}\0d{device}"


def user_key(scope: str, user: str) -> str:
    """Return what a user is known by."""
    return f"{scope}\0u{user}"


def id_of(key: str) -> str:
    """Return the id that a key is about."""
    return key[key.find("\0") + 2 :]


def is_device(key: str) -> bool:
    """Return whether a key is about a device."""
    return key.partition("\0")[2][:1] == "d"
