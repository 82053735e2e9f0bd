"""A destination's planner for history: the same items under the same insert ids, by the Batch endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from forwarder.amplitude.wire.endpoints import BATCH, HTTPAPI, Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.delivery import DestinationRoute
from forwarder.delivery.scheduler.planning import Planner
from forwarder.errors import ForwarderError


class BatchPlanner:
    """The planner of a destination whose events go to the Batch endpoint; all else is the planner's own."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self.api_key, self.secret_key = planner.api_key, planner.secret_key

    @property
    def url(self) -> Callable[[Endpoint], str]:
        """What returns an endpoint's address."""
        return self._planner.url

    @property
    def is_on(self) -> bool:
        """Whether a subscription is switched on."""
        return self._planner.is_on

    def items(self, event: Mapping[str, object]) -> tuple[Sequence[Item], Sequence[ForwarderError]]:
        """Return what the planner makes of the event."""
        items, errors = self._planner.items(event)
        for item in items:
            if item.endpoint is HTTPAPI:
                item.endpoint = BATCH
        return items, errors


def for_history(route: DestinationRoute) -> DestinationRoute:
    """Return the route by which history goes to a destination: one request at a time, by the Batch endpoint.

    So a user's events go in order, and Amplitude's bounds on live traffic, by HTTP V2, are left to that.
    """
    settings = replace(route.settings, at_once=1)
    return replace(route, destination=BatchPlanner(route.destination), settings=settings)
