"""The time line of one user or device, as values: sessions as bands, gaps between them, reasons, marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from forwarder.console.rows import Row, row_of
from forwarder.delivery.scheduler.planning import read_body
from forwarder.history.listing import Listed
from forwarder.ingest.times import read_time
from forwarder.sessions.facts import NO_RULES, SessionRules
from forwarder.sessions.stamp import shown_reason

WIDTH: Final = 1000
"""The drawing's own units."""
STRIP: Final = 26
_MOST_STRIPS: Final = 6
"""Devices that are drawn apart; more share the last strip."""
_THINNEST: Final = 4.0
"""Units of the shortest band: one event is a session, too."""
STARTED: Final = ("Session Started", "session_start")
ENDED: Final = ("Session Ended", "session_end")


class Moment(NamedTuple):
    """An event on the time line. ``at``: its own time, ms since the epoch.

    ``reason``: why it is in its session, "" where that is so of the one before as well; ``mark``: "started"
    or "ended" of a session event.
    """

    row: Row
    at: int
    reason: str
    mark: str


class Visit(NamedTuple):
    """A session, or events in none, where ``session`` is "". Times are ms since the epoch.

    ``gap_ms``: from the end of the session before on this device, 0 of the first; ``reasons``: how many
    events have which.
    """

    session: str
    device: str
    began: int
    ended: int
    gap_ms: int
    moments: Sequence[Moment]
    reasons: Mapping[str, int]

    @property
    def has_mark(self) -> tuple[bool, bool]:
        """Whether its Session Started and its Session Ended are there."""
        marks = {one.mark for one in self.moments}
        return "started" in marks, "ended" in marks


class Band(NamedTuple):
    """A session as it is drawn: where it begins, how wide it is, in which strip."""

    visit: Visit
    x: float
    width: float
    y: int


class Person(NamedTuple):
    """The history of a user or device. ``visits``: the newest first; ``strips``: devices, as drawn."""

    visits: Sequence[Visit]
    bands: Sequence[Band]
    strips: Sequence[str]
    begin: int
    end: int
    events: int
    height: int


class _Read(NamedTuple):
    row: Row
    at: int
    reason: str
    mark: str


def person(
    found: Sequence[Listed], destinations: Sequence[str], rules: Mapping[str, SessionRules] = NO_RULES
) -> Person | None:
    """Return the time line of accepted events, in whatever order; None of none. ``rules``: by source."""
    read = sorted((_read(one, destinations, rules) for one in found), key=lambda one: (one.at, one.row.place))
    if not read:
        return None
    groups: dict[tuple[str, str], list[_Read]] = {}
    for one in read:
        groups.setdefault((one.row.keys.session, one.row.keys.device), []).append(one)
    visits = _with_gaps([_visit(session, device, ones) for (session, device), ones in groups.items()])
    begin, end = read[0].at, max(one.at for one in read)
    strips = list(dict.fromkeys(one.device for one in visits if one.session))[:_MOST_STRIPS]
    bands = [_band(one, strips, begin, max(1, end - begin)) for one in visits if one.session]
    visits.sort(key=lambda one: (one.ended, one.began), reverse=True)
    return Person(visits, bands, strips, begin, end, len(read), max(1, len(strips)) * STRIP)


def _read(one: Listed, destinations: Sequence[str], rules: Mapping[str, SessionRules]) -> _Read:
    body = _body(one.event.body)
    at = read_time(body.get("timestamp"))
    row = row_of(one, destinations)
    own = rules.get(row.source) or SessionRules()
    mark = "started" if row.name in (own.started_name, *STARTED) else ""
    mark = "ended" if row.name in (own.ended_name, *ENDED) else mark
    return _Read(row, row.at if at is None else at, shown_reason(body), mark)


def _body(body: bytes) -> dict[str, Any]:
    try:
        found = read_body(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _visit(session: str, device: str, ones: Sequence[_Read]) -> Visit:
    moments: list[Moment] = []
    before = ""
    for one in ones:
        moments.append(Moment(one.row, one.at, "" if one.reason == before else one.reason, one.mark))
        before = one.reason
    reasons = Counter(one.reason for one in ones if one.reason)
    began = int(session) if session else ones[0].at
    # A clock that was set in between may have made the first event older than its session.
    began = min(began, ones[0].at) if ones[0].at - began < _LONGEST_MS else ones[0].at
    return Visit(session, device, began, ones[-1].at, 0, moments, reasons)


_LONGEST_MS: Final = 7 * 86_400_000
"""A session id that says it began so long before its first event is no time that could be drawn."""


def _with_gaps(visits: Sequence[Visit]) -> list[Visit]:
    """Return sessions in order, each with the gap to the one before on its device."""
    ended: dict[str, int] = {}
    found = []
    for one in sorted(visits, key=lambda one: (one.began, one.ended)):
        gap = 0
        if one.session:
            gap = max(0, one.began - ended[one.device]) if one.device in ended else 0
            ended[one.device] = max(one.ended, ended.get(one.device, 0))
        found.append(one._replace(gap_ms=gap))
    return found


def _band(visit: Visit, strips: Sequence[str], begin: int, span: int) -> Band:
    x = WIDTH * max(0, visit.began - begin) / span
    width = max(_THINNEST, WIDTH * (visit.ended - max(begin, visit.began)) / span)
    strip = strips.index(visit.device) if visit.device in strips else len(strips) - 1
    return Band(visit, round(min(x, WIDTH - width), 2), round(width, 2), strip * STRIP)
