"""A destination and how it is served."""

from __future__ import annotations

from dataclasses import dataclass, field

from forwarder.delivery.scheduler.planning import Planner
from forwarder.delivery.scheduler.settings import SchedulerSettings


@dataclass(frozen=True, slots=True)
class DestinationRoute:
    """The route to a destination. ``sources``: names of those whose events go there, None for all."""

    name: str
    destination: Planner
    sources: frozenset[str] | None = None
    settings: SchedulerSettings = field(default_factory=SchedulerSettings)
