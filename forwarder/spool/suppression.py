"""Whose events are deleted, as keyed hashes, and what is to be removed of them.

A mark covers the events of one user that were accepted before the deletion, and later ones for as long as it
says. Planning passes over covered events, so that none is sent, wherever a copy of it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from secrets import token_bytes
from typing import Final

import msgspec

from forwarder.spool.api import StoredEvent
from forwarder.spool.user_mark import UserMark as UserMark

FOR_EVER: Final = 2**63 - 1
"""As ``until``, or as ``upto``: no end."""
KEPT_MS: Final = 30 * 86_400_000
"""How long a mark is kept that covers no later events: as long as dead letters are by default."""
_KEY_BYTES: Final = 16
"""128 bits: nobody finds a user's id from its mark by trying ids without the key."""


class Erasure(msgspec.Struct, frozen=True):
    """Events to remove: seqs of the queue, destination and seq of parked ones, numbers of dead letters.

    ``history``: seqs of events in history; ``turned_away``: whether all that ended at ingest goes as well:
    who it is of cannot be said.
    """

    events: list[int] = []
    parked: list[tuple[str, int]] = []
    dead: list[int] = []
    history: list[int] = []
    turned_away: bool = False


def user_key(user_id: object) -> str:
    """Return the ordering key of a user, as events are planned and parked under it."""
    return f"u{user_id}".replace("\n", " ")


def mark_of(user_id: str, key: bytes) -> bytes:
    """Return the hash that stands for a user."""
    return _hash(user_key(user_id), key)


def _hash(ordering_key: str, key: bytes) -> bytes:
    text = ordering_key.encode("utf-8", "surrogatepass")
    return blake2b(text, key=key, digest_size=_KEY_BYTES).digest()


def marks_for(
    user_ids: Iterable[str], destinations: Iterable[str], until: int, earlier: Iterable[UserMark] = ()
) -> list[UserMark]:
    """Return marks of users; their key is that of the ``earlier`` ones in the spool. It sets ``upto``."""
    key = next((mark.key for mark in earlier), None) or token_bytes(_KEY_BYTES)
    names = list(destinations)
    return [UserMark(mark_of(user, key), key, name, 0, until) for user in user_ids for name in names]


def deleted_everywhere(marks: Iterable[UserMark]) -> Callable[[str], bool]:
    """Return what tells of a user's id whether he was deleted at all destinations."""
    by_key: dict[bytes, set[bytes]] = {}
    for mark in marks:
        if not mark.destination:
            by_key.setdefault(mark.key, set()).add(mark.mark)
    return lambda user_id: any(mark_of(user_id, key) in users for key, users in by_key.items())


class Suppression:
    """The marks that count for one destination."""

    def __init__(self, marks: Iterable[UserMark] = (), destination: str = "") -> None:
        self._marks: dict[bytes, dict[bytes, list[tuple[int, int]]]] = {}
        for mark in marks:
            if mark.destination in ("", destination):
                of_key = self._marks.setdefault(mark.key, {})
                of_key.setdefault(mark.mark, []).append((mark.upto, mark.until))

    def __bool__(self) -> bool:
        return bool(self._marks)

    def covers(self, event: StoredEvent, keys: Iterable[str]) -> bool:
        """Return whether the event, which has these ordering keys, belongs to a deleted user."""
        users = [key for key in keys if key.startswith("u")]
        return any(
            event.seq <= upto or event.received_at < until
            for secret, marks in self._marks.items()
            for key in users
            for upto, until in marks.get(_hash(key, secret), ())
        )


NOBODY: Final = Suppression()
"""No marks."""
