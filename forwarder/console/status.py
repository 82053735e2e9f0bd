"""What the console shows, as values: made of the metrics and of what lies in the spool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from prometheus_client import Metric

    from forwarder.spool import Counts

LATE_MS = 5 * 60_000
"""An event that waits longer than this is worth an operator's look."""


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


@dataclass(slots=True)
class StatusRow:
    """One source or destination. ``parked``, ``dead``: events that lie in the spool for it now.

    ``stalled``: it has work and does nothing; ``faults``: failures of our own code; ``why``: why it is
    held back.
    """

    name: str
    ended: list[Ended] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    warnings: list[tuple[str, int]] = field(default_factory=list)
    down: bool = False
    why: str = ""
    stalled: bool = False
    faults: int = 0
    parked: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """Everything on the console's first page. ``oldest_ms``: age of the event that waits longest."""

    sources: list[StatusRow]
    destinations: list[StatusRow]
    reports: list[tuple[str, int]]
    waiting: int
    waiting_bytes: int
    oldest_ms: int
    faults: int = 0
    refusing: bool = False
    unavailable: str = ""
    """Why no event can be accepted now."""
    strays: int = 0
    """Messages of the stream that no forwarder wrote."""

    @property
    def troubles(self) -> list[str]:
        """Return a line for everything that wants an operator's attention."""
        found = ["senders are refused (429): the spool is full, or its disk is"] if self.refusing else []
        if self.unavailable:
            found.append(f"no event can be accepted: {self.unavailable}")
        if self.strays:
            found.append(f"{self.strays} messages of the stream were passed over: no forwarder wrote them")
        found += [
            f"{one.name} has work and does nothing: see the log, and restart the forwarder"
            for one in self.destinations
            if one.stalled
        ]
        found += [
            f"{one.name} is held back: {one.why or 'Amplitude fails or refuses'}"
            for one in self.destinations
            if one.down
        ]
        found += [
            f"{one.name}: the forwarder's own code failed ({one.faults}); the log says where"
            for one in self.destinations
            if one.faults
        ]
        if self.faults:
            found.append(
                f"our own code failed {self.faults} times outside of destinations; the log has the places"
            )
        found += [
            f"{one.name} has {one.dead} dead {'letter' if one.dead == 1 else 'letters'}"
            for one in self.destinations
            if one.dead
        ]
        if self.oldest_ms > LATE_MS:
            found.append(f"the oldest event has waited for {self.oldest_ms // 60_000} minutes")
        wrong = sum(count for kind, count in self.reports if kind in ("difference", "trap"))
        if wrong:
            found.append(f"Python in the page was wrong {wrong} times; the compiled rules took over")
        return found


def status(
    families: Iterable[Metric],
    counts: Counts,
    sources: Sequence[str],
    destinations: Sequence[str],
    now: int,
    unavailable: str = "",
    held_back: Mapping[str, str] = MappingProxyType({}),
) -> Status:
    """Return what to show at ``now``, ms since the epoch, for the configured sources and destinations.

    ``unavailable``: why no event can be accepted now, "" where it can; ``held_back``: why destinations are.
    """
    at_ingest = {name: StatusRow(name) for name in sources}
    beyond = {name: StatusRow(name, why=held_back.get(name, "")) for name in destinations}
    reports: list[tuple[str, int]] = []
    faults = strays = 0
    for family in families:
        for sample in family.samples:
            labels, value = sample.labels, int(sample.value)
            if sample.name == "forwarder_door_events_total" and labels["source"] in at_ingest:
                at_ingest[labels["source"]].ended.append(Ended(labels["outcome"], labels["reason"], value))
            elif sample.name == "forwarder_page_reports_total" and value:
                reports.append((labels["kind"], value))
            elif sample.name == "forwarder_faults_total" and not labels["destination"]:
                faults += value
            elif sample.name == "forwarder_stream_stray_messages_total":
                strays = value
            place = beyond.get(labels.get("destination", ""))
            if place is None:
                continue
            _show(place, sample.name, labels, value)
    for name, place in beyond.items():
        if standing := counts.destinations.get(name):
            place.parked, place.dead = standing.parked, standing.dead
            place.ended = [Ended(*end, events) for end, events in sorted(standing.ended.items())]
    oldest = 0 if counts.oldest_at is None else max(0, now - counts.oldest_at)
    return Status(
        list(at_ingest.values()),
        list(beyond.values()),
        reports,
        counts.events,
        counts.bytes,
        oldest,
        faults,
        counts.is_refusing(now),
        unavailable,
        strays,
    )


def _show(place: StatusRow, name: str, labels: Mapping[str, str], value: int) -> None:
    """Put what a metric says of a destination into its place."""
    if name == "forwarder_delivery_requests_total":
        place.answered.append(Answered(labels["endpoint"], labels["answer"], value))
    elif name == "forwarder_delivery_warnings_total":
        place.warnings.append((labels["kind"], value))
    elif name == "forwarder_destination_down":
        place.down = bool(value)
    elif name == "forwarder_destination_stalled":
        place.stalled = bool(value)
    elif name == "forwarder_faults_total":
        place.faults += value
