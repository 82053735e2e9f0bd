"""What one sender may cost: token buckets by source and address, and by address for failed keys."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from math import ceil
from typing import Final

_REMEMBERED = 20_000
"""Senders kept in mind; whoever is forgotten starts with full buckets, as a new sender does."""
_UNBOUNDED: Final = 1e15
BURST_REQUESTS: Final = 2
BURST_COST: Final = 10
"""Seconds' worth of events and bytes that may come at once: a library that was offline sends full batches."""


class Buckets:
    """Token buckets of several kinds for each sender.

    A level may fall below zero, for what a request costs is known only when it is parsed.
    """

    def __init__(self, per_second: Sequence[float], bursts: Sequence[float]) -> None:
        self._rates = list(enumerate(zip([rate / 1000 for rate in per_second], bursts, strict=True)))
        self._bursts = bursts
        self._levels: OrderedDict[Hashable, list[float]] = OrderedDict()
        """Each sender's levels, and behind them when they were right."""

    def levels(self, sender: Hashable, now: int) -> list[float]:
        """Return the sender's levels at ``now`` (ms), and one number more; to be lowered by what it costs."""
        levels = self._levels.get(sender)
        if levels is None:
            if len(self._levels) >= _REMEMBERED:
                self._levels.popitem(last=False)
            levels = self._levels[sender] = [*self._bursts, now]
            return levels
        passed = now - levels[-1]
        if passed:
            if passed > 0:  # a clock that was set back gives nothing, and takes nothing
                for kind, (rate, burst) in self._rates:
                    level = levels[kind] + passed * rate
                    levels[kind] = level if level < burst else burst
            levels[-1] = now
            self._levels.move_to_end(sender)
        return levels


class RateLimiter:
    """Requests, events and bytes of one sender, each per second on average."""

    def __init__(self, requests: float, events: float = _UNBOUNDED, size: float = _UNBOUNDED) -> None:
        rates = (requests, events, size)
        bursts = (requests * BURST_REQUESTS, events * BURST_COST, size * BURST_COST)
        self._rates = rates
        self._buckets = Buckets(rates, bursts)

    def wait(self, sender: tuple[str, str], now: int) -> int:
        """Count one request at ``now`` (ms); return 0, or the seconds to wait where it is too many.

        Events and bytes of the sender's earlier requests count as well (``charge``).
        """
        levels = self._buckets.levels(sender, now)
        if levels[0] < 1 or levels[1] < 0 or levels[2] < 0:
            debt = max(-levels[1] / self._rates[1], -levels[2] / self._rates[2])
            return max(1, ceil(debt))
        levels[0] -= 1
        return 0

    def charge(self, sender: tuple[str, str], events: int, size: int, now: int) -> None:
        """Count what a request turned out to hold; ``size``: bytes, inflated."""
        levels = self._buckets.levels(sender, now)
        levels[1] -= events
        levels[2] -= size


class FailedAttempts:
    """Failed keys or tokens by address: beyond ``per_minute`` of them, an address is slowed down."""

    def __init__(self, per_minute: float) -> None:
        self._buckets = Buckets((per_minute / 60,), (per_minute,))

    def count(self, network: str, now: int) -> None:
        """Count one failure at ``now`` (ms)."""
        levels = self._buckets.levels(network, now)
        levels[0] = max(-1.0, levels[0] - 1)  # whoever stops is let in soon

    def too_many(self, network: str, now: int) -> bool:
        """Return whether the address has failed too often of late."""
        return self._buckets.levels(network, now)[0] < 1
