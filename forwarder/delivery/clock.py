"""Time for delivery's waits."""

import time
from collections.abc import Callable


class Steady:
    """The clock as it was at the start, going on evenly: waits do not care when somebody sets the clock."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._ahead = clock() - time.monotonic_ns() // 1_000_000

    def __call__(self) -> int:
        """Return ms since the epoch."""
        return self._ahead + time.monotonic_ns() // 1_000_000
