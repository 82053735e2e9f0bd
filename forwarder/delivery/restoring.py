"""Makes a destination's scheduler of what the spool holds: at the start, and after a fault of our own."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from forwarder.delivery.faults import Faults
from forwarder.delivery.route import DestinationRoute
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.spool import Spool
from forwarder.spool.suppression import Suppression


class SchedulerFactory:
    """The factory of one destination's schedulers, of which only the latest is in use.

    ``attach``: returns the destination's cursor, as the spool has it; ``suppression``: the deleted users,
    whose events are passed over. What is known of events over which our own code failed outlives each.
    """

    def __init__(
        self,
        route: DestinationRoute,
        spool: Spool,
        attach: Callable[[], Awaitable[int]],
        suppression: Suppression,
    ) -> None:
        self._route = route
        self._spool = spool
        self._attach = attach
        self._suppression = suppression
        self._faults = Faults()

    def new(self, cursor: int) -> Scheduler:
        """Return a scheduler that begins at ``cursor`` and knows of no parked events."""
        route = self._route
        return Scheduler(
            route.destination,
            route.sources,
            route.settings,
            cursor,
            random.Random(),
            self._faults,
            self._suppression,
        )

    async def resume(self, scheduler: Scheduler) -> None:
        """Give a new scheduler what is parked. Raises SpoolError."""
        name, spool = self._route.name, self._spool
        scheduler.resume(await spool.groups(name), await spool.aside(name, scheduler.checkpoint.cursor))

    async def remake(self) -> Scheduler:
        """Return a scheduler that goes on from what the spool holds now. Raises SpoolError."""
        scheduler = self.new(await self._attach())
        await self.resume(scheduler)
        return scheduler
