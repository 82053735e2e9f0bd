"""When a destination is left alone, and for how long a failed event waits."""

import random
from enum import StrEnum

FIRST_MS = 1_000
"""The first wait after a failed try; each further one doubles it."""
LONGEST_MS = 30_000
"""The longest wait: an outage's end is noticed within half a minute, at two requests a minute."""
STOPPED_MS = 300_000
"""The wait where credentials are refused: somebody has to mend them, so five minutes lose nothing."""
FAILURES = 3
"""Failed requests in a row, without a good one between, after which the destination counts as down."""


def backoff_ms(tries: int, rng: random.Random) -> int:
    """Return how long to wait after so many failed tries: doubling, bounded, spread by a quarter."""
    whole = min(LONGEST_MS, FIRST_MS << min(max(tries - 1, 0), 10))
    return int(whole * rng.uniform(0.75, 1.0))


class CircuitState(StrEnum):
    """The state of a destination's circuit breaker."""

    WELL = "well"
    DOWN = "down"
    STOPPED = "stopped"
    """Its credentials are refused: somebody has to mend them."""


class CircuitBreaker:
    """The circuit breaker of one destination.

    After failures in a row it lets one request through at a time, until one succeeds.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures = 0
        self.health = CircuitState.WELL
        self.until = 0
        """No request before, ms since the epoch."""
        self.since = 0
        """Since when it has not been well, ms since the epoch; 0 where it is."""
        self.last_good = 0
        """When a request last succeeded."""
        self.reason = ""

    @property
    def probing(self) -> bool:
        """Whether only one request at a time may go out."""
        return self.health is not CircuitState.WELL

    def good(self, now: int) -> None:
        """A request was answered by a destination that works."""
        self.health, self._failures, self.until, self.reason = CircuitState.WELL, 0, 0, ""
        self.since = 0
        self.last_good = now

    def bad(self, now: int, reason: str, *, destination_fault: bool) -> None:
        """A request failed, maybe by the destination's fault; ``destination_fault``: surely so."""
        self._failures += 1
        if self._failures >= FAILURES or self.probing:
            if self.health is CircuitState.WELL:
                self.health, self.since = CircuitState.DOWN, now
            self.reason = reason
        elif not destination_fault:  # its events wait, others go on
            return
        self.until = now + backoff_ms(self._failures - FAILURES + 1, self._rng)

    def stop(self, now: int, reason: str) -> None:
        """The destination refuses us as such. It is asked again now and then, for it may be mended there."""
        self.health, self.reason, self.until = CircuitState.STOPPED, reason, now + STOPPED_MS
        self.since = self.since or now

    def pause(self, now: int, wait_ms: int) -> None:
        """The destination works, and asks for a pause."""
        self.until = max(self.until, now + wait_ms)
