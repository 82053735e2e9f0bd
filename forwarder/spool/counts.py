"""How much lies in a spool, and how each destination stands."""

from collections.abc import Mapping
from typing import NamedTuple


class Standing(NamedTuple):
    """The standing of one destination with the events accepted since it is there.

    ``accepted``: these; ``ended``: by outcome and reason; ``redriven``: dead letters sent again, which end
    another time; ``parked``, ``dead``: lying in the spool now; ``discarded``: dead letters that a bound
    has removed, by ``age`` or ``size``. At every moment, after every crash
    ``accepted == sum(ended.values()) - redriven + waiting``.
    """

    accepted: int
    waiting: int
    ended: Mapping[tuple[str, str], int]
    redriven: int
    parked: int
    dead: int
    discarded: Mapping[str, int] = {}


REFUSING_MS = 60_000
"""How long after a sender was refused senders count as refused."""


class Counts(NamedTuple):
    """The counts of a spool: how much lies in it, and how each destination stands.

    ``events``, ``bytes``: what waits for at least one destination and is not set aside; ``oldest_at``: when
    the oldest of these was received, or None; ``refused_at``: when a sender was last refused for
    lack of room.
    """

    events: int
    bytes: int
    oldest_at: int | None
    destinations: Mapping[str, Standing]
    refused_at: int | None = None

    def is_refusing(self, now: int) -> bool:
        """Return whether a sender was refused for lack of room lately. ``now``: ms since the epoch."""
        return self.refused_at is not None and now - self.refused_at <= REFUSING_MS
