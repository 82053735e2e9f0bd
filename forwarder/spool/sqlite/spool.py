"""The spool in one SQLite file: WAL, synchronous=FULL, group commit, range deletes."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import starmap
from pathlib import Path
from typing import Any, TypeVar, cast

import structlog

from forwarder.errors import SpoolDamaged, SpoolError, SpoolFull, SpoolInUse, SpoolLost, SpoolUnavailable
from forwarder.sessions.book import SessionBook
from forwarder.sessions.facts import SessionRules
from forwarder.spool.api import (
    Counts,
    DeadLetter,
    MessageGroup,
    NewEvent,
    Parked,
    Settlement,
    StoredEvent,
)
from forwarder.spool.sqlite import cursors, erasure, parked
from forwarder.spool.sqlite.capacity import RETRY_AFTER, Capacity
from forwarder.spool.sqlite.dead_letter_bounds import DeadBounds
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.disk import Disk, damaged, full, is_damaged, is_full
from forwarder.spool.sqlite.group_commit import GroupCommit
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.sqlite.operations import (
    Attached,
    DeadLettersDeleted,
    Erased,
    Operation,
    Redriven,
    Settled,
    SuppressionLifted,
    UsersMarked,
)
from forwarder.spool.sqlite.operations import Row as EventRow
from forwarder.spool.sqlite.schema import connect, forget_deleted, open_giving_room, unusable
from forwarder.spool.sqlite.transaction import EndsRefusedError, Replicator, WriteTransaction
from forwarder.spool.suppression import Erasure, UserMark

TRIM, TRIM_ON_FULL_DISK = 5_000, 50
"""Events let go of in one transaction: deleting writes their pages once more."""
T = TypeVar("T")
_log = structlog.get_logger(__name__)
Row = tuple[Any, ...]


class SqliteSpool:
    """See ``Spool``. One process serves from a file at a time; tools may open it beside that one."""

    def __init__(
        self,
        path: Path,
        *,
        max_events: int,
        max_bytes: int,
        tool: bool = False,
        replicator: Replicator | None = None,
        lock: Lock | None = None,
    ) -> None:
        """Open or make the file. ``tool``: only dead letters and counts are wanted, beside a forwarder.

        ``replicator``: keeps everything elsewhere; the file is but a copy then, and need not be durable.
        ``lock``: the file's, already held; it is released at the end.
        Raises SpoolDamaged where the file cannot be used or another forwarder serves from it, and SpoolFull.
        """
        self._path = path
        self._lock = lock or (None if tool else Lock(path))
        try:
            self._database = open_giving_room(path, tool=tool, durable=replicator is None)
            self._reader = connect(path)
            self._dedup = None if tool else DedupIndex(path)
            self._capacity = Capacity(self._database, max_events, max_bytes)
            self._dead_bounds = DeadBounds(self._database)
            self._disk = Disk(path, self._database)
            self._sessions = None if tool else SessionBook()
            self._transaction = WriteTransaction(
                self._database, self._dedup, self._capacity, self._disk, replicator, self._sessions
            )
        except BaseException as error:
            if self._lock:
                self._lock.release()
            if isinstance(error, sqlite3.DatabaseError):
                raise unusable(path, error) from None
            raise
        self._sessions_since: int | None = None
        self._trim = TRIM
        self._refused_at: int | None = None
        self._reads = ThreadPoolExecutor(1, "spool-reader")
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Callable[[Sequence[StoredEvent]], None]] = []
        self._lost: asyncio.Future[SpoolError] = self._loop.create_future()
        self._writer = GroupCommit(self._database, self._transaction, self._tell, self._loop, self._lose)

    # -- accepting

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        """See ``Spool``."""
        if self._dedup is None:
            raise SpoolDamaged(f"{self._path} was opened beside a forwarder; send events to that one")
        fingerprint = self._dedup.fingerprint
        marks = [fingerprint(event.source, event.message_id) for event in events]
        try:
            return await self._write(lambda: self._transaction.add(events, marks, now))
        except SpoolFull:
            self._refused_at = now
            raise

    def on_append(self, call: Callable[[Sequence[StoredEvent]], None]) -> Callable[[], None]:
        """See ``Spool``."""
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    def _tell(self, rows: Sequence[EventRow]) -> None:
        events = [StoredEvent(*row[:5]) for row in rows]
        for call in self._listeners:
            call(events)

    async def _write(self, work: Callable[[], T], after: Callable[[], None] = lambda: None) -> T:
        if self._lost.done():
            raise self._lost.result()
        try:
            return cast(T, await self._writer.submit(work, after))
        except (SpoolDamaged, SpoolLost) as error:
            self._lose(error)
            raise
        except sqlite3.DatabaseError as error:
            if is_full(error):
                raise full(self._path) from None
            if is_damaged(error):
                raise self._damaged(error) from None
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise SpoolFull(
                    f"{self._path} is locked by another program; end that one", RETRY_AFTER
                ) from None
            raise

    def _damaged(self, error: sqlite3.DatabaseError) -> SpoolError:
        """Return the error for a file that turned out to be damaged; nothing is written to it any more."""
        lost = damaged(self._path, error)
        self._lose(lost)
        return lost

    def _lose(self, error: SpoolError) -> None:
        if not self._lost.done():
            self._lost.set_result(error)

    # -- delivering

    async def attach(self, destinations: Sequence[str]) -> dict[str, int]:
        """See ``Spool``."""
        return await self._note(lambda: self._do(Attached(list(destinations), self._capacity.first - 1)))

    async def read(self, after: int, limit: int) -> list[StoredEvent]:
        """See ``Spool``."""
        if after >= self._capacity.last:
            return []
        rows = await self._ask(
            "SELECT seq, at, source, message_id, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            after,
            limit,
        )
        return list(starmap(StoredEvent, rows))

    async def settle(self, destination: str, settlement: Settlement, now: int) -> None:
        """See ``Spool``."""
        capacity = self._capacity
        grown = parked.Extent(0, 0)
        edge = (0, 0, 0)

        def work() -> None:
            nonlocal grown
            grown = self._do(Settled(destination, settlement, now))
            for change in self._dead_bounds.due(settlement.dead, now):
                self._do(change)
            trim()

        def trim() -> None:
            nonlocal edge
            self._transaction.write()
            lowest = cursors.lowest(self._database, capacity.first - 1)
            upto = min(lowest, capacity.first - 1 + self._trim)
            if upto >= capacity.first:
                self._database.execute("DELETE FROM event WHERE seq <= ?", (upto,))
            edge = (*capacity.look(), lowest)

        def after() -> None:
            nonlocal grown
            capacity.first, capacity.before, _ = edge
            capacity.grow_aside(grown)
            grown = parked.Extent(0, 0)

        await self._note(work, after)
        while edge[2] >= capacity.first:
            await self._note(trim, after)

    def _do(self, change: Operation[T]) -> T:
        """Write a change, in the writer's thread."""
        self._transaction.note(change)
        return change.apply(self._database)

    async def _note(self, work: Callable[[], T], after: Callable[[], None] = lambda: None) -> T:
        """Write what makes room in the end: a full disk's reserve is given up for it, bit by bit."""
        try:
            done = await self._write(work, after)
        except SpoolFull:
            self._disk.give_up_reserve()
            self._trim = TRIM_ON_FULL_DISK
            done = await self._write(work, after)
        self._trim = TRIM
        return done

    async def groups(self, destination: str) -> list[MessageGroup]:
        """See ``Spool``."""
        groups: dict[str, MessageGroup] = {}
        for name, keys, events in await self._ask(parked.GROUPS, destination):
            group = groups.get(name, MessageGroup(name, frozenset(), 0))
            groups[name] = MessageGroup(
                name, group.keys.union(keys.split("\n") if keys else ()), group.events + events
            )
        return list(groups.values())

    async def aside(self, destination: str, after: int) -> set[int]:
        """See ``Spool``."""
        return {row[0] for row in await self._ask(parked.ABOVE, destination, after)}

    async def parked(self, destination: str, group: str, after: int, limit: int) -> list[Parked]:
        """See ``Spool``."""
        rows = await self._ask(parked.PARKED, destination, group, after, limit)
        return [
            Parked(StoredEvent(*row[:5]), row[5], tuple(row[6].split("\n")) if row[6] else (), row[7])
            for row in rows
        ]

    # -- sessions

    async def end_sessions(self, rules: Mapping[str, SessionRules], now: int) -> int:
        """See ``Spool``."""
        since = self._sessions_since = now if self._sessions_since is None else self._sessions_since
        if self._sessions is None or not self._sessions.is_due(now):
            return 0
        try:
            return await self._write(lambda: self._transaction.end_sessions(rules, now, since))
        except EndsRefusedError:
            return 0

    def bound_sessions(self, max_devices: int) -> None:
        """See ``Spool``."""
        if self._sessions is not None:
            self._sessions.max_devices = max_devices

    # -- dead letters

    async def dead(
        self, destination: str | None = None, after: int = 0, limit: int = 100, number: int | None = None
    ) -> list[DeadLetter]:
        """See ``Spool``."""
        rows = await self._ask(parked.DEAD, after, destination, number, limit)
        return [DeadLetter._make((*row[:3], StoredEvent(*row[3:8]), *row[8:])) for row in rows]

    def bound_dead(self, max_bytes: int, max_age_ms: int) -> None:
        """See ``Spool``."""
        self._dead_bounds.max_bytes, self._dead_bounds.max_age_ms = max_bytes, max_age_ms

    async def expire(self, now: int) -> None:
        """See ``Spool``."""

        def work() -> None:
            for change in self._dead_bounds.due((), now):
                self._do(change)

        await self._note(work)

    async def retry(self, numbers: Sequence[int]) -> int:
        """See ``Spool``."""
        back = parked.Extent(0, 0)

        def work() -> int:
            nonlocal back
            back = parked.extent_of(self._database, numbers)
            return self._do(Redriven(list(numbers)))

        return await self._note(work, lambda: self._capacity.grow_aside(back))

    async def drop(self, numbers: Sequence[int]) -> int:
        """See ``Spool``."""
        gone = parked.Extent(0, 0)

        def work() -> None:
            nonlocal gone
            gone = self._do(DeadLettersDeleted(list(numbers)))

        await self._note(work)
        return -gone.events

    # -- deleted users

    async def marks(self) -> list[UserMark]:
        """See ``Spool``."""
        return list(starmap(UserMark, await self._ask(erasure.MARKS)))

    async def mark_users(self, marks: Sequence[UserMark], now: int) -> int:
        """See ``Spool``."""

        def work() -> int:
            self._transaction.write()
            upto = erasure.last_seq(self._database)
            return self._do(UsersMarked([mark._replace(upto=upto) for mark in marks], now))

        return await self._note(work)

    async def lift_suppression(self, marks: Sequence[bytes], now: int) -> int:
        """For tools: let later events of marked users through again; return the number of this erasure."""

        def work() -> int:
            self._transaction.write()
            return self._do(SuppressionLifted(list(marks), erasure.last_seq(self._database), now))

        return await self._note(work)

    async def erasure(self) -> int:
        """See ``Spool``."""
        return int((await self._ask(erasure.NOTE, erasure.ASKED))[0][0])

    async def erasure_done(self, number: int) -> None:
        """See ``Spool``; it is noted on this machine alone."""
        note = "INSERT OR REPLACE INTO note VALUES (?, ?)"
        await self._note(lambda: self._database.execute(note, (erasure.DONE, number)))

    async def awaits(self, number: int) -> bool:
        """For tools: return whether a forwarder serves whose deliveries do not know this erasure yet."""
        if (await self._ask(erasure.NOTE, erasure.DONE))[0][0] >= number:
            return False
        try:
            Lock(self._path).release()
        except SpoolInUse:
            return True
        return False

    async def erase(self, events: Erasure) -> None:
        """For tools: remove events; their users have been marked before."""
        smaller = parked.Extent(0, 0)

        def work() -> None:
            nonlocal smaller
            smaller = self._do(Erased(events))

        await self._note(work, lambda: self._capacity.grow_aside(smaller))

    async def all_parked(self, after: int, limit: int) -> list[tuple[int, str, StoredEvent]]:
        """For tools: return parked events of all destinations, each with what ``after`` goes by."""
        rows = await self._ask(erasure.PARKED, after, limit)
        return [(row[0], row[1], StoredEvent(*row[2:])) for row in rows]

    # -- looking, ending

    async def counts(self) -> Counts:
        """See ``Spool``."""
        found = await self._read(lambda: cursors.counts(self._reader))
        return found._replace(refused_at=self._refused_at)

    async def _ask(self, question: str, *values: object) -> list[Row]:
        return await self._read(lambda: self._reader.execute(question, values).fetchall())

    async def _read(self, look: Callable[[], T]) -> T:
        try:
            return await self._loop.run_in_executor(self._reads, look)
        except sqlite3.DatabaseError as error:
            if is_damaged(error):
                raise self._damaged(error) from None
            raise

    @property
    def failure(self) -> SpoolError | None:
        """See ``Spool``."""
        return self._lost.result() if self._lost.done() else None

    def unavailable(self) -> SpoolUnavailable | None:
        """See ``Spool``: a file shows that when it is written."""
        return None

    async def lost(self) -> SpoolError:
        """See ``Spool``."""
        return await asyncio.shield(self._lost)

    def end_within(self, seconds: float) -> None:
        """See ``Spool``: a disk answers by itself."""

    async def close(self) -> None:
        """See ``Spool``."""
        await self._writer.close()
        await self._loop.run_in_executor(None, self._reads.shutdown)
        self._reader.close()
        if self._dedup is not None:
            self._dedup.close()
            await self._loop.run_in_executor(None, self._leave)
        self._database.close()
        if self._lock:
            self._lock.release()

    def _leave(self) -> None:
        """Leave the file as the next start is to find it."""
        with contextlib.suppress(sqlite3.Error):  # then the next start looks the file through
            if self._disk.moved:
                self._save()
            elif not self._lost.done():
                forget_deleted(self._database)
                self._database.execute("INSERT OR REPLACE INTO note VALUES ('closed', 1)")

    def _save(self) -> None:
        """Write what a deleted file held to its path, or beside what lies there now."""
        path = self._path
        if path.exists():
            path = path.with_name(f"{path.name}-saved-{self._capacity.last}")
        self._database.execute("VACUUM INTO ?", (str(path),))
        _log.error("the spool was deleted or replaced in use; what it held was saved", path=str(path))
