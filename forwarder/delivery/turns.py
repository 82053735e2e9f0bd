"""When a worker's turns began, ended and failed: what the watchdog and the wait after a failure go by."""

from __future__ import annotations

from dataclasses import dataclass

FAULT_RETRY_S = (0.1, 1.0, 5.0, 15.0)
"""How long delivery waits after a fault of ours, the first, second ... in a row: a bug of ours is mended by
nothing but luck, so it goes on quickly once, and then costs little."""


@dataclass(slots=True)
class TurnTimes:
    """The times of a worker's turns, ms since the epoch, 0 for none.

    ``since``: when the turn began that has not ended; ``failing_since``: the first of the failures in a row;
    ``turned_at``: when a turn last ended well; ``faults``: faults of ours in a row.
    """

    since: int = 0
    failing_since: int = 0
    turned_at: int = 0
    faults: int = 0

    def went_well(self, now: int) -> None:
        """Note a turn that ended well."""
        self.failing_since = self.faults = 0
        self.turned_at = now

    def failed(self, now: int) -> None:
        """Note a turn that failed."""
        self.failing_since = self.failing_since or now

    def wait_after_fault_s(self) -> float:
        """Note a fault of ours; return how many seconds to wait before the next turn."""
        self.faults += 1
        return FAULT_RETRY_S[min(self.faults, len(FAULT_RETRY_S)) - 1]
