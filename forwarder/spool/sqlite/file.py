"""The file of a spool, written by one thread and read by another."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import structlog
from typing_extensions import override

from forwarder.errors import SpoolDamaged, SpoolError, SpoolFull, SpoolLost
from forwarder.sessions.book import SessionBook
from forwarder.spool.api import Spool, StoredEvent
from forwarder.spool.sqlite.capacity import RETRY_AFTER, Capacity
from forwarder.spool.sqlite.checkpointer import Checkpointer
from forwarder.spool.sqlite.dead_letter_bounds import DeadBounds
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.disk import Disk, damaged, full, is_damaged, is_full
from forwarder.spool.sqlite.group_commit import GroupCommit
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.sqlite.operations import Operation
from forwarder.spool.sqlite.operations import Row as EventRow
from forwarder.spool.sqlite.reader import SpoolReader
from forwarder.spool.sqlite.schema import connect, forget_deleted, open_giving_room, unusable
from forwarder.spool.sqlite.transaction import Replicator, WriteTransaction

TRIM, TRIM_ON_FULL_DISK = 5_000, 50
"""Events deleted in one transaction: that writes their pages once more, on a full disk into its reserve."""
T = TypeVar("T")
_log = structlog.get_logger(__name__)
Row = tuple[Any, ...]


class SpoolFile(Spool):
    """The file of a spool. One process serves from a file at a time; tools may open it beside that one.

    The event loop calls its methods. What they hand to ``_write`` and ``_note`` runs in the spool-writer
    thread, which owns ``_database``, ``_transaction`` and ``_capacity`` (the event loop reads its numbers);
    what they hand to ``_read`` runs in the spool-reader thread.
    """

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
        with contextlib.ExitStack() as opened:  # a connection left open would delete a later file's log
            opened.callback(self._release)
            try:
                self._database = open_giving_room(path, tool=tool, durable=replicator is None)
                opened.callback(self._database.close)
                self._reader = SpoolReader(path)
                opened.callback(self._reader.connection.close)
                self._capacity = Capacity(self._database, max_events, max_bytes)
                self._dead_bounds = DeadBounds(self._database)
                beside = None if tool else Checkpointer(connect(path), durable=replicator is None)
                self._disk = Disk(path, self._database, beside)
                opened.callback(self._disk.close)
                self._transaction = WriteTransaction(
                    self._database,
                    None if tool else DedupIndex(path),
                    self._capacity,
                    self._disk,
                    replicator,
                    None if tool else SessionBook(),
                )
            except sqlite3.DatabaseError as error:
                raise unusable(path, error) from None
            self._trim = TRIM
            loop = asyncio.get_running_loop()
            self._listeners: list[Callable[[Sequence[StoredEvent]], None]] = []
            self._lost: asyncio.Future[SpoolError] = loop.create_future()
            self._writer = GroupCommit(self._database, self._transaction, self._report, loop, self._lose)
            opened.pop_all()

    def _report(self, rows: Sequence[EventRow]) -> None:
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

    def _do(self, change: Operation[T]) -> T:
        """Write a change, in the writer's thread."""
        assert self._writer.is_own_thread, "only the writer's thread changes the file"
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

    async def _ask(self, question: str, *values: object) -> list[Row]:
        return await self._read(lambda reader: reader.execute(question, values).fetchall())

    async def _read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._reader.run(look)
        except sqlite3.DatabaseError as error:
            if is_damaged(error):
                raise self._damaged(error) from None
            raise

    @property
    @override
    def failure(self) -> SpoolError | None:
        return self._lost.result() if self._lost.done() else None

    @override
    async def lost(self) -> SpoolError:
        return await asyncio.shield(self._lost)

    @override
    async def close(self) -> None:
        try:
            await self._writer.close()
            await self._reader.close()
            await asyncio.get_running_loop().run_in_executor(None, self._disk.close)
            if self._transaction.dedup is not None:
                self._transaction.dedup.close()
                await asyncio.get_running_loop().run_in_executor(None, self._leave)
        finally:  # whatever failed, the next one may serve from the file
            self._database.close()
            self._release()

    def _release(self) -> None:
        """Let others serve from the file."""
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
