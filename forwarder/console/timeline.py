"""How each destination did over the last hour and day, as values in a bounded ring in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import Final, NamedTuple

from forwarder.console.figures import Figures
from forwarder.distribution import quantile
from forwarder.outcomes import Outcome
from forwarder.spool import Counts, Standing

MINUTE_MS: Final = 60_000
_KEPT_MORE: Final = 1
"""Samples beside those of a range: each step lies between two of them."""


class Range(Enum):
    """A range of time that is shown: how long a step of it is, in ms, and how many there are."""

    HOUR = (MINUTE_MS, 60)
    DAY = (15 * MINUTE_MS, 96)

    @property
    def step_ms(self) -> int:
        """How long a step is."""
        return self.value[0]

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return self.value[1]


class Sample(NamedTuple):
    """The figures of one destination at a moment, all but ``waiting`` counted since ever or since the start.

    ``latency``: requests by class of ``metrics.LATENCY``; ``answers``: requests by what came back.
    """

    accepted: int = 0
    delivered: int = 0
    filtered: int = 0
    dead: int = 0
    waiting: int = 0
    latency: tuple[int, ...] = ()
    answers: Mapping[str, int] = {}


class Step(NamedTuple):
    """The figures of a destination in one step of a range. ``at``: its end, ms since the epoch.

    ``waiting``: at its end; ``p50``, ``p95``: seconds to delivery, None where no request was accepted.
    """

    at: int
    accepted: int
    delivered: int
    filtered: int
    dead: int
    waiting: int
    p50: float | None
    p95: float | None
    answers: Mapping[str, int]


Snapshot = Mapping[str, Sample]
"""Samples of one moment, by destination."""


class Timeline:
    """The samples of the last hour and day. It is bounded: each new sample lets an old one go."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """``bounds``: of the classes of ``Sample.latency``, in seconds."""
        self._bounds = bounds
        self._kept: dict[Range, deque[tuple[int, Snapshot]]] = {
            one: deque(maxlen=one.steps + _KEPT_MORE) for one in Range
        }

    def note(self, at: int, snapshot: Snapshot) -> None:
        """Take a sample; it stays for each range in which a step has passed since the last. ``at``: ms."""
        for of, kept in self._kept.items():
            if not kept or at - kept[-1][0] >= of.step_ms - _EARLY_MS:
                kept.append((at, snapshot))

    def steps(self, of: Range, name: str, at: int, now: Snapshot) -> list[Step]:
        """Return the steps of a destination, oldest first.

        The last one goes on, and ends ``now``: it is there only where no other is, for its figures are those
        of a part of a step.
        """
        begin = at - of.step_ms * of.steps
        kept = [*(one for one in self._kept[of] if one[0] <= at), (at, now)]
        pairs = pairwise(kept)
        made = [
            _step(end, before.get(name), after.get(name, Sample()), self._bounds)
            for (_, before), (end, after) in pairs
            if end > begin
        ]
        return made[:-1] or made


_EARLY_MS: Final = 5_000
"""How much earlier than a step's end a sample may come and end it: clocks of loops are not exact."""


def _step(at: int, before: Sample | None, after: Sample, bounds: Sequence[float]) -> Step:
    """Return the difference of two samples; of a destination that is new, nothing happened before."""
    before = before or Sample()
    answers = {
        answer: count
        for answer in after.answers
        if (count := after.answers[answer] - before.answers.get(answer, 0)) > 0
    }
    old = before.latency or (0,) * len(after.latency)
    latency = [max(0, new - was) for new, was in zip(after.latency, old, strict=False)]
    return Step(
        at,
        max(0, after.accepted - before.accepted),
        max(0, after.delivered - before.delivered),
        max(0, after.filtered - before.filtered),
        max(0, after.dead - before.dead),
        after.waiting,
        quantile(0.5, bounds, latency),
        quantile(0.95, bounds, latency),
        answers,
    )


def snapshot_of(counts: Counts, figures: Figures) -> Snapshot:
    """Return the samples of this moment: of the spool's counts, and of what this process has counted."""
    answers: dict[str, dict[str, int]] = {}
    for (name, _, answer), requests in figures.requests.items():
        by_answer = answers.setdefault(name, {})
        by_answer[answer] = by_answer.get(answer, 0) + requests
    return {
        name: _sample(standing, figures.latency.get(name, ()), answers.get(name, {}))
        for name, standing in counts.destinations.items()
    }


def _sample(standing: Standing, latency: tuple[int, ...], answers: Mapping[str, int]) -> Sample:
    ended: dict[str, int] = {}
    for (outcome, _), events in standing.ended.items():
        ended[outcome] = ended.get(outcome, 0) + events
    return Sample(
        standing.accepted,
        ended.get(Outcome.DELIVERED, 0),
        ended.get(Outcome.FILTERED, 0),
        ended.get(Outcome.DEAD, 0),
        standing.waiting,
        latency,
        answers,
    )
