"""What subscriptions make of recent events: how many match, which warnings, which failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.wire.items import Warning  # noqa: A004 - what it is called
from forwarder.delivery.scheduler.planning import read_body, why_skipped
from forwarder.spool import StoredEvent
from forwarder.trial.work_budget import WorkBudget


@dataclass(slots=True)
class Matched:
    """The figures of one subscription: events that match, by kind of warning, by failure.

    ``examples``: a warning of each kind, and the message id of its event.
    """

    events: int = 0
    warnings: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[Warning, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Looked:
    """The figures of one destination over recent events.

    ``events``: looked at; ``skipped``: of these, not for it, by reason; ``unmatched``: that no trigger
    matches; ``subscriptions``: figures in the order of its subscriptions; ``is_cut``: whether the time was
    over before all were looked at; ``since``, ``until``: when the first and the last were received, ms.
    """

    subscriptions: list[Matched]
    events: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unmatched: int = 0
    is_cut: bool = False
    since: int = 0
    until: int = 0


def look_at(
    destination: AmplitudeDestination,
    sources: frozenset[str] | None,
    events: Iterable[StoredEvent],
    budget: WorkBudget,
) -> Looked:
    """Return what a destination's subscriptions make of events. ``sources``: whose events go there."""
    looked = Looked([Matched() for _ in destination.subscriptions])
    places = {one: place for place, one in enumerate(destination.subscriptions)}
    for event in budget.within(events):
        looked.events += 1
        looked.since = min(looked.since or event.received_at, event.received_at)
        looked.until = max(looked.until, event.received_at)
        body = read_body(event.body)
        if skipped := why_skipped(event.source, body.get("integrations"), sources):
            looked.skipped[skipped] += 1
            continue
        plans = destination.plans(body, requests=False)
        looked.unmatched += not plans
        for subscription, planned in plans:
            figures = looked.subscriptions[places[subscription]]
            figures.events += 1
            figures.warnings.update(dict.fromkeys((str(one.kind) for one in planned.warnings), 1))
            for one in planned.warnings:
                figures.examples.setdefault(one.kind, (one, event.message_id))
            figures.failures.update(dict.fromkeys(map(str, planned.errors), 1))
    looked.is_cut = budget.is_spent
    return looked
