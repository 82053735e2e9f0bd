"""What is kept of a device: its sessions of the last day, as immutable values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

GIVEN: Final = 1
"""A page or an app gave the session's id: it stays apart from every other session."""
CLIENT: Final = 2
"""Events of the device itself are in the session; a server's do not prolong it then."""
ENDED: Final = 4
"""Its end was sent, by whomever."""
OWN: Final = 8
"""Its sender sends session events of its own, under other names than the page's plugin."""
MOST_SESSIONS: Final = 8
"""Sessions kept of a device, for events that come late; the oldest goes."""


class Session(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A session: its id, the times of its first and last event in ms, and flags of this module.

    ``born``: the seq of the first event that was accepted of it, 0 for one long ago; ``given``: the time of
    the last event that brought the id, 0 where none did.
    """

    id: int
    first: int
    last: int
    flags: int
    born: int = 0
    given: int = 0


class Device(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A device, or a user where no device is named.

    ``current``: the session with the latest event; ``past``: the others. ``user``: the last known user's key;
    ``source``: of the last event; ``seen``: when that was accepted, ms.
    ``row``: the number of the spool's row that holds this; ``waiting``: whether its end is watched for.
    """

    current: Session
    past: tuple[Session, ...]
    user: str
    source: str
    seen: int
    row: int
    waiting: bool = False

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All sessions in order of their first event; of those that began at once, the current one first."""
        return tuple(sorted((self.current, *self.past), key=lambda one: one.first))


def parted(sessions: Sequence[Session]) -> tuple[Session, tuple[Session, ...]]:
    """Return the current session and the others."""
    current = max(sessions, key=lambda one: (one.last, one.first, one.id))
    return current, tuple(one for one in sessions if one is not current)


def kept(sessions: list[Session], newest: Session) -> list[Session]:
    """Return at most ``MOST_SESSIONS`` of the sessions: what ended first goes, but for the newest made."""
    while len(sessions) > MOST_SESSIONS:
        sessions.remove(min((one for one in sessions if one is not newest), key=lambda one: one.last))
    return sessions
