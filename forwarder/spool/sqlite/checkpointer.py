"""SQLite's checkpoints beside the writer: what commits append to the write-ahead log goes into the file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import structlog

from forwarder import metrics

ROUND_BYTES: Final = 16 * 1024 * 1024
"""Bytes that the log grows by between two checkpoints, about. Smaller ones copy the same pages more often,
larger ones keep the disk busy for so long that commits wait for it (``bench abuse``, ``bench forwarder``)."""
_COMMIT_BYTES: Final = 128 * 1024
"""Bytes that a commit appends beside its events: some pages that each changes, as a whole."""
_MOST_PASSES: Final = 4
"""Passes of a checkpoint, each over what was appended during the one before."""
_LITTLE: Final = 64
"""Pages that the writer copies by itself, to have the log begin anew: some milliseconds."""
_log = structlog.get_logger(__name__)


class Pass(NamedTuple):
    """A pass over the log, as SQLite tells it.

    ``busy``: another process makes one; ``pages``: in the log when it began; ``copied``: of these, so far.
    """

    busy: int
    pages: int
    copied: int


class Checkpointer:
    """The checkpointer of a spool's file: a thread that copies the log while the writer appends to it.

    The log begins anew only where all of it is copied when a commit comes, which never happens beside a busy
    writer. So the writer copies the last pages by itself, between two commits. Should the thread fail, the
    writer's own checkpoints (``schema.py``) bound the log.

    The thread owns ``_database``; the writer's thread calls ``begin``, ``grew`` and ``paused``.
    """

    def __init__(self, database: sqlite3.Connection, *, durable: bool) -> None:
        """``database``: of the thread's own; ``durable``: as the writer's. Raises sqlite3.Error."""
        self._database = database
        database.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        database.execute("PRAGMA user_version").fetchone()  # opens file and log while they are there
        self._grown = 0
        self._due = threading.Event()
        self._is_ending = self._is_ready = False
        self._copying = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, database: sqlite3.Connection) -> None:
        """A transaction is about to begin on ``database``, which copies the last pages if it is time.

        As with SQLite's own checkpoints no error is raised: the log is whole, and the next one may succeed.
        """
        self.grew(_COMMIT_BYTES)
        if self._is_ready and self._copying.acquire(blocking=False):
            try:
                self._is_ready = False
                with suppress(sqlite3.Error):
                    checkpoint(database)
            finally:
                self._copying.release()

    def grew(self, size: int) -> None:
        """Have a checkpoint made where the log has grown enough. ``size``: bytes of events to be written."""
        self._grown += size
        if self._grown < ROUND_BYTES:
            return
        self._grown = 0
        self._due.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="spool-checkpointer", daemon=True)
            self._thread.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the thread from copying: SQLite refuses to make two checkpoints at once."""
        with self._copying:
            yield

    def close(self) -> None:
        """End the thread and close its connection; waits until it has copied what it is copying."""
        self._is_ending = True
        self._due.set()
        if self._thread is not None:
            self._thread.join()
        self._database.close()

    def _run(self) -> None:
        while self._due.wait() and not self._is_ending:
            self._due.clear()
            try:
                self._is_ready = self._copy()
            except sqlite3.OperationalError as error:  # a full disk, which the writer copes with
                _log.warning("the spool's log is not copied into its file", error=error.sqlite_errorname)
            except Exception:  # the next one may succeed, and the writer's own bound the log
                _log.exception("the spool's log is not copied into its file")
                metrics.FAULTS.add("", "checkpoint")

    def _copy(self) -> bool:
        """Copy the log; return whether only a little is left. Readers and tools may keep it from that."""
        before = 0
        for _ in range(_MOST_PASSES):
            with self._copying:
                done = checkpoint(self._database)
            if done.busy or done.copied < done.pages:
                return False
            if done.pages - before <= _LITTLE:
                break
            before = done.pages
        return True


def checkpoint(database: sqlite3.Connection) -> Pass:
    """Copy what is in the log and may be copied, without waiting for anybody. Raises sqlite3.Error."""
    return Pass(*database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone())
