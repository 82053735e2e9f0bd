"""A book of sessions and the rows that a spool would keep of it, transaction by transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from forwarder.sessions.book import SessionBook
from forwarder.sessions.device import Device
from forwarder.sessions.facts import Assigned, SessionFacts, device_key, user_key
from forwarder.sessions.rows import SessionRow
from tests.support.late_events import RULES, facts
from tests.support.sessions import MINUTE, START

CLOSING = msgspec.structs.replace(RULES, close=True)


def visit(device: str, minute: float = 0, user: str = "", **more: Any) -> SessionFacts:
    """Return an event of a device, or of a user alone, so many minutes after ``START``."""
    event = facts(START + int(minute * MINUTE), device=device, **more)
    return msgspec.structs.replace(event, user=user and user_key("", user))


class Keeping:
    """A book and its rows, oldest first."""

    def __init__(self, **more: Any) -> None:
        self.book = SessionBook(**more)
        self.rows: list[SessionRow] = []
        self.seq = 0

    def took(self, *events: SessionFacts, now: int = START) -> Sequence[Assigned | None]:
        """Have events accepted in one transaction; return what was decided."""
        self.book.begin()
        decided = self.book.assign(events, now, self.seq)
        self.seq += len(events)
        self.written(now)
        return decided

    def written(self, now: int = START, upto: int = 0) -> list[str]:
        """End a transaction; return of which devices it writes states."""
        row = self.book.changed(now, upto)
        self.book.committed()
        if row is None:
            return []
        self.rows.append(row)
        return [key.partition("\0")[2][1:] for key in row.keys()]  # noqa: SIM118 - a row is no dict

    def known(self, name: str, user: bool = False) -> Device:
        """Return what is known of a device, or of a user who has none."""
        device = self.book.device(user_key("", name) if user else device_key("", name))
        assert device is not None
        return device

    def has(self, name: str) -> bool:
        """Tell whether a device is known."""
        return self.book.device(device_key("", name)) is not None
