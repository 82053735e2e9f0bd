"""How destinations do, as values for metrics and console."""

from __future__ import annotations

from typing import NamedTuple

from forwarder.delivery.watchdog import Stall


class DestinationHealth(NamedTuple):
    """The health of one destination.

    ``held_back``: whether its circuit breaker is open, so that one request at a time is tried at most;
    ``why``: the breaker's reason; ``stall``: why it has work and does nothing.
    """

    held_back: bool = False
    why: str = ""
    stall: Stall = Stall.NONE
