"""The events of a replay that come from history."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from itertools import starmap
from typing import Final

import msgspec

from forwarder.amplitude.wire.limits import INSERT_ID_WINDOW_MS
from forwarder.delivery import DestinationRoute
from forwarder.delivery.scheduler.planning import USER_DELETED, plan_job
from forwarder.history.reading import Choice, next_slice
from forwarder.ingest.fields import read_fields
from forwarder.replay.scratch import Portion
from forwarder.spool import NewEvent, StoredEvent
from forwarder.spool.sqlite import erasure
from forwarder.spool.suppression import Suppression
from forwarder.spool.user_mark import UserMark

RECOGNISED_MS: Final = INSERT_ID_WINDOW_MS - 3_600_000
"""How old an event may be that Amplitude is to recognise: its window, less an hour on the way there."""
_BY_SEQ: Final = "\0seq"
"""Stands for a source where an event is known by its seq; no source is called so."""
_encode = msgspec.json.Encoder().encode


class HistorySupply:
    """The supply of a replay from history: chosen events, oldest first.

    ``database``: the file with the history, open for reading, used by one thread at a time; ``route``:
    where they go; ``new_ids``: what is added to each message id, and so to the insert ids made of it; "":
    they stay, and events that Amplitude no longer recognises are passed over.
    """

    def __init__(
        self, database: sqlite3.Connection, choice: Choice, route: DestinationRoute, new_ids: str = ""
    ) -> None:
        self._database = database
        self._choice = choice
        self._route = route
        self._new_ids = new_ids

    def is_over(self, notes: Mapping[str, int]) -> bool:
        """Return whether no event is left."""
        return notes["position"] >= self._choice.upto

    async def next(self, notes: Mapping[str, int], now: int) -> Portion:
        """Return the next events. ``now``: ms since the epoch."""
        return await asyncio.to_thread(self._next, notes, now)

    def _next(self, notes: Mapping[str, int], now: int) -> Portion:
        events, upto = next_slice(self._database, self._choice, notes["position"])
        found = len(events)
        if not self._new_ids:
            events = [one for one in events if one.received_at >= now - RECOGNISED_MS]
        young = len(events)
        if marks := list(starmap(UserMark, self._database.execute(erasure.MARKS))):
            suppression = Suppression(marks, self._route.name)
            events = [one for one in events if not self._is_deleted(one, suppression)]
        changed = {
            "position": upto,
            "too_old": notes.get("too_old", 0) + found - young,
            "user_deleted": notes.get("user_deleted", 0) + young - len(events),
        }
        known_by = [(_BY_SEQ, str(one.seq)) for one in events]
        return Portion([self._anew(one) for one in events], known_by, changed)

    def _is_deleted(self, event: StoredEvent, suppression: Suppression) -> bool:
        return plan_job(event, self._route.destination, None, suppression)[1] == USER_DELETED

    def _anew(self, event: StoredEvent) -> NewEvent:
        """Return the event as it is sent: its session and times as they were, no session is decided again."""
        if not self._new_ids or (fields := read_fields(event.body)) is None:
            return NewEvent(event.source, event.message_id, event.body)
        message_id = event.message_id + self._new_ids
        fields["messageId"] = msgspec.Raw(_encode(message_id))
        return NewEvent(event.source, message_id, _encode(fields))
