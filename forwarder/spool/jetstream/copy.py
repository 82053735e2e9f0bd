"""A machine's copy of a stream: a SQLite file, made anew whenever a forwarder takes the stream up."""

from __future__ import annotations

import contextlib
import sqlite3
from itertools import islice
from pathlib import Path

import msgspec

from forwarder.errors import SpoolDamaged
from forwarder.spool import ledger
from forwarder.spool.changes import Appended
from forwarder.spool.jetstream.keeper import Contents
from forwarder.spool.jetstream.log import Log, Record
from forwarder.spool.jetstream.snapshot import Begun, Done, Logged, Told
from forwarder.spool.schema import open_database
from forwarder.spool.seen import Seen

_decode = msgspec.msgpack.Decoder(list[Logged]).decode


class Copy:
    """A file being filled from the stream's records. ``contents``: the stream's."""

    def __init__(self, path: Path, log: Log) -> None:
        """Begin with an empty file. Raises SpoolDamaged."""
        for old in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
        self.contents = Contents()
        self._path = path
        self._log = log
        self._database = open_database(path, durable=False)
        self._telling = False

    async def catch_up(self) -> None:
        """Take in what the stream holds beyond what is known. Raises SpoolDamaged."""
        database = self._database
        database.execute("BEGIN")
        async for record in self._log.records():
            try:
                self._take(record)
            except (msgspec.DecodeError, sqlite3.Error, KeyError) as error:
                raise SpoolDamaged(
                    f"{self._log.place} cannot be read at message {record.position}: {error}; was it written "
                    "by another version, or by hand?"
                ) from None
        database.execute("COMMIT")

    def _take(self, record: Record) -> None:
        complete = record.position >= self._log.base
        self.contents.since += len(record.data) if complete else 0
        for change in _decode(record.data):
            if isinstance(change, Begun):
                self._telling = record.position == self._log.base
            if isinstance(change, (Begun, Told, Done)):
                # What is told again later is known by then; what was told before is told anew.
                if self._telling:
                    change.apply(self._database)
            elif complete or isinstance(change, Appended):
                change.apply(self._database)
            if isinstance(change, Appended):
                self.contents.edges.append((change.rows[-1][0], record.position))

    def finish(self) -> None:
        """Let go of events that every destination has passed, and close the file in good order."""
        database = self._database
        self._remember()
        database.execute("DELETE FROM event WHERE seq <= ?", (ledger.lowest(database, 0),))
        database.execute("INSERT OR REPLACE INTO note VALUES ('closed', 1)")
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _remember(self) -> None:
        """Mark the message ids of all events that the stream still holds as seen."""
        seen = Seen(self._path)
        rows = self._database.execute("SELECT at, source, message_id FROM event ORDER BY seq")
        while some := list(islice(rows, 1000)):
            seen.add([seen.fingerprint(source, name) for _, source, name in some], some[-1][0])
        seen.close()
