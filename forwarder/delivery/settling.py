"""Writes into the spool what a scheduler says has become of events."""

from __future__ import annotations

from collections.abc import Callable

from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.errors import SpoolError
from forwarder.faults import fault_of
from forwarder.spool import Settlement, Spool


class SettlementWriter:
    """The writer of one destination's settlements. ``wall``: ms since the epoch."""

    def __init__(self, name: str, spool: Spool, wall: Callable[[], int]) -> None:
        self._name = name
        self._spool = spool
        self._wall = wall
        self._unwritten: Settlement | None = None

    async def write(self, scheduler: Scheduler) -> None:
        """Write what has become of events; what could not be written is written first the next time.

        Raises SpoolError where the spool cannot be written, else whatever a settlement's contents make it
        raise: then the events in it count as ones over which our own code failed.
        """
        if self._unwritten is None and scheduler.has_news():
            self._unwritten = scheduler.settlement()
        if (unwritten := self._unwritten) is None:
            return
        try:
            await self._spool.settle(self._name, unwritten, self._wall())
        except SpoolError:
            raise
        except Exception as error:  # something in it cannot be written: a dead letter, or a state
            events = [one.event.seq for one in unwritten.dead]
            events += [one.event.seq for one in unwritten.park]
            scheduler.faults.note_events(events, fault_of(error))
            raise
        self._unwritten = None

    def restart(self) -> None:
        """Forget what was not written: another scheduler begins, at the spool's cursor."""
        self._unwritten = None
