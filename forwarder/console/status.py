"""What the console shows, as values: made of the figures, the spool's counts and the destinations' health."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from forwarder.console.figures import Figures
from forwarder.delivery.health import DestinationHealth
from forwarder.spool import Counts, Standing

LATE_MS = 5 * 60_000
"""An event that waits longer than this is worth a look: when all is well, it waits for seconds."""
WELL = DestinationHealth()


class Ended(NamedTuple):
    """Events that ended alike: at a destination ever, at ingest since the forwarder started."""

    outcome: str
    reason: str
    events: int


class Answered(NamedTuple):
    """Requests to one endpoint that were answered alike since the forwarder started."""

    endpoint: str
    answer: str
    requests: int


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The row of one source. ``ended``: events that ended at ingest."""

    name: str
    ended: list[Ended] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DestinationStatus:
    """The row of one destination.

    ``parked``, ``dead``: events that lie in the spool for it now; ``faults``: failures of our own code.
    """

    name: str
    health: DestinationHealth = WELL
    ended: list[Ended] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    warnings: list[tuple[str, int]] = field(default_factory=list)
    faults: int = 0
    parked: int = 0
    dead: int = 0

    @property
    def troubles(self) -> Iterator[str]:
        """Yield a line for everything that wants an operator's attention."""
        if self.health.stall:
            yield f"{self.name} has work and does nothing: see the log, and restart the forwarder"
        if self.health.held_back:
            yield f"{self.name} is held back: {self.health.why or 'Amplitude fails or refuses'}"
        if self.faults:
            yield f"{self.name}: the forwarder's own code failed ({self.faults}); the log says where"
        if self.dead:
            yield f"{self.name} has {self.dead} dead {'letter' if self.dead == 1 else 'letters'}"


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """The status of the spool: what waits in it, and whether it accepts events.

    ``oldest_ms``: age of the event that waits longest; ``refusing``: whether senders get 429 because it is
    full; ``unavailable``: why no event can be accepted now; ``strays``: messages of the stream that no
    forwarder wrote.
    """

    waiting: int
    waiting_bytes: int
    oldest_ms: int
    refusing: bool = False
    unavailable: str = ""
    strays: int = 0

    @property
    def troubles(self) -> Iterator[str]:
        """Yield a line for everything that wants an operator's attention."""
        if self.refusing:
            yield "senders are refused (429): the spool is full, or its disk is"
        if self.unavailable:
            yield f"no event can be accepted: {self.unavailable}"
        if self.strays:
            yield f"{self.strays} messages of the stream were passed over: no forwarder wrote them"


@dataclass(frozen=True, slots=True)
class Status:
    """The status on the console's first page. ``faults``: of our own code, outside of destinations."""

    spool: SpoolStatus
    sources: list[SourceStatus]
    destinations: list[DestinationStatus]
    reports: list[tuple[str, int]]
    faults: int = 0

    @property
    def troubles(self) -> list[str]:
        """Return a line for everything that wants an operator's attention."""
        found = [*self.spool.troubles]
        for one in self.destinations:
            found += one.troubles
        if self.faults:
            found.append(
                f"our own code failed {self.faults} times outside of destinations; the log has the places"
            )
        if self.spool.oldest_ms > LATE_MS:
            found.append(f"the oldest event has waited for {self.spool.oldest_ms // 60_000} minutes")
        wrong = sum(count for kind, count in self.reports if kind in ("difference", "trap"))
        if wrong:
            found.append(f"Python in the page was wrong {wrong} times; the compiled rules took over")
        return found


def status(
    figures: Figures,
    counts: Counts,
    sources: Sequence[str],
    destinations: Sequence[str],
    now: int,
    unavailable: str = "",
    health: Mapping[str, DestinationHealth] | None = None,
) -> Status:
    """Return what to show at ``now``, ms since the epoch, for the configured sources and destinations.

    ``unavailable``: why no event can be accepted now, "" where it can; ``health``: how destinations do.
    """
    oldest = 0 if counts.oldest_at is None else max(0, now - counts.oldest_at)
    refusing = counts.is_refusing(now)
    known = health or {}
    return Status(
        SpoolStatus(counts.events, counts.bytes, oldest, refusing, unavailable, figures.strays),
        [SourceStatus(name, [Ended(*end) for end in _rows(figures.ingest, name)]) for name in sources],
        [
            destination_status(name, figures, counts.destinations.get(name), known.get(name, WELL))
            for name in destinations
        ],
        [(kind, reports) for (kind,), reports in figures.reports.items() if reports],
        sum(faults for (destination, _), faults in figures.faults.items() if not destination),
    )


def destination_status(
    name: str, figures: Figures, standing: Standing | None, health: DestinationHealth
) -> DestinationStatus:
    """Return the row of one destination. ``standing``: None where the spool knows nothing of it yet."""
    ended = sorted(standing.ended.items()) if standing else []
    return DestinationStatus(
        name,
        health,
        [Ended(*end, events) for end, events in ended],
        [Answered(*answered) for answered in _rows(figures.requests, name)],
        [(kind, events) for kind, events in _rows(figures.warnings, name)],
        sum(faults for _, faults in _rows(figures.faults, name)),
        standing.parked if standing else 0,
        standing.dead if standing else 0,
    )


def _rows(counted: Mapping[tuple[str, ...], int], name: str) -> Iterator[tuple[Any, ...]]:
    """Yield the other labels and the count of what is counted for one source or destination."""
    for (of, *labels), count in counted.items():
        if of == name:
            yield (*labels, count)
