"""What an edited subscription would change, on events that really came. Nothing is kept or sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from forwarder.amplitude import AmplitudeDestination, Planned
from forwarder.comparing.comparison import Compared, Comparison, compared
from forwarder.comparing.items import Item
from forwarder.comparing.pairing import pairs_of
from forwarder.delivery.scheduler.planning import read_body, why_skipped
from forwarder.history.filters import name_of
from forwarder.spool import StoredEvent
from forwarder.trial.work_budget import WorkBudget

MOST_EVENTS: Final = 500
"""Events that a change is tried on: enough to see what it does, within a second."""
MOST_EXAMPLES: Final = 5
"""Changed events that are shown in full."""
_KINDS: Final = {"/identify": "identify", "/groupidentify": "group identify", "/usermap": "user map"}


@dataclass(frozen=True, slots=True)
class Example:
    """A changed event. ``name``: what it is called; ``items``: what is sent of it before and after."""

    message_id: str
    name: str
    items: tuple[Compared, ...]


@dataclass(slots=True)
class Shift:
    """The counts of events that match, or have a warning or failure, ``before`` and ``after`` the change."""

    before: int = 0
    after: int = 0


@dataclass(slots=True)
class WhatIf:
    """The result of trying a change.

    ``events``: looked at; ``changed``: of which something else would be sent; ``matched``: by the edited
    subscription; ``failures``, ``warnings``: events by text and by kind; ``comparison``: of all that is
    sent of changed events; ``is_cut``: whether the time was over before all were looked at.
    """

    events: int = 0
    changed: int = 0
    matched: Shift = field(default_factory=Shift)
    failures: dict[str, Shift] = field(default_factory=dict)
    warnings: dict[str, Shift] = field(default_factory=dict)
    comparison: Comparison = field(default_factory=Comparison)
    examples: list[Example] = field(default_factory=list)
    is_cut: bool = False

    @property
    def shifted_failures(self) -> dict[str, Shift]:
        """Return the failures whose number changes."""
        return {text: one for text, one in self.failures.items() if one.before != one.after}

    @property
    def shifted_warnings(self) -> dict[str, Shift]:
        """Return the warnings whose number changes."""
        return {kind: one for kind, one in self.warnings.items() if one.before != one.after}


def what_if(
    before: AmplitudeDestination,
    after: AmplitudeDestination,
    place: int,
    sources: frozenset[str] | None,
    events: Iterable[StoredEvent],
    budget: WorkBudget,
) -> WhatIf:
    """Return what changes for events where a destination is as ``after`` says.

    ``place``: of the edited subscription; ``sources``: whose events go there.
    """
    made = WhatIf()
    for event in budget.within(events):
        made.events += 1
        body = read_body(event.body)
        if not why_skipped(event.source, body.get("integrations"), sources):
            _try(made, event, body, (before, after), place)
    made.is_cut = budget.is_spent
    return made


def _try(
    made: WhatIf,
    event: StoredEvent,
    body: Mapping[str, Any],
    sides: tuple[AmplitudeDestination, AmplitudeDestination],
    place: int,
) -> None:
    """Note what changes for one event."""
    old, new = (_by_place(side, body) for side in sides)
    made.matched.before += place in old
    made.matched.after += place in new
    _shift(made.failures, _failures(old), _failures(new))
    _shift(made.warnings, _warnings(old), _warnings(new))
    if _written(old) == _written(new):
        return
    pairs = pairs_of(_items(old, event), _items(new, event))
    found = [one for one in map(compared, pairs) if not one.same]
    if not found:  # the same in another order
        return
    made.changed += 1
    made.comparison.events[str(event.seq)] = found
    if len(made.examples) < MOST_EXAMPLES:
        made.examples.append(Example(event.message_id, name_of(event.body), tuple(found)))


def _by_place(destination: AmplitudeDestination, body: Mapping[str, Any]) -> dict[int, Planned]:
    plans = dict(destination.plans(body, requests=False))
    return {place: plans[one] for place, one in enumerate(destination.subscriptions) if one in plans}


def _failures(plans: Mapping[int, Planned]) -> list[str]:
    return [str(error) for one in plans.values() for error in one.errors]


def _warnings(plans: Mapping[int, Planned]) -> list[str]:
    return [warning.kind for one in plans.values() for warning in one.warnings]


def _shift(shifts: dict[str, Shift], before: Sequence[str], after: Sequence[str]) -> None:
    """Count an event once for each of the texts."""
    for text in dict.fromkeys((*before, *after)):
        shift = shifts.setdefault(text, Shift())
        shift.before += text in before
        shift.after += text in after


def _written(plans: Mapping[int, Planned]) -> list[tuple[str, bytes]]:
    return [(item.endpoint, item.data) for one in plans.values() for item in one.items]


def _items(plans: Mapping[int, Planned], event: StoredEvent) -> list[Item]:
    return [
        Item(_KINDS.get(item.endpoint, "event"), read_body(item.data), event.message_id, one.subscription)
        for one in plans.values()
        for item in one.items
    ]
