"""Removing deleted users' events from the spool, beside a running forwarder or without one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from forwarder.config.settings import SpoolSettings
from forwarder.delivery.scheduler.planning import USER_DELETED, Planner, plan_job
from forwarder.errors import SpoolError
from forwarder.javascript.json import stringify
from forwarder.opening import open_configured
from forwarder.replay.scratch import scratch_paths
from forwarder.spool import StoredEvent
from forwarder.spool.location import is_stream_url
from forwarder.spool.sqlite import stored_events
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import FOR_EVER, Erasure, Suppression, marks_for

T = TypeVar("T")
_PAGE = 1_000
"""Events read at once: of the usual size a megabyte, of the largest 32."""
_LOOK_S = 0.2
"""Between two looks at what another process has done: one row, and nobody notices a fifth of a second."""


class Removed(NamedTuple):
    """The numbers of events that were removed."""

    waiting: int
    parked: int
    dead: int
    history: int

    def plus(self, other: Removed) -> Removed:
        """Return how many these are together."""
        return Removed(*(one + more for one, more in zip(self, other, strict=True)))


async def with_spool(settings: SpoolSettings, act: Callable[[SqliteSpool], Awaitable[T]]) -> T:
    """Return what ``act`` does with the spool, beside a running forwarder or not. Raises SpoolError."""
    spool = cast("SqliteSpool", await open_configured(settings, tool=True))
    try:
        return await act(spool)
    finally:
        await spool.close()


async def wait_until_known(spool: SqliteSpool, number: int, patience_s: float) -> None:
    """Return once a running forwarder delivers by the marks of this erasure. Raises SpoolError."""
    until = time.monotonic() + patience_s
    while await spool.awaits(number):
        if time.monotonic() > until:
            raise SpoolError("the forwarder that serves has not begun its deliveries anew; say it again")
        await asyncio.sleep(_LOOK_S)


@dataclass(frozen=True, slots=True)
class Eraser:
    """Removes events of users.

    ``destinations``: where they are deleted, by name; ``everywhere``: that is at all of them; ``until``: ms
    since the epoch, later events received before it are dropped as well, 0: none; ``patience_s``: how long
    a running forwarder may take to begin its deliveries anew.
    """

    spool: SpoolSettings
    destinations: Mapping[str, Planner]
    everywhere: bool
    user_ids: Sequence[str]
    until: int
    patience_s: float
    _own: Suppression = field(init=False)

    def __post_init__(self) -> None:
        marks = marks_for(self.user_ids, [""], FOR_EVER)
        object.__setattr__(self, "_own", Suppression([mark._replace(upto=FOR_EVER) for mark in marks]))

    @property
    def has_spool(self) -> bool:
        """Whether there is a spool that may hold events."""
        return is_stream_url(self.spool.path) or Path(self.spool.path).exists()

    def replays(self) -> list[Eraser]:
        """Return what does the same for events that are on their way once more, as its own steps."""
        paths = scratch_paths(self.spool)
        return [replace(self, spool=self.spool.model_copy(update={"path": str(path)})) for path in paths]

    def remove(self) -> Removed:
        """Mark the users, wait until nothing of theirs is under way, and remove what is kept.

        Raises SpoolError; then it is to be said again.
        """
        return asyncio.run(self._remove())

    async def _remove(self) -> Removed:
        await with_spool(self.spool, self._mark)
        return await with_spool(self.spool, self._sweep)

    async def _mark(self, spool: SqliteSpool) -> None:
        """Have a running forwarder know the users, and wait until it does."""
        names = [""] if self.everywhere else list(self.destinations)
        marks = marks_for(self.user_ids, names, self.until, await spool.marks())
        number = await spool.mark_users(marks, time.time_ns() // 1_000_000)
        await wait_until_known(spool, number, self.patience_s)

    async def _sweep(self, spool: SqliteSpool) -> Removed:
        """Remove what the spool holds."""
        events = [seq async for seq in self._waiting(spool)] if self.everywhere else []
        parked = [place async for place in self._parked(spool)]
        dead = [number async for number in self._dead(spool)]
        stored = [seq async for seq in self._stored(spool)] if self.everywhere else []
        history = sorted({*stored}.difference(events))
        if events or parked or dead or self.everywhere:
            await spool.erase(Erasure(events, parked, dead, history, self.everywhere))
        return Removed(len(events), len(parked), len(dead), len(history))

    async def _waiting(self, spool: SqliteSpool) -> AsyncIterator[int]:
        after = 0
        while page := await spool.read(after, _PAGE):
            for event in page:
                if self._is_theirs(event):
                    yield event.seq
            after = page[-1].seq

    async def _parked(self, spool: SqliteSpool) -> AsyncIterator[tuple[str, int]]:
        after = 0
        while page := await spool.all_parked(after, _PAGE):
            for _, destination, event in page:
                if self._counts(destination) and self._is_theirs(event):
                    yield destination, event.seq
            after = page[-1][0]

    async def _dead(self, spool: SqliteSpool) -> AsyncIterator[int]:
        after = 0
        while page := await spool.dead(None, after, _PAGE):
            for letter in page:
                if self._counts(letter.destination) and self._is_theirs(letter.event):
                    yield letter.number
            after = page[-1].number

    async def _stored(self, spool: SqliteSpool) -> AsyncIterator[int]:
        """Yield the events, ended or not, that name one of the users, in whatever field, and are theirs."""
        texts = [stringify(user)[1:-1].lower().encode() for user in self.user_ids]
        texts += [user.lower().encode() for user in self.user_ids]
        after = 0
        while page := await spool.look(partial(stored_events.some, after=after, limit=_PAGE)):
            after = page[-1][0]
            for row in page:
                event = StoredEvent(*row[:5])
                lower = event.body.lower()
                if any(text in lower for text in texts) and self._is_theirs(event):
                    yield event.seq

    def _counts(self, destination: str) -> bool:
        return self.everywhere or destination in self.destinations

    def _is_theirs(self, event: StoredEvent) -> bool:
        """Return whether the event belongs to one of the users, by itself or as a mapping reads it."""
        planners = self.destinations.values()
        return bool(event.body) and any(
            plan_job(event, planner, None, self._own)[1] == USER_DELETED for planner in planners
        )
