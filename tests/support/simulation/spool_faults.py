"""Faults inside the spool: any function of the file, of its tables or of the stream raises, by seed."""

from __future__ import annotations

import inspect
import random
import sqlite3
import threading
import zlib
from collections import Counter
from types import FunctionType, ModuleType

import nats.errors

from forwarder.errors import SpoolError
from forwarder.spool.jetstream import snapshot
from forwarder.spool.jetstream.control import Desk
from forwarder.spool.jetstream.health import StreamHealth
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.replication import StreamReplicator
from forwarder.spool.jetstream.spool import JetStreamSpool
from forwarder.spool.sqlite import (
    cursors,
    history_bounds,
    history_rows,
    operations,
    parked,
    stored_events,
    transaction,
)
from forwarder.spool.sqlite.accepting import Accepting
from forwarder.spool.sqlite.capacity import Capacity
from forwarder.spool.sqlite.checkpointer import Checkpointer
from forwarder.spool.sqlite.dead_letter_bounds import DeadBounds
from forwarder.spool.sqlite.dead_letters import DeadLetters
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.dedup_table import Table
from forwarder.spool.sqlite.deleted_users import DeletedUsers
from forwarder.spool.sqlite.delivering import Delivering
from forwarder.spool.sqlite.disk import Disk
from forwarder.spool.sqlite.file import SpoolFile
from forwarder.spool.sqlite.group_commit import GroupCommit
from forwarder.spool.sqlite.history import HistoryWriter
from forwarder.spool.sqlite.keeping_history import KeepingHistory
from forwarder.spool.sqlite.reader import SpoolReader
from forwarder.spool.sqlite.transaction import WriteTransaction
from tests.support.fake_stream import FakeStream
from tests.support.simulation.raising import Injected, Raising, Target

FILE: tuple[type | ModuleType, ...] = (
    *(
        Accepting,
        Capacity,
        Checkpointer,
        DeadBounds,
        DeadLetters,
        DedupIndex,
        DeletedUsers,
        Delivering,
        Disk,
        GroupCommit,
    ),
    *(HistoryWriter, KeepingHistory, SpoolFile, SpoolReader, Table, WriteTransaction),
    *(history_bounds, stored_events),
    *(cursors, history_rows, parked, operations.Settled, operations.Attached, operations.Redriven),
)
STREAM: tuple[type | ModuleType, ...] = (
    *(Desk, JetStreamSpool, Log, StreamHealth, StreamReplicator, FakeStream, snapshot.SnapshotBegin),
)
LEFT_OUT = {
    *("GroupCommit._give_up", "GroupCommit._refuse_all", "GroupCommit._run", "SpoolFile._lose"),
    *("SpoolFile._damaged", "StreamReplicator.fail", "JetStreamSpool._fall_silent"),
    *("JetStreamSpool.close", "SpoolFile.close", "SpoolFile._leave", "SpoolFile._release"),
    *("SpoolReader.close", "DedupIndex.close"),
    *("Checkpointer._run", "Checkpointer.close", "Checkpointer.paused", "GroupCommit.close"),
    *(
        "Table.close",
        "JetStreamSpool.end_within",
        "Log.end",
        "Log.close",
        "Desk.close",
        "Desk.serve",
        "Disk.close",
    ),
    *("FakeStream.put", "FakeStream.purge", "FakeStream.delete", "FakeStream._ask", "FakeStream._see"),
    *("StreamHealth.incomplete", "GroupCommit.submit", "StreamReplicator._run"),
}
"""The supervisors that end everything, what ends a spool, the stream's own means, and what only hands on."""

MOST = 5
"""How often one function raises in one storm: what is called all the time does not drown the rest."""


class SpoolInjector(Raising):
    """Makes functions of the spool raise. ``rates``: how often, by name; ``rate``: all others."""

    def __init__(self, seed: int, rate: float, rates: dict[str, float]) -> None:
        super().__init__(on=False)
        self._seed = seed
        self._chances: dict[int, random.Random] = {}
        self._rate, self._rates = rate, rates
        self.by_name: Counter[str] = Counter()
        self._loop = threading.get_ident()
        self.in_loop = 0
        """Faults in the event loop's own thread: what they report as failed may be done all the same."""

    def _chance(self) -> random.Random:
        """Return this thread's own chance: threads that run side by side leave each other's alone."""
        name = threading.current_thread().name
        return self._chances.setdefault(
            threading.get_ident(), random.Random(self._seed ^ zlib.crc32(name.encode()))
        )

    def error(self, name: str, moment: str) -> Exception | None:
        """See ``Raising``."""
        if self.by_name[name] >= MOST or self._chance().random() >= self._rates.get(name, self._rate):
            return None
        self.by_name[name] += 1
        self.in_loop += threading.get_ident() == self._loop
        return self._error_of(name)

    def _error_of(self, name: str) -> Exception:
        if name.startswith("FakeStream"):
            return nats.errors.TimeoutError()
        kind = self._chance().randrange(3)
        if kind == 0:
            error = sqlite3.OperationalError("the disk is full, as if")
            error.sqlite_errorcode = self._chance().choice([sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY])
            error.sqlite_errorname = "as if"
            return error
        return Injected(name)


def is_expected(error: BaseException) -> bool:
    """Tell whether a caller of the spool may meet this error after a fault inside."""
    said = isinstance(error, sqlite3.OperationalError) and "as if" in str(error)
    return said or isinstance(error, (Injected, SpoolError, nats.errors.TimeoutError))


def targets(owners: tuple[type | ModuleType, ...]) -> list[Target]:
    """Return everything that may raise: its name, what holds it, and under which attribute."""
    found: list[Target] = [("insert", transaction, "insert")]
    for owner in owners:
        for attribute, value in vars(owner).items():
            name = f"{owner.__name__.rpartition('.')[2]}.{attribute}"
            of_owner = getattr(value, "__module__", None) == getattr(owner, "__module__", owner.__name__)
            plain = isinstance(value, FunctionType) and of_owner and not inspect.isasyncgenfunction(value)
            special = inspect.isgeneratorfunction(value) or attribute.startswith("__") or name in LEFT_OUT
            if plain and not special:
                found.append((name, owner, attribute))
    return found
