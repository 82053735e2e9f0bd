"""How far a destination has come: its cursor, what has ended beyond it, and how events ended."""

from __future__ import annotations

from collections import Counter
from typing import Final

from forwarder.outcomes import Outcome
from forwarder.spool.history import Ended

End = tuple[str, str]
"""How an event ended: the outcome and its reason."""
DELIVERED: End = (Outcome.DELIVERED, "")
_UNENDED: Final[End] = ("", "")
"""What stands for the end of an event that has not ended."""


class Checkpoint:
    """The checkpoint of one destination. Ends are counted once the cursor passes them.

    So what a crash makes happen again is counted once.
    """

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        """The highest seq up to which all are finished or set aside."""
        self.read_to = cursor
        """The highest seq read so far."""
        self.counts: Counter[End] = Counter()
        """Ends since the last ``drain_counts``."""
        self._ends: dict[int, End | None] = {}
        self._passed: list[Ended] = []
        self._settled = cursor
        self._set_aside: set[int] = set()
        self._reread_to = 0

    def resume(self, aside: set[int]) -> None:
        """Note the seqs beyond the cursor that an earlier run has parked or dead-lettered."""
        self._set_aside = aside
        self._reread_to = max(aside, default=0)

    @property
    def rereading(self) -> bool:
        """Whether an earlier run had read further: events that go before parked ones may be unread."""
        return self.read_to < self._reread_to

    def read(self, seq: int) -> bool:
        """Note that an event was read; tell whether it is to be dealt with: not if it is set aside."""
        self.read_to = seq
        if seq in self._set_aside:
            self.set_aside(seq)
            return False
        return True

    def ended(self, seq: int, filtered: str = "") -> None:
        """Note that an event has ended, delivered or ``filtered`` for a reason."""
        end = (Outcome.FILTERED, filtered) if filtered else DELIVERED
        if seq > self.cursor:
            self._ends[seq] = end
        else:
            self._count(seq, seq, end)

    def _count(self, first: int, last: int, end: End) -> None:
        """Count that events which follow each other have ended alike."""
        self.counts[end] += last - first + 1
        before = self._passed[-1] if self._passed else None
        if before is not None and before.last + 1 == first and (before.outcome, before.reason) == end:
            self._passed[-1] = Ended(*end, before.first, last)
        else:
            self._passed.append(Ended(*end, first, last))

    def dead_lettered(self, seq: int, reason: str) -> None:
        """Note that an event is a dead letter: counted at once, for the letter outlives a crash."""
        self._count(seq, seq, (Outcome.DEAD, reason.partition(":")[0]))
        self.set_aside(seq)

    def set_aside(self, seq: int) -> None:
        """Note that the cursor may pass an event which has its own row from now on."""
        if seq > self.cursor:
            self._ends.setdefault(seq, None)

    def last_end(self) -> int:
        """Return the highest seq that the cursor waits to pass, 0 for none."""
        return max(self._ends, default=0)

    def advance(self) -> bool:
        """Move the cursor as far as all has ended; tell whether there is news since ``drain_counts``."""
        ends, seq = self._ends, self.cursor + 1
        while seq in ends:
            first, end = seq, ends.pop(seq)
            seq += 1
            while ends.get(seq, _UNENDED) == end:
                del ends[seq]
                seq += 1
            if end is not None:
                self._count(first, seq - 1, end)
        self.cursor = seq - 1
        self.read_to = max(self.read_to, self.cursor)
        return self.cursor != self._settled or bool(self.counts)

    def drain_counts(self) -> Counter[End]:
        """Return the counts, which begin anew."""
        counts, self.counts = self.counts, Counter()
        self._settled = self.cursor
        return counts

    def drain_ends(self) -> list[Ended]:
        """Return which events these were, and begin anew."""
        passed, self._passed = self._passed, []
        return passed
