"""How often one address may send to one source."""

from collections import OrderedDict

_REMEMBERED = 20_000
"""Senders kept in mind; whoever is forgotten starts with a full bucket, as a new sender does."""


class Rates:
    """Token buckets by (source, address): ``per_second`` on average, twice that at once."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._burst = 2.0 * per_second
        self._buckets: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def wait(self, sender: tuple[str, str], now: int) -> int:
        """Count one request at ``now`` (ms); return 0, or the seconds to wait where it is too many."""
        tokens, then = self._buckets.get(sender, (self._burst, now))
        tokens = min(self._burst, tokens + max(0, now - then) * self._per_second / 1000)
        wait = 0 if tokens >= 1 else 1
        self._buckets[sender] = (tokens - 1 if not wait else tokens, now)
        self._buckets.move_to_end(sender)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return wait
