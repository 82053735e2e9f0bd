"""How destinations do, as values for metrics and console."""

from __future__ import annotations

from typing import NamedTuple

from forwarder.delivery.watchdog import Stall


class DestinationHealth(NamedTuple):
    """The health of one destination.

    ``held_back``: whether its circuit breaker is open, so that one request at a time is tried at most;
    ``why``: the breaker's reason; ``stall``: why it has work and does nothing; ``since``: when it was held
    back, ``next_try``: when a request may go again, both ms since the epoch.
    """

    held_back: bool = False
    why: str = ""
    stall: Stall = Stall.NONE
    since: int = 0
    next_try: int = 0
