"""How often and how long one job has been failing, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass, field

from forwarder.amplitude.wire.limits import DAY_MS, INSERT_ID_WINDOW_MS
from forwarder.amplitude.wire.responses import Decision, UpstreamResponse

MAX_GAP_MS = 600_000
"""The most of the budget that passes between two failed tries: in a longer gap all may have failed."""


@dataclass(slots=True)
class RetryState:
    """The retry state of one job. Times are ms since the epoch, 0 for never.

    ``failing_since``: its first failed try; ``spent_ms``: how long it has been failing while others
    succeeded, up to ``counted_at``; ``uncertain_since``: the first try that Amplitude may have accepted;
    ``split_level``: how often the batches it may share were halved; ``ready_at``: it is not sent before;
    ``reason``: why items of it are given up; ``answer``: on which answer; ``errors``: its own faults.
    """

    tries: int = 0
    failing_since: int = 0
    spent_ms: int = 0
    counted_at: int = 0
    uncertain_since: int = 0
    split_level: int = 0
    ready_at: int = 0
    reason: str = ""
    answer: UpstreamResponse | None = None
    errors: list[str] = field(default_factory=list)

    def failed(self, decision: Decision, now: int, last_good: int) -> None:
        """Count a failed try; ``last_good``: when a request to the destination last succeeded."""
        self.tries += 1
        if not self.failing_since:
            self.failing_since = self.counted_at = now
        elif last_good > self.counted_at:
            self.spent_ms += min(now - self.counted_at, MAX_GAP_MS)
            self.counted_at = now
        if decision.may_be_accepted:
            self.uncertain_since = self.uncertain_since or now

    def near_dedup_expiry(self, now: int) -> bool:
        """Return whether Amplitude will soon, or does no longer, recognise what it may have taken."""
        return self.uncertain_since > 0 and now - self.uncertain_since > INSERT_ID_WINDOW_MS - DAY_MS

    def give_up_reason(self, decision: Decision, now: int, budget_ms: int) -> str:
        """Return why it is given up after another failed try, or nothing."""
        if self.spent_ms > budget_ms:
            return f"gave up after {budget_ms / 3_600_000:g} h: {decision.reason}"
        if self.uncertain_since and now - self.uncertain_since > INSERT_ID_WINDOW_MS:
            return "sending again may count twice: first tried over 7 days ago"
        return ""

    def restart(self) -> None:
        """An operator sends it again: it has all the time once more."""
        self.tries = self.failing_since = self.spent_ms = self.counted_at = 0
