"""Room on the spool's disk: accepting ends while deliveries can still be written down."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from contextlib import nullcontext
from pathlib import Path

from forwarder.errors import SpoolDamaged, SpoolFull
from forwarder.spool.sqlite.checkpointer import Checkpointer

MB = 1024 * 1024
RETRY_AFTER = 30
"""Seconds a sender is asked to wait when the disk is full."""
RESERVE = 8 * MB
"""Bytes kept in a file of their own, to be given up for writing down deliveries."""
_MARGIN = 2 * MB
"""Bytes left free beyond the reserve: other programs on the disk go on writing while SQLite commits."""
_LOG = 4 * MB
"""Bytes that the write-ahead log may still grow by once the file may not: pages that are free inside of the
file can be used again then, and SQLite writes each of them to the log first (512 pages of 8 KiB)."""
_PLENTY = 256 * MB
"""Free bytes above which the disk is looked at once in ``_LOOK_S``: what a source may send in 5 s."""
_LOOK_S = 1.0
"""Seconds between two looks at a disk with plenty of room."""
SHORT = 64 * MB
"""Bytes, free or unused inside of the file, below which history gives way to events that are yet to come."""
_PAGES = 64 * 1024
"""What one request may take beyond its events, for pages are written as a whole."""


def is_full(error: Exception) -> bool:
    """Return whether the disk took no more."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _CODES


def is_damaged(error: Exception) -> bool:
    """Return whether SQLite found the file itself to be wrong: no later try can mend that."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _DAMAGED


_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def damaged(path: Path, why: object) -> SpoolDamaged:
    """Return the error that says what is wrong with the file, and how to mend it."""
    return SpoolDamaged(f"{path} is damaged: {' '.join(str(why).split())}; {_MEND}")


_MEND = "move the file away to begin anew, or save its events with: sqlite3 FILE .recover"


def full(path: Path) -> SpoolFull:
    """Return the error that says so."""
    return SpoolFull(f"{path}: its disk is full; free some space there", RETRY_AFTER)


def reserve_of(path: Path) -> Path:
    """Return where the reserve of the spool at ``path`` lies."""
    return path.with_name(path.name + "-reserve")


def free_reserve(spool: Path) -> None:
    """Delete the reserve of the spool, if it is one: a file of another size is somebody else's."""
    reserve = reserve_of(spool)
    with contextlib.suppress(FileNotFoundError):
        if reserve.stat().st_size == RESERVE:
            reserve.unlink()


class Disk:
    """To be used in the thread that writes, but for ``give_up_reserve``."""

    def __init__(
        self, path: Path, database: sqlite3.Connection, checkpointer: Checkpointer | None = None
    ) -> None:
        """``database``: the writer's; ``checkpointer``: none in a tool."""
        self._path = path
        self._checkpointer = checkpointer
        self._log = path.with_name(path.name + "-wal")
        self._reserve = reserve_of(path)
        self._database = database
        self._room = self._inside = 0
        self._looked_at = -_LOOK_S
        self._file = self._identity()

    def begin(self) -> None:
        """A transaction is about to begin: see how much room there is for it."""
        if self._checkpointer is not None:
            self._checkpointer.begin(self._database)
        now = time.monotonic()
        if self._room > _PLENTY and now - self._looked_at < _LOOK_S:
            return
        self.check_place()
        self._look()
        self._looked_at = now
        if self._room < _PLENTY and self._log.stat().st_size > _LOG // 2:
            # Its bytes are free again, then; and others may yet take what copying it needs.
            with contextlib.suppress(sqlite3.Error):
                self.empty_log()
            self._look()

    def check_place(self) -> None:
        """Raise SpoolDamaged where the file is no longer at its path: what is written would be lost."""
        if self.moved:
            raise SpoolDamaged(
                f"{self._path} was deleted or replaced while it was in use; what it held is saved there, or"
                " beside it: start again"
            )

    @property
    def moved(self) -> bool:
        """Whether another file, or none, is at the path of the one that is open."""
        return self._identity() != self._file

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    @property
    def is_short(self) -> bool:
        """Whether history has to give way: what it takes would keep out events."""
        return self._room + self._inside < SHORT

    def take(self, size: int) -> None:
        """Use up room for events of so many bytes. Raises SpoolFull, with nothing used, if there is none."""
        if self._checkpointer is not None:
            self._checkpointer.grew(size)
        pages = 2 * size + _PAGES
        grows = self._inside < pages
        if self._room < (2 * pages + _LOG if grows else pages):
            raise full(self._path)
        self._room -= 2 * pages if grows else pages
        self._inside -= 0 if grows else pages

    def _look(self) -> None:
        """See by how many bytes the log may grow so that all can still be copied, and how many are unused."""
        page = self._pragma("page_size")
        disk = os.statvfs(self._path)
        only_in_log = page * self._pragma("page_count") - self._path.stat().st_size
        self._room = disk.f_bavail * disk.f_frsize - only_in_log - _MARGIN
        self._inside = page * self._pragma("freelist_count")
        if not self._reserve.exists():  # a file of somebody else's there stays as it is
            self._room -= RESERVE
            if self._room > 0:
                self._keep_reserve()

    def _pragma(self, name: str) -> int:
        return int(self._database.execute(f"PRAGMA {name}").fetchone()[0])

    def _keep_reserve(self) -> None:
        try:
            with self._reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE)
        except OSError:  # somebody else was quicker
            self._reserve.unlink(missing_ok=True)

    def empty_log(self) -> None:
        """Copy the log into the file, which frees the disk of it. Raises sqlite3.OperationalError."""
        with nullcontext() if self._checkpointer is None else self._checkpointer.paused():
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """End the checkpointer; to be called once nobody writes any more."""
        if self._checkpointer is not None:
            self._checkpointer.close()

    def give_up_reserve(self) -> None:
        """Free the reserve, so that deliveries can be written down."""
        free_reserve(self._path)
