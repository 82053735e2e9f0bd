"""Which sessions nobody continued, and their Session Ended, which is the one the page would send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Final

import msgspec

from browser_plugin.session_events import session_event
from forwarder.sessions.device import ENDED, OWN, Device, Session
from forwarder.sessions.facts import SessionRules
from forwarder.sessions.stamp import REASON

CLOSED: Final = "closed by server: nobody continued it"
"""The reason that a Session Ended of the forwarder carries."""
_BUCKET_MS: Final = 1_000
"""Sessions that are looked at together."""
_MOST: Final = 20_000
"""Devices looked at in one transaction."""
_LIBRARY: Final = {"library": {"name": "amplitude-session-forwarder"}}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


class SessionEnd(msgspec.Struct, frozen=True, gc=False):
    """A session that ended. ``who``: the device's id, or the user's where ``on_device`` is false."""

    who: str
    on_device: bool
    user: str
    source: str
    session: Session


def ends_of(device: Device, rules: SessionRules, now: int, since: int) -> tuple[list[Session], int | None]:
    """Return the device's sessions that are over, and when to look again (ms); None: never.

    A session is over once nothing came of its device for the length of a session, neither by the events'
    times nor by the forwarder's clock. See ``SessionBook.end`` for ``since``.
    """
    if not rules.close:
        return [], None
    over: list[Session] = []
    next_at: int | None = None
    seen_at = max(device.seen, since)
    for one in (device.current, *device.past) if device.past else (device.current,):
        if one.flags & (ENDED | OWN):
            continue
        at = int(max(one.last, seen_at) + rules.length)
        if at <= now:
            over.append(one)
        else:
            next_at = at if next_at is None else min(at, next_at)
    return over, next_at


def ended(session: Session) -> Session:
    """Return the session with note taken that its end was sent."""
    return Session(
        session.id, session.first, session.last, session.flags | ENDED, session.born, session.given
    )


def end_event(end: SessionEnd, rules: SessionRules, now: int) -> tuple[str, bytes]:
    """Return the message id and the body of a Session Ended as events are kept. ``now``: ms since the epoch.

    The id is the page's own: whichever comes second is a duplicate.
    """
    who = {"anonymousId": end.who, "userId": end.user or None} if end.on_device else {"userId": end.who}
    session = end.session
    duration = {"duration": max(0, session.last - session.id)}
    event = session_event("ended", rules.ended_name, session.id, session.last, who, None, duration)
    written = _written(session.last)
    body = {
        "type": "track",
        "event": event["name"],
        "properties": event["properties"],
        **{name: value for name, value in event["who"].items() if value is not None},
        "context": _LIBRARY,
        "integrations": event["integrations"],
        "messageId": event["messageId"],
        "originalTimestamp": written,
        "receivedAt": _written(now),
        "timestamp": written,
        REASON: CLOSED,
    }
    return event["messageId"], _encode(body)


def _written(milliseconds: int) -> str:
    """Return a time as events have it, ``2026-01-02T03:04:05.006Z``."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Watch:
    """When to look at which device; cheap to add to, in whatever order."""

    def __init__(self) -> None:
        self._buckets: dict[int, list[str]] = {}
        self._heap: list[int] = []
        self._under_way: list[str] = []

    def add(self, key: str, at: float) -> None:
        """Look at a device at ``at`` (ms), or up to a second later."""
        number = int(at // _BUCKET_MS) + 1
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = []
            heappush(self._heap, number)
        bucket.append(key)

    def is_due(self, now: int) -> bool:
        """Return whether a device is to be looked at."""
        heap = self._heap
        return bool(heap) and heap[0] * _BUCKET_MS <= now

    def due(self, now: int) -> Iterator[str]:
        """Yield devices to be looked at, each once."""
        left = _MOST
        while left and self.is_due(now):
            bucket = self._buckets[self._heap[0]]
            while bucket and left:
                left -= 1
                key = bucket.pop()
                self._under_way.append(key)
                yield key
            if not bucket:
                del self._buckets[heappop(self._heap)]

    def committed(self) -> None:
        """What was looked at is done."""
        self._under_way = []

    def undo(self) -> None:
        """What was looked at came to nothing, and is to be looked at again."""
        keys, self._under_way = self._under_way, []
        self._again(keys)

    def _again(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.add(key, 0)
