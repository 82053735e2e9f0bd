"""The owner's code at work: in a thread of its own, with a limit on time, counted and logged."""

import asyncio
import contextlib
import ctypes
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from forwarder import metrics
from forwarder.config.settings import Limits
from forwarder.enrichment.code import Enrichment
from forwarder.enrichment.event import Bounds, Enriched, enrich_event, give_up
from forwarder.spool import NewEvent

log = structlog.get_logger()
LIMIT_S = 1.0
"""Seconds that the owner's function may take over one event: a thousand times what one usually takes."""
LOOK_S = 0.1
MOST_OVERRUNS = 3
"""Events over which the function may take too long, in a row; then it is left alone for ``REST_S``."""
REST_S = 60.0
LOGGED_AGAIN_S = 60.0
MOST_KINDS = 100
"""Faults of different kinds of which it is known when they were logged."""


class _TooLong(BaseException):
    """Raised inside the owner's function; no ``except Exception`` of his catches it."""


class EnrichmentService:
    """Enriches events of the sources that have an owner's code."""

    def __init__(
        self,
        enrichments: Mapping[str, Enrichment],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        limit_s: float = LIMIT_S,
    ) -> None:
        """``clock``: seconds, for the limit; ``limit_s``: seconds for one event."""
        self._by_source = enrichments
        self._bounds = Bounds(limits.event_bytes, limits.nesting)
        self._clock = clock
        self._limit_s = limit_s
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._since: float | None = None
        self._overruns = 0
        self._rests_until = 0.0
        self._logged: dict[tuple[str, str], float] = {}
        self._watching: set[asyncio.Task[Any]] = set()

    async def enrich(self, source: str, events: list[NewEvent], address: str | None) -> list[NewEvent]:
        """Return the events that are to be kept, in order. ``address``: what ingest put into contexts."""
        one = self._by_source.get(source)
        if one is None or not events:
            return events
        # The thread goes on, and is watched, also where the sender has gone.
        task = asyncio.create_task(self._done(one, events, address))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        done = await asyncio.shield(task)
        self._report(source, done)
        return [
            NewEvent(event.source, event.message_id, enriched.body)
            for event, enriched in zip(events, done, strict=True)
            if enriched.body is not None
        ]

    async def _done(self, one: Enrichment, events: list[NewEvent], address: str | None) -> list[Enriched]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Enriched]] = loop.create_future()

        def work() -> None:
            done = self._all(one, events, address)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(future.set_result, done)

        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="enrichment", daemon=True)
            self._thread.start()
        self._jobs.put(work)
        while not (await asyncio.wait((future,), timeout=LOOK_S))[0]:
            self._interrupt()
        return future.result()

    def _run(self) -> None:
        while True:
            with contextlib.suppress(_TooLong):  # one that came late: the function had ended
                self._jobs.get()()

    def _all(self, one: Enrichment, events: list[NewEvent], address: str | None) -> list[Enriched]:
        done: list[Enriched] = []
        while len(done) < len(events):
            with contextlib.suppress(_TooLong):
                done.append(self._one(one, events[len(done)].body, address))
        return done

    def _one(self, one: Enrichment, body: bytes, address: str | None) -> Enriched:
        began = self._clock()
        if began < self._rests_until:
            return give_up(one, body, "it takes too long, and is left alone for a while")
        self._since = began
        try:
            enriched = enrich_event(one, body, address, self._bounds)
        finally:
            self._since = None
        self._overruns = self._overruns + 1 if self._clock() - began > self._limit_s else 0
        if self._overruns >= MOST_OVERRUNS:
            self._overruns, self._rests_until = 0, self._clock() + REST_S
        return enriched

    def _interrupt(self) -> None:
        """Raise ``_TooLong`` in the thread where the function has had its time."""
        since, thread = self._since, self._thread
        if since is None or thread is None or thread.ident is None or self._clock() - since <= self._limit_s:
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_TooLong))

    def _report(self, source: str, done: list[Enriched]) -> None:
        for result, count in Counter(one.result.value for one in done).items():
            metrics.ENRICHMENTS.add(source, result, count=count)
        for fault in {one.fault for one in done if one.fault}:
            now, kind = self._clock(), (source, fault)
            if (
                now - self._logged.get(kind, -LOGGED_AGAIN_S) < LOGGED_AGAIN_S
                or len(self._logged) > MOST_KINDS
            ):
                continue
            self._logged[kind] = now
            log.error("the owner's enrich failed on an event", source=source, fault=fault)
