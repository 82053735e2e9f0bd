"""A machine's copy of a stream: a SQLite file, made anew whenever a forwarder takes the stream up."""

from __future__ import annotations

import contextlib
import sqlite3
from itertools import islice
from pathlib import Path

import msgspec
import structlog
from nats.js.api import StreamState

from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.reading import Record
from forwarder.spool.jetstream.replication import Contents
from forwarder.spool.jetstream.snapshot import Logged, SnapshotBegin, SnapshotEnd, SnapshotRows
from forwarder.spool.sqlite import cursors, history_rows, stored_events
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.history import HistoryWriter
from forwarder.spool.sqlite.operations import Appended, Erased, Settled
from forwarder.spool.sqlite.schema import APPLICATION_ID, connect, is_spool_or_empty, open_database

_TRIM = 5_000
"""Events that go out of their table in one step where there is no history."""
_HEADER, _APPLICATION = 100, slice(68, 72)
"""Bytes of a SQLite file's header, and where in it the application's mark is."""
_decode = msgspec.msgpack.Decoder(list[Logged]).decode
_log = structlog.get_logger(__name__)


class Replica:
    """A file being filled from the stream's records. ``contents``: the stream's."""

    def __init__(self, path: Path, log: Log) -> None:
        """Begin with an empty file. Raises SpoolDamaged."""
        _check_ours(path)
        for old in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
        self.contents = Contents()
        self._path = path
        self._log = log
        self._database = open_database(path, durable=False)
        self._telling = self._again = False
        self._cursors: dict[str, int] = {}

    async def catch_up(self, began: StreamState) -> None:
        """Take in what the stream held in the state ``began``, before its first record was read.

        Raises SpoolDamaged.
        """
        database = self._database
        database.execute("BEGIN")
        async for record in self._log.records(began):
            try:
                self._take(record)
            except (msgspec.DecodeError, sqlite3.Error, KeyError) as error:
                raise SpoolDamaged(
                    f"{self._log.place} cannot be read at message {record.position}: {error}; was it written "
                    "by another version, or by hand?"
                ) from None
        if _was_purged(began, self._log.base):
            _log.warning(
                "the stream was purged by hand: what it held is lost, and the counts begin anew",
                stream=str(self._log.place),
                first_message=began.first_seq,
            )
            self._begin_anew()
            self.contents.purged = True
        database.execute("COMMIT")

    def _take(self, record: Record) -> None:
        complete = record.position >= self._log.base
        self.contents.since += len(record.data) if complete else 0
        for change in _decode(record.data):
            if isinstance(change, SnapshotBegin):
                self._telling, self._again = record.position == self._log.base, True
            elif not isinstance(change, (SnapshotRows, Appended)):
                self._again = False
            if isinstance(change, (SnapshotBegin, SnapshotRows, SnapshotEnd)):
                # Records before the last complete snapshot are known from it: only their events count.
                if self._telling:
                    change.apply(self._database)
            elif isinstance(change, Appended):
                self._append(change)
                self.contents.edges.append((change.rows[-1][0], record.position))
            elif complete or isinstance(change, Erased):  # events are not told again
                change.apply(self._database)
            elif isinstance(change, Settled):  # nor is what became of them
                history_rows.settle(self._database, change.destination, change.settlement, change.now)
            if isinstance(change, Settled):
                self._cursors[change.destination] = change.settlement.cursor

    def _append(self, change: Appended) -> None:
        """Write events. Where a purged stream was written again, the first records may be there as well."""
        if not self._again:
            change.apply(self._database)
            return
        self._database.executemany(
            "INSERT OR IGNORE INTO event (seq, at, source, message_id, body, total) VALUES (?,?,?,?,?,?)",
            change.rows,
        )

    def _begin_anew(self) -> None:
        """Let every destination go on where its last record left it, with counts of what is still known."""
        database = self._database
        for table in ("cursor", "ended"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - our words
        for name, cursor in self._cursors.items():
            cursors.add(database, name, cursor)
        highest = max(self._cursors.values(), default=0)
        stored_events.note_last(database, highest)  # no event may get a number that a cursor has passed

    def finish(self) -> None:
        """Have events come into rows of history, and close the file in good order."""
        database = self._database
        self._remember()
        history = HistoryWriter(database)
        database.execute("BEGIN")
        while history.let_go(_TRIM):
            pass
        database.execute("COMMIT")
        database.execute("INSERT OR REPLACE INTO note VALUES ('closed', 1)")
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _remember(self) -> None:
        """Mark the message ids of all events that the stream still holds as seen."""
        seen = DedupIndex(self._path)
        rows = self._database.execute("SELECT at, source, message_id FROM event ORDER BY seq")
        while some := list(islice(rows, 1000)):
            seen.add([seen.fingerprint(source, name) for _, source, name in some], some[-1][0])
        seen.close()


def _check_ours(path: Path) -> None:
    """See that only an earlier copy is deleted. Raises SpoolDamaged where the file is somebody else's."""
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if head.startswith(b"SQLite format 3\0"):
        if head[_APPLICATION] == APPLICATION_ID.to_bytes(4):
            return
        # What was written last, and so the mark itself, may lie in the log beside it alone.
        with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(path)) as database:
            if is_spool_or_empty(database):
                return
    raise SpoolDamaged(f"{path} is no copy of a stream; name another file in [spool] copy_path")


def _was_purged(began: StreamState, base: int) -> bool:
    """Return whether somebody has taken out messages: a forwarder keeps all from its last snapshot on."""
    if not began.messages:
        return began.last_seq > 0
    return began.first_seq > max(1, base)
