"""Which events of history are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from forwarder.sessions.renaming import SessionNames
from forwarder.spool.api import StoredEvent
from forwarder.spool.event_keys import hashes, is_indexed, keys_of
from forwarder.spool.history import TurnedAway
from forwarder.spool.suppression import FOR_EVER


class _Named(msgspec.Struct):
    type: object = None
    event: object = None
    name: object = None


_named = msgspec.json.Decoder(_Named).decode


def name_of(body: bytes) -> str:
    """Return what an event is called: its event name, a page's name, else its type; "" where it has none."""
    try:
        found = _named(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return next((one for one in (found.event, found.name, found.type) if isinstance(one, str) and one), "")


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a question; "" lets everything through. ``since``, ``until``: received, ms."""

    message: str = ""
    user: str = ""
    device: str = ""
    session: str = ""
    name: str = ""
    source: str = ""
    since: int = 0
    until: int = FOR_EVER

    def needles(self) -> list[bytes]:
        """Return the hashes that a row must have to hold such an event, but for its session's."""
        texts = [self.message, f"u{self.user}", f"d{self.device}"]
        return [hashes([text]) for text in texts if len(text) > 1 and is_indexed(text[1:])]

    def sessions(self, names: SessionNames) -> list[bytes]:
        """Return the hashes of which a row must have one; none where no session is asked for."""
        if not self.session.isdigit():
            return [hashes([self.session])] if self.session else []
        return [hashes([str(one)]) for one in names.stamped_as(int(self.session))]

    def match(self, event: StoredEvent) -> bool:
        """Return whether the event is asked for. An erased event is not."""
        if not (event.body and self.since <= event.received_at < self.until):
            return False
        if self.message not in ("", event.message_id) or self.source not in ("", event.source):
            return False
        if self.user or self.device or self.session:
            keys = keys_of(event.body)
            wanted = (self.user, self.device, self.session)
            if any(one not in ("", has) for one, has in zip(wanted, keys, strict=True)):
                return False
        return self.name in ("", name_of(event.body))

    def match_turned_away(self, one: TurnedAway) -> bool:
        """Return the same of an event that ended at ingest."""
        event = StoredEvent(0, one.at, one.source, one.message_id, one.body or b"{}")
        return self.match(event)
