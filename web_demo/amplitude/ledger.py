"""What arrived: every item, and whether it counted or was known already."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

HORIZON_MS = 7 * 24 * 3600 * 1000
"""Milliseconds for which an insert id is remembered."""
EVENTS = ("/2/httpapi", "/batch")
"""Where events come; the other endpoints take users and groups."""
LONGEST = 50_000
"""Items kept to be looked at; older ones go."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An item as it came."""

    at: int
    """When, in ms since the epoch."""
    path: str
    item: dict[str, Any]
    counted: bool
    """False for one whose insert id this device had sent before."""


@dataclass(frozen=True, slots=True)
class Group:
    """Arrivals that belong together. ``kind``: session, without (one), users, companies or joined (accounts).

    ``session``: its id, where they are of one.
    """

    kind: str
    session: int | None
    arrivals: list[Arrival]


@dataclass
class Ledger:
    """All arrivals in order."""

    arrivals: list[Arrival] = field(default_factory=list)
    requests: int = 0
    forgotten: int = 0
    """Arrivals that were let go of."""
    _counted: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def take(self, path: str, items: Sequence[dict[str, Any]], now: int) -> int:
        """Enter items at ``now`` (ms); return how many counted.

        An event counts once for each insert id and device within seven days, as at the real Amplitude.
        """
        counted = 0
        for item in items:
            insert_id = item.get("insert_id")
            kind = "event" if path in EVENTS else path  # by whichever endpoint an event came
            key = (kind, str(item.get("device_id")), str(insert_id))
            before = self._counted.get(key) if insert_id else None
            counts = before is None or now - before > HORIZON_MS
            if insert_id and counts:
                self._counted[key] = now
            counted += counts
            self.arrivals.append(Arrival(now, path, item, counts))
        self.forgotten += len(self.arrivals[:-LONGEST])
        del self.arrivals[:-LONGEST]
        return counted

    def has_events(self, since: int) -> bool:
        """Return whether an event arrived at ``since`` (ms since the epoch) or later."""
        return any(one.at >= since and one.path in EVENTS for one in reversed(self.arrivals))

    def as_json(self, after: int = 0) -> dict[str, Any]:
        """Return everything that came after so many arrivals, for tests."""
        arrivals = self.arrivals[max(0, after - self.forgotten) :]
        said = {"requests": self.requests, "forgotten": self.forgotten}
        return {**said, "arrivals": [asdict(one) for one in arrivals]}

    def groups(self, most: int = 500) -> list[Group]:
        """Return the latest arrivals in groups, the latest group first, items by their own time.

        Events are grouped by session; users, companies and joined accounts, which have no session, by what
        they are.
        """
        found: dict[tuple[str, int | None], list[Arrival]] = {}
        for one in self.arrivals[-most:]:
            session = one.item.get("session_id")
            kind = _KINDS.get(one.path, "session" if session not in (None, -1) else "without")
            found.setdefault((kind, session if kind == "session" else None), []).append(one)
        for items in found.values():
            items.sort(key=lambda one: one.item.get("time") or one.at)
        groups = [Group(kind, session, items) for (kind, session), items in found.items()]
        return sorted(groups, key=lambda group: max(one.at for one in group.arrivals), reverse=True)


_KINDS = {"/identify": "users", "/groupidentify": "companies", "/usermap": "joined"}
"""What arrives at the endpoints that take no events."""
