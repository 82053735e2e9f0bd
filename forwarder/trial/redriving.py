"""Whether dead letters would pass now, by today's mappings. Nothing is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from forwarder.amplitude import AmplitudeDestination
from forwarder.config.settings import Settings
from forwarder.delivery.dead_letters import may_count_twice
from forwarder.delivery.scheduler.planning import read_body, why_skipped, why_unmatched
from forwarder.spool import DeadLetter
from forwarder.trial.subscriptions import sources_of
from forwarder.trial.work_budget import WorkBudget

MOST_TRIED: Final = 500
"""Letters that are tried before somebody sends a group again."""
GONE: Final = "its destination is not configured any more"


@dataclass(slots=True)
class Outlook:
    """The outcomes that dead letters would have if they were sent again.

    ``tried``: how many were looked at; ``sent``: of these, of which something would be sent; ``filtered``,
    ``failing``: the others, by why; ``warnings``: letters by the kind of what Amplitude would cut, drop or
    misread; ``twice``: that may be counted twice; ``is_cut``: whether the time was over before the end.
    """

    tried: int = 0
    sent: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    failing: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    is_cut: bool = False


def outlook(
    letters: Iterable[DeadLetter],
    settings: Settings,
    compiled: Mapping[str, AmplitudeDestination],
    now: int,
    budget: WorkBudget,
) -> Outlook:
    """Return what would become of letters. ``compiled``: the settings' destinations; ``now``: ms."""
    routed = {one.name: sources_of(one) for one in settings.destinations}
    made = Outlook()
    for letter in budget.within(letters):
        made.tried += 1
        made.twice += may_count_twice(letter, now)
        if letter.destination not in compiled:
            made.failing[GONE] += 1
        else:
            _try(made, letter, compiled[letter.destination], routed)
    made.is_cut = budget.is_spent
    return made


def _try(
    made: Outlook,
    letter: DeadLetter,
    destination: AmplitudeDestination,
    routed: Mapping[str, frozenset[str] | None],
) -> None:
    try:
        body = read_body(letter.event.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        made.failing["its event cannot be read"] += 1
        return
    sources = routed[letter.destination]
    if skipped := why_skipped(letter.event.source, body.get("integrations"), sources):
        made.filtered[skipped] += 1
        return
    plans = [planned for _, planned in destination.plans(body, requests=False)]
    errors = [error for one in plans for error in one.errors]
    if errors:
        made.failing[str(errors[0])] += 1
    elif plans:
        made.sent += 1
        made.warnings.update(dict.fromkeys((str(one.kind) for plan in plans for one in plan.warnings), 1))
    else:
        made.filtered[why_unmatched(destination)] += 1
