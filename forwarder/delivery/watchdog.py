"""The watchdog's rules: when a destination has work and does nothing, whatever the reason."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

STILL_MS = 60_000
"""How long a destination with work may do nothing: twice the longest wait between two tries."""
LEFT_MS = 300_000
"""How long the first event may be left while others are sent: it may wait for earlier ones of its user."""


class Stall(StrEnum):
    """Why a destination counts as stalled; empty where it does not."""

    NONE = ""
    FAILING = "it fails again and again"
    TURN = "the spool does not answer"
    REQUEST = "a request does not end"
    DUE = "what is due is not sent"
    LOST = "events in memory wait for nothing"
    LEFT = "an event that may be sent is not"
    UNREAD = "events in the spool are not read"


MENDED_ANEW = frozenset({Stall.REQUEST, Stall.DUE, Stall.LOST, Stall.LEFT})
"""What a new start from the spool may mend."""


class Look(NamedTuple):
    """A look at one destination. Times are ms since the epoch, 0 or None for none.

    ``turn_since``: when the turn began that has not ended; ``failing_since``: the first of the failures in a
    row; ``turned_at``: when a turn last ended well; ``request_since``: when the oldest request under way was
    sent; ``wake_at``: when something is due; ``at_rest``: no request is under way, and no event in memory or
    parked has its time; ``read_to``: the highest seq read; ``first_left``: the seq of an event that may be
    sent, is in no batch and keeps the cursor, or 0.
    """

    now: int
    turn_since: int
    failing_since: int
    turned_at: int
    request_since: int
    wake_at: int | None
    holds_events: bool
    at_rest: bool
    read_to: int
    first_left: int
    timeout_ms: int


class Watch:
    """The watchdog of one destination."""

    def __init__(self) -> None:
        self._left = (0, 0)
        self._resting: tuple[bool, int] | None = None
        self._rest_since = 0

    def stall(self, look: Look) -> Stall:
        """Return why the destination is stalled."""
        self._note_rest(look)
        before = look.now - STILL_MS
        if 0 < look.failing_since < before:
            return Stall.FAILING
        if 0 < look.turn_since < before:
            return Stall.TURN
        if 0 < look.request_since < before - look.timeout_ms:
            return Stall.REQUEST
        if 0 < look.turned_at < before and look.wake_at is not None and look.wake_at < before:
            return Stall.DUE
        if look.holds_events and self.rests_long(look):
            return Stall.LOST
        if look.first_left != self._left[0]:
            self._left = look.first_left, look.now
        if look.first_left and self._left[1] < look.now - LEFT_MS:
            return Stall.LEFT
        return Stall.NONE

    def rests_long(self, look: Look) -> bool:
        """Return whether it was at rest, with the same events, whenever it was looked at for a minute."""
        return self._resting is not None and self._rest_since < look.now - STILL_MS

    def _note_rest(self, look: Look) -> None:
        resting = (look.holds_events, look.read_to) if look.at_rest else None
        if resting != self._resting:
            self._resting, self._rest_since = resting, look.now
