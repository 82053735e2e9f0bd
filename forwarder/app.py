"""The forwarder: what runs as long as it runs, and what is exchanged when the configuration is read again."""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from forwarder import metrics
from forwarder.cdn.routes import Pages
from forwarder.cdn.session_rules import session_rules
from forwarder.chores import do_chore
from forwarder.config.restarting import needing_restart
from forwarder.config.sessions import devices_of
from forwarder.config.settings import Settings
from forwarder.console import Shown
from forwarder.console.figures import figures_now
from forwarder.console.timeline import Timeline, snapshot_of
from forwarder.delivery import DeliveryService
from forwarder.delivery.dead_letters import described
from forwarder.enrichment.code import enrichments_of
from forwarder.enrichment.service import EnrichmentService
from forwarder.faults import fault_of
from forwarder.http.metrics import count_events
from forwarder.ingest.service import IngestService
from forwarder.memory import RequestMemory
from forwarder.opening import open_configured
from forwarder.routing import routes
from forwarder.spool import Spool
from forwarder.spool.history import HOUR_MS

log = structlog.get_logger()


def now_ms() -> int:
    """Return the machine's clock: milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class InMemory(NamedTuple):
    """The memory of a forwarder over reloads: requests that are not answered, and how it did."""

    requests: RequestMemory
    timeline: Timeline


class Forwarder:
    """A running forwarder: the spool stays, the rest is exchanged when the configuration is read again."""

    spool: Spool
    service: IngestService
    pages: Pages
    delivery: DeliveryService

    def __init__(self, settings: Settings, clock: Callable[[], int]) -> None:
        self.settings = settings
        self._at_start = settings
        self.memory = InMemory(
            RequestMemory(settings.limits.unanswered_bytes), Timeline(metrics.LATENCY.bounds)
        )
        self._clock = clock
        self._changing = asyncio.Lock()
        self._restoring: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def serves(self) -> bool:
        """Whether it has a spool and delivers from it; it has none while it stands by."""
        return hasattr(self, "delivery")

    def status(self) -> str:
        """Return ``ok``, or one word for what keeps it from serving; see ``status.py``."""
        if not self.serves:
            return "standby"
        if self.spool.failure is not None:
            return "failed"
        if why := self.spool.unavailable():
            return why.code
        return "stalled" if self.stalled else "ok"

    async def start(self) -> None:
        """Open the spool, then take events and deliver them. Raises SpoolError, ConfigError."""
        self.spool = await open_configured(self.settings.spool)
        self.spool.bound_sessions(devices_of(self.settings.session), session_rules(self.settings))
        self.spool.bound_history(self.settings.history.bytes, round(self.settings.history.hours * HOUR_MS))
        metrics.SPOOL_MAX_BYTES.put(self.settings.spool.max_bytes)
        self.delivery = self._delivery(self.settings)
        self.pages, self.service = self._front(self.settings)
        await self.delivery.start()
        if self.delivery.erasure:
            await self.spool.forget_sessions()
        self._watching = asyncio.create_task(self._watch_spool())

    def _delivery(self, settings: Settings) -> DeliveryService:
        return DeliveryService(self.spool, routes(settings), clock=self._clock)

    def _front(self, settings: Settings) -> tuple[Pages, IngestService]:
        rules = session_rules(settings)
        service = IngestService(
            settings.sources,
            settings.limits,
            self.spool,
            self._clock,
            count_events,
            self.memory.requests,
            EnrichmentService(enrichments_of(settings), settings.limits),
            rules,
            self.spool.turn_away,
        )
        return Pages(settings), service

    async def reload(self, settings: Settings) -> None:
        """Go on with other settings; requests under way end under the old ones.

        Raises ConfigError or SpoolError, and then changes nothing; nor does any other error: whatever is
        raised, events are delivered on. What belongs to the process stays until a restart.
        """
        async with self._changing:
            if self._stopping:
                return
            delivery = self._delivery(settings)
            pages, service = self._front(settings)
            if restart := needing_restart(settings, self._at_start):
                log.warning("these settings take effect at the next start", settings=restart)
            await self._exchange(delivery, settings.server.stop_seconds)
            self.spool.bound_sessions(devices_of(self._at_start.session), service.session_rules)
            self.settings, self.pages, self.service = settings, pages, service
        log.info(
            "configuration reloaded",
            sources=[one.name for one in settings.sources],
            destinations=[one.name for one in settings.destinations],
        )

    async def _exchange(self, delivery: DeliveryService, stop_seconds: float) -> None:
        """Deliver by another service from now on; whatever is raised, events are delivered on."""
        await self._restored()
        try:
            await self.delivery.stop(stop_seconds)
            await delivery.start()
        except BaseException:
            # A full disk may refuse new destinations; the old ones have all they need.
            ends = (delivery.abandon(), self.delivery.abandon())
            await asyncio.gather(*ends, return_exceptions=True)
            self._restoring = asyncio.create_task(self._restore())
            await asyncio.wait((self._restoring,), timeout=RESTORE_S)
            raise
        self.delivery = delivery

    async def _watch_spool(self) -> None:
        """Look after what time or another process changes in the spool, where nothing else happens."""
        for look in itertools.count():
            if look % LOOKS_A_MINUTE == 0:
                await do_chore("expiry", lambda: self.spool.expire(self._clock()))
                await do_chore("figures", self._note_figures)
            await asyncio.sleep(LOOK_S)
            await do_chore("erasure", self._follow_erasure)
            await do_chore("sessions", self._end_sessions)
            await do_chore("history", self.spool.write_turned_away)

    async def _note_figures(self) -> None:
        """Keep how destinations do for the console's charts."""
        self.memory.timeline.note(self._clock(), snapshot_of(await self.spool.counts(), figures_now()))

    async def _end_sessions(self) -> None:
        """Send the Session Ended of sessions that nobody continued."""
        rules = self.service.session_rules
        if any(one.close for one in rules.values()):
            await self.spool.end_sessions(rules, self._clock())

    async def _follow_erasure(self) -> None:
        """Deliver anew from the spool once users were deleted: what is in memory may be theirs."""
        if await self.spool.erasure() == self.delivery.erasure:
            return
        await self.spool.forget_sessions()
        async with self._changing:
            if self._stopping:
                return
            await self._exchange(self._delivery(self.settings), self.settings.server.stop_seconds)
        log.info("users were deleted: deliveries began anew without their events")

    async def _restore(self) -> None:
        """Deliver on under the settings in force; where that fails, try again until it does not."""
        while True:
            delivery = self._delivery(self.settings)
            try:
                await delivery.start()
            except Exception as error:
                await delivery.abandon()
                metrics.FAULTS.add("", "restore")
                log.error("deliveries cannot go on yet; they are tried again", fault=fault_of(error))
                await asyncio.sleep(RESTORE_S)
            else:
                self.delivery = delivery
                return

    async def _restored(self) -> None:
        """End the tries to go on under the settings in force: others are there."""
        if self._restoring is not None:
            self._restoring.cancel()
            await asyncio.wait((self._restoring,))
            self._restoring = None

    @property
    def stalled(self) -> bool:
        """Whether a destination has work and does nothing, or nothing is delivered at all."""
        restoring = self._restoring is not None and not self._restoring.done()
        return restoring or bool(self.delivery.stalled)

    def shown(self) -> Shown:
        """Return what the console is about."""
        sources = [one.name for one in self.settings.sources]
        destinations = [one.name for one in self.settings.destinations]
        health, settings = self.delivery.health(), self.settings
        return Shown(
            self.spool, sources, destinations, described, self._clock, health, settings, self.memory.timeline
        )

    async def stop(self, seconds: float | None = None) -> None:
        """Finish what is being delivered and close the spool. ``seconds``: at most, else as configured."""
        seconds = self.settings.server.stop_seconds if seconds is None else seconds
        self._stopping = True
        self.spool.end_within(seconds)
        async with self._changing:
            if self._watching is not None:
                self._watching.cancel()
                await asyncio.wait((self._watching,))
            await self._restored()
            try:
                await self.delivery.stop(seconds)
            finally:
                await self.spool.close()


LOOK_S = 1.0
"""How often the forwarder looks whether users were deleted; the command is another process."""
LOOKS_A_MINUTE = 60
RESTORE_S = 1.0
"""Between two tries to go on delivering after a reload that failed."""
