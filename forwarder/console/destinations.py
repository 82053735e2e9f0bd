"""The destinations: how each does now, and did over the last hour or day."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.amplitude.lint import Kind
from forwarder.amplitude.warnings import MEANINGS
from forwarder.console.charts import Axis, Chart, Series, bars, lines
from forwarder.console.compiled import Compiled
from forwarder.console.figures import figures_now
from forwarder.console.pages import Pages, count, duration
from forwarder.console.status import WELL, DestinationStatus, destination_status
from forwarder.console.subject import Shown
from forwarder.console.timeline import MINUTE_MS, Range, Step, snapshot_of
from forwarder.errors import ConfigError
from forwarder.history.recent import recent_events
from forwarder.spool import StoredEvent
from forwarder.trial.matching import look_at
from forwarder.trial.subscriptions import sources_of
from forwarder.trial.what_if import MOST_EVENTS
from forwarder.trial.work_budget import WorkBudget

LOOK_S: Final = 0.08
"""Seconds that the search for examples of warnings may take."""
_TITLES: Final = {Range.HOUR: "Last hour", Range.DAY: "Last day"}
ANSWERS: Final = (
    ("accepted", "good"),
    ("throttled", "warn"),
    ("refused", "bad"),
    ("failed there", "busy"),
    ("no answer", "plain"),
)
"""Kinds of answers with the tones of their bars."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A kind of warning. ``example``: what was said of one recent event; ``message_id``: which that was."""

    kind: str
    events: int
    meaning: str
    example: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A destination as the page shows it. ``steps``: newest first."""

    status: DestinationStatus
    waiting: int
    charts: Sequence[Chart]
    steps: Sequence[Step]
    warnings: Sequence[Warned] = field(default_factory=list)


def destination_routes(pages: Pages) -> list[Route]:
    """Return the routes."""

    async def destinations(request: Request) -> Response:
        now = pages.shown()
        of = Range.DAY if request.query_params.get("range") == "day" else Range.HOUR
        counts, figures, at = await now.spool.counts(), figures_now(), now.clock()
        snapshot = snapshot_of(counts, figures)
        shapes = []
        examples: Mapping[tuple[str, str], tuple[str, str]] = {}
        if any(events for events in figures.warnings.values()):
            events = await now.spool.look(lambda database: recent_events(database, MOST_EVENTS))
            examples = await asyncio.to_thread(examples_of, now, events, pages.compiled)
        for name in now.destinations:
            standing = counts.destinations.get(name)
            status = destination_status(name, figures, standing, now.health.get(name, WELL))
            steps = now.timeline.steps(of, name, at, snapshot)
            warnings = [_warned(name, kind, events, examples) for kind, events in status.warnings]
            waiting = standing.waiting if standing else 0
            shapes.append(Shape(status, waiting, charts(steps, of, at), steps[::-1], warnings))
        return pages.page(
            request, "destinations", shapes=shapes, now=at, range=of, titles=_TITLES, seconds=seconds
        )

    return [pages.route("/destinations", destinations)]


def charts(steps: Sequence[Step], of: Range, at: int) -> list[Chart]:
    """Return the charts of one destination. ``at``: now, ms since the epoch."""
    axis = Axis(at - of.step_ms * of.steps, at, of.step_ms, [one.at for one in steps])
    every = "a minute" if of.step_ms == MINUTE_MS else f"in {of.step_ms // MINUTE_MS} minutes"
    answers = [by_kind(one.answers) for one in steps]
    return [
        lines(
            f"Events {every}",
            [
                Series("accepted", "busy", [one.accepted for one in steps]),
                Series("delivered", "good", [one.delivered for one in steps], dashed=True),
                Series("filtered", "plain", [one.filtered for one in steps], dashed=True),
                Series("dead", "bad", [one.dead for one in steps]),
            ],
            axis,
            whole,
        ),
        lines("Events waiting", [Series("waiting", "warn", [one.waiting for one in steps])], axis, whole),
        lines(
            "Time to delivery, of the oldest event of a request",
            [
                Series("half of them (p50)", "good", [one.p50 for one in steps]),
                Series("95 % (p95)", "warn", [one.p95 for one in steps], dashed=True),
            ],
            axis,
            seconds,
        ),
        bars(
            f"Requests {every}, by answer",
            [Series(kind, tone, [one.get(kind, 0) for one in answers]) for kind, tone in ANSWERS],
            axis,
            whole,
        ),
    ]


def by_kind(answers: Mapping[str, int]) -> dict[str, int]:
    """Return requests by the kind of their answer. ``answers``: by status, or by what failed."""
    found: dict[str, int] = {}
    for answer, requests in answers.items():
        kind = kind_of(answer)
        found[kind] = found.get(kind, 0) + requests
    return found


def kind_of(answer: str) -> str:
    """Return the kind of an answer."""
    if not answer.isdigit():
        return "no answer"
    if answer.startswith("2"):
        return "accepted"
    if answer == "429":
        return "throttled"
    return "failed there" if answer.startswith("5") else "refused"


def examples_of(
    now: Shown, events: Sequence[StoredEvent], compiled_of: Compiled
) -> dict[tuple[str, str], tuple[str, str]]:
    """Return a warning of a recent event and its message id, by destination and kind."""
    try:
        compiled = compiled_of.of(now.settings)
    except ConfigError:  # a file that a setting names has changed since; the log says so at a reload
        return {}
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for one in now.settings.destinations:
        budget = WorkBudget(LOOK_S / len(compiled))
        looked = look_at(compiled[one.name], sources_of(one), events, budget)
        for matched in looked.subscriptions:
            for kind, (warning, message_id) in matched.examples.items():
                found.setdefault((one.name, kind), (f"{warning.field} {warning.message}", message_id))
    return found


def _warned(name: str, kind: str, events: int, examples: Mapping[tuple[str, str], tuple[str, str]]) -> Warned:
    meaning = MEANINGS[Kind(kind)] if kind in {one.value for one in Kind} else ""
    return Warned(kind, events, meaning, *examples.get((name, kind), ("", "")))


def whole(value: float) -> str:
    """Return a count as people read it."""
    return count(round(value))


def seconds(value: float | None) -> str:
    """Return seconds as people read them."""
    return "" if value is None else duration(round(value * 1000))
