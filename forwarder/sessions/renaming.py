"""Sessions that are called otherwise since an event came late, and up to which event ids are final."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from types import MappingProxyType
from typing import Final

import msgspec

from forwarder.sessions.facts import id_of, is_device
from forwarder.sessions.restamping import Stamp, restamped, stamp_of
from forwarder.sessions.stamp import joined_id, shown_id

SPARE_RENAMINGS: Final = 1_000
"""Renamings in memory beyond twice those that were needed when they were last looked through."""
_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


class Renaming(msgspec.Struct, frozen=True, array_like=True):
    """Events that were in the session ``old`` are in the session ``new``.

    ``who``: whose, see ``who_of``, and ``scope``: see ``SessionRules``. Those that happened after ``since``
    (ms), and whose seq is above ``after``, for others had been handed on, and not above ``upto``.
    """

    who: int
    scope: str
    old: int
    new: int
    since: int
    after: int
    upto: int


def who_of(key: str) -> int:
    """Return a number for a device or user by its key, whatever its scope."""
    return _who("d" if is_device(key) else "u", id_of(key))


def _who(kind: str, name: str) -> int:
    text = f"{kind}{shown_id(name)}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), signed=True)


class SessionNames:
    """The session ids of events that wait: which are final, and which are other ones than were stamped.

    The thread that writes the spool asks ``upto``, holds it where it renames something, and releases it;
    deliveries, in the event loop, hand events on and look names up.
    """

    def __init__(self, upto: int = 0, renamings: Iterable[Renaming] = ()) -> None:
        """``upto``: the highest seq whose id is final."""
        self.upto = upto
        self.scopes: Mapping[str, str] = _NOBODY
        """Of the sources; for others, a device counts whatever its scope."""
        self._lock = threading.Lock()
        self._is_held = False
        self._by_who: dict[int, tuple[Renaming, ...]] = {}
        self._last = self._count = self._needed = 0
        self._add(renamings)

    # -- the thread that writes

    def hold(self) -> int:
        """Let no further event be handed on until ``release``; return up to where they have been."""
        with self._lock:
            self._is_held = True
            return self.upto

    def release(self, renamings: Sequence[Renaming] = (), first: int = 0) -> None:
        """Let events be handed on: these renamings are durable. ``first``: the lowest seq that is needed."""
        if not self._is_held:
            return
        if renamings:
            self._add(renamings)
            if self._count > 2 * self._needed + SPARE_RENAMINGS:
                self._forget(first)
        with self._lock:
            self._is_held = False

    def _add(self, renamings: Iterable[Renaming]) -> None:
        for one in renamings:
            self._by_who[one.who] = (*self._by_who.get(one.who, ()), one)
            self._last = max(self._last, one.upto)
            self._count += 1

    def _forget(self, first: int) -> None:
        known = {who: tuple(one for one in some if one.upto >= first) for who, some in self._by_who.items()}
        self._by_who = {who: left for who, left in known.items() if left}
        self._count = self._needed = sum(map(len, self._by_who.values()))

    # -- the event loop

    def hand_on(self, seq: int) -> int:
        """Note that events up to this seq are handed on; return up to which that is allowed now."""
        with self._lock:
            if self._is_held:
                return min(seq, self.upto)
            self.upto = max(self.upto, seq)
            return seq

    def renames(self, seq: int) -> bool:
        """Return whether an event may be in another session than it was stamped with."""
        return seq <= self._last

    def named(self, seq: int, source: str, body: bytes) -> bytes:
        """Return an event's body with the session that it is in."""
        stamp = stamp_of(body)
        theirs = self._by_who.get(who_stamped(stamp), ()) if stamp is not None else ()
        if stamp is None or not theirs:
            return body
        scope = self.scopes.get(source)
        return renamed(body, stamp, seq, [one for one in theirs if scope in (None, one.scope)])

    def stamped_as(self, session_id: int) -> set[int]:
        """Return the ids with which events may have been stamped that are in this session now."""
        olds: dict[int, set[int]] = {}
        for one in chain.from_iterable(list(self._by_who.values())):  # the writer's thread adds meanwhile
            olds.setdefault(one.new, set()).add(one.old)
        found, left = {session_id}, [session_id]
        while left:
            new = olds.get(left.pop(), set()) - found
            found |= new
            left += new
        return found


def who_stamped(stamp: Stamp) -> int:
    """Return whose session an event is in, as ``who_of`` does."""
    joined = joined_id(stamp.reason)
    if joined or stamp.device:
        return _who("d", joined or stamp.device)
    return _who("u", stamp.user)


def renamed(body: bytes, stamp: Stamp, seq: int, renamings: Iterable[Renaming]) -> bytes:
    """Return a body with the session that these renamings, in their order, have made of the stamped one."""
    session_id = stamp.session_id
    for one in renamings:
        if one.old == session_id and one.after < seq <= one.upto and stamp.time > one.since:
            session_id = one.new
    return body if session_id == stamp.session_id else restamped(body, stamp, session_id)
