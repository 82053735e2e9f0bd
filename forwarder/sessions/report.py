"""How many sessions events make, how long they are, and how they spread over people: plain counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

BOUNDS_MS: Final = (0, 10_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000, 10_800_000)
"""Where the classes of session lengths end; the first holds sessions of one moment."""
CLASSES: Final = (
    "0 s",
    "to 10 s",
    "to 1 min",
    "to 5 min",
    "to 15 min",
    "to 30 min",
    "to 1 h",
    "to 3 h",
    "longer",
)
MOST_EACH: Final = 10
"""Sessions of a person from which on people are counted together."""


class Visit(NamedTuple):
    """An event of a session. ``person``: who it is of; ``device``: whose session; ``time``: in ms.

    ``session_id``: None where the event is in no session.
    """

    person: str
    device: str
    session_id: int | None
    time: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of all sessions; lengths in ms, from a session's first event to its last."""

    events: int
    without: int
    """Events in no session."""
    people: int
    sessions: int
    bounces: int
    """Sessions of one event."""
    mean_length: float
    median_length: float
    longest: int
    lengths: tuple[int, ...]
    """Sessions by the classes of ``CLASSES``."""
    each: tuple[int, ...]
    """People by their number of sessions, from none to ``MOST_EACH`` or more."""

    @property
    def per_person(self) -> float:
        """Sessions of a person, on average."""
        return self.sessions / self.people if self.people else 0.0

    @property
    def bounce_share(self) -> float:
        """Share of sessions that have one event."""
        return self.bounces / self.sessions if self.sessions else 0.0


def figures(visits: Iterable[Visit]) -> Figures:
    """Return what these events come to, in whatever order they are."""
    first: dict[tuple[str, int], int] = {}
    last: dict[tuple[str, int], int] = {}
    counts: Counter[tuple[str, int]] = Counter()
    owner: dict[tuple[str, int], str] = {}
    people: set[str] = set()
    events = without = 0
    for person, device, session_id, time in visits:
        events += 1
        people.add(person)
        if session_id is None:
            without += 1
            continue
        key = (device, session_id)
        owner.setdefault(key, person)
        counts[key] += 1
        first[key] = min(time, first.get(key, time))
        last[key] = max(time, last.get(key, time))
    lengths = [last[key] - began for key, began in first.items()]
    each = Counter(owner.values())
    sessions = Counter(min(each[person], MOST_EACH) for person in people)
    return Figures(
        events=events,
        without=without,
        people=len(people),
        sessions=len(lengths),
        bounces=sum(count == 1 for count in counts.values()),
        mean_length=sum(lengths) / len(lengths) if lengths else 0.0,
        median_length=float(median(lengths)) if lengths else 0.0,
        longest=max(lengths, default=0),
        lengths=_classes(lengths),
        each=tuple(sessions[number] for number in range(MOST_EACH + 1)),
    )


def _classes(lengths: Sequence[int]) -> tuple[int, ...]:
    counted = [0] * len(CLASSES)
    for length in lengths:
        counted[next((at for at, bound in enumerate(BOUNDS_MS) if length <= bound), -1)] += 1
    return tuple(counted)


def said_length(ms: float) -> str:
    """Return a length for people, like ``1 h 2 min``, ``3 min 5 s`` or ``0.2 s``."""
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def rows(figures: Figures) -> list[tuple[str, str]]:
    """Return the lines of the table about sessions: what, and how much."""
    return [
        ("events", f"{figures.events:,}"),
        ("in no session", f"{figures.without:,}"),
        ("people", f"{figures.people:,}"),
        ("sessions", f"{figures.sessions:,}"),
        ("sessions a person", f"{figures.per_person:.2f}"),
        ("bounces", f"{figures.bounces:,} ({figures.bounce_share:.1%})"),
        ("mean length", said_length(figures.mean_length)),
        ("median length", said_length(figures.median_length)),
        ("longest", said_length(figures.longest)),
    ]
