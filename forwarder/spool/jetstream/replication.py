"""Keeping every transaction's changes in the stream before this machine's copy has them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import msgspec
import structlog
from typing_extensions import override

from forwarder.errors import SpoolError, SpoolLost, SpoolUnavailable
from forwarder.spool.jetstream.connection import NATS_ERRORS
from forwarder.spool.jetstream.health import Incomplete
from forwarder.spool.jetstream.log import RETRY_AFTER, Log
from forwarder.spool.jetstream.opening import reason
from forwarder.spool.jetstream.snapshot import SnapshotEnd, events, snapshot_records
from forwarder.spool.sqlite import stored_events
from forwarder.spool.sqlite.operations import Appended, Operation
from forwarder.spool.sqlite.transaction import Replicator

SNAPSHOT_BYTES = 64 * 1024 * 1024
"""Bytes of records after which a snapshot is written, or twice the last snapshot's: reading a stream from its
last snapshot on takes seconds then, and a snapshot at most doubles what is written."""
_TRIM_EVERY = 64
"""Transactions between two looks for records that may go: purging costs the servers more than a look."""
_encode = msgspec.msgpack.Encoder().encode
_structlog = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class Contents:
    """The contents of the stream, as far as trimming it depends on them.

    ``edges``: of every record with events, the highest seq and its position; ``since``: bytes of all records
    since the last snapshot; ``purged``: part of it was removed by hand, so that all that is left has to be
    written again.
    """

    edges: deque[tuple[int, int]] = field(default_factory=deque)
    since: int = 0
    purged: bool = False


class StreamReplicator(Replicator):
    """The replicator into a stream. It runs in the spool-writer thread; the event loop sends for it."""

    def __init__(self, log: Log, contents: Contents, lost: Callable[[SpoolError], None]) -> None:
        """``lost`` is called in the log's event loop when nothing can be written any more."""
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._contents = contents
        self._lost = lost
        self._error: SpoolError | None = None
        self._uncommitted, self._incomplete = False, contents.purged
        self._snapshot_bytes = self._trimmed = self._begun = 0

    @override
    def begin(self, copy: sqlite3.Connection) -> None:
        if self._uncommitted:
            self.fail(SpoolLost("the stream has what its copy could not take; mend spool.copy_path's disk"))
        if self._error is not None:
            raise self._error
        self._begun += 1
        if self._incomplete:
            self._restore(copy)
        elif self._contents.since > max(SNAPSHOT_BYTES, 2 * self._snapshot_bytes):
            self._snapshot(copy)
        elif self._begun % _TRIM_EVERY == 0:
            self._trim(copy)

    @override
    def keep(self, changes: Sequence[Operation[object]]) -> None:
        self._uncommitted = True  # from here on the stream may have what the copy has not
        try:
            position = self._write(changes)
        except SpoolUnavailable:
            self._uncommitted = False
            raise
        except Exception as error:  # a record that is written twice could not be read by anybody
            why = f"writing to {self._log.place} failed ({type(error).__name__}: {error}); start again"
            self.fail(SpoolLost(why))
            raise
        if isinstance(appended := changes[-1], Appended):
            self._contents.edges.append((appended.rows[-1][0], position))

    @override
    def committed(self) -> None:
        self._uncommitted = False

    def _snapshot(self, copy: sqlite3.Connection) -> None:
        """Write a snapshot."""
        before, base = self._contents.since, 0
        for record in snapshot_records(copy):
            position = self._write(record)
            base = base or position
        self._snapshot_bytes, self._contents.since = self._contents.since - before, 0
        self._end_snapshot(base)
        self._trim(copy)

    def _end_snapshot(self, base: int) -> None:
        """Have the stream name the snapshot that begins at ``base``; until then the one before it counts."""
        before, self._log.base = self._log.base, base
        try:
            self._write([SnapshotEnd()])
        except BaseException:  # nobody would find it, and what is before it may not go
            self._log.base = before
            raise

    def _trim(self, copy: sqlite3.Connection) -> None:
        """Have the stream drop records before the last snapshot whose events have all ended."""
        edges, passed = self._contents.edges, stored_events.lowest_cursor(copy)
        while edges and edges[0][0] <= passed:
            edges.popleft()
        needed = min(self._log.base, edges[0][1]) if edges else self._log.base
        if needed > self._trimmed:
            self._trimmed = needed
            asyncio.run_coroutine_threadsafe(self._log.trim(needed), self._loop)

    def complete(self) -> None:
        """Write everything into the stream once more with the next transaction, for it lacks some of it."""
        self._incomplete = True

    def _restore(self, copy: sqlite3.Connection) -> None:
        """Write all that the copy holds into a stream that was purged or deleted by hand."""
        log = self._log
        _structlog.warning(
            "the stream was purged or deleted by hand; writing everything into it again",
            stream=str(log.place),
        )
        self._run(log.restore())
        base, edges = 0, deque[tuple[int, int]]()
        for record in chain(snapshot_records(copy), events(copy)):
            position = self._write(record)
            base = base or position
            if isinstance(change := record[-1], Appended):
                edges.append((change.rows[-1][0], position))
        self._end_snapshot(base)
        self._contents.edges, self._contents.since = edges, 0
        self._incomplete = False
        self._trimmed = base
        asyncio.run_coroutine_threadsafe(log.trim(base), self._loop)
        _structlog.info("the stream holds everything again", stream=str(log.place))

    def _write(self, changes: Sequence[Operation[object]]) -> int:
        data = _encode(changes)
        self._contents.since += len(data)
        return self._run(self._log.append(data))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what the log does. Raises SpoolLost, and SpoolUnavailable where it is to be tried again."""
        place = self._log.place
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except SpoolLost as error:
            self.fail(error)
            raise
        except Incomplete:
            self._incomplete = True
            message = f"{place} was purged or deleted by hand, and is mended"
            raise SpoolUnavailable("stream_incomplete", message, RETRY_AFTER) from None
        except NATS_ERRORS as error:
            message = f"{place} does not answer: {reason(error)}"
            raise SpoolUnavailable("stream_silent", message, RETRY_AFTER) from None

    def fail(self, error: SpoolError) -> None:
        """Let nothing be written any more. May be called from any thread."""
        if self._error is None:
            self._error = error
            self._loop.call_soon_threadsafe(self._lost, error)
