"""What is written into a spool's tables, as values: they can be kept elsewhere, and done there once more."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from forwarder.sessions.renaming import Renaming
from forwarder.sessions.rows import SessionRow
from forwarder.spool.api import Settlement
from forwarder.spool.sqlite import cursors, erasure, history_rows, parked, renamed_rows, session_rows
from forwarder.spool.sqlite.history_rows import Row as Row
from forwarder.spool.suppression import Erasure, UserMark

T_co = TypeVar("T_co", covariant=True)
_INSERT = "INSERT INTO event (seq, at, source, message_id, body, total) VALUES "
_ROW = "(?,?,?,?,?,?)"
_TOGETHER = 50
"""Rows in one statement: at each, this thread hands Python's lock to the loop's and waits to have it back."""
_STATEMENTS = [_INSERT + ",".join([_ROW] * rows) for rows in range(_TOGETHER + 1)]
"""By number of rows; the database keeps those that were used."""


def insert(database: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write events."""
    for at in range(0, len(rows), _TOGETHER):
        some = rows[at : at + _TOGETHER]
        database.execute(_STATEMENTS[len(some)], tuple(chain.from_iterable(some)))


class Operation(Protocol[T_co]):
    """Any of the changes below."""

    def apply(self, database: sqlite3.Connection) -> T_co:
        """Write it, in the thread that writes; return what has come of it."""
        ...


class Appended(msgspec.Struct, frozen=True, array_like=True, tag="appended"):
    """Events were let in."""

    rows: list[Row]

    def apply(self, database: sqlite3.Connection) -> None:
        """Write them."""
        insert(database, self.rows)


class Attached(msgspec.Struct, frozen=True, array_like=True, tag="attached"):
    """Exactly these destinations have cursors; those of new ones stand at ``start``."""

    destinations: list[str]
    start: int

    def apply(self, database: sqlite3.Connection) -> dict[str, int]:
        """Write it; return the cursors."""
        return cursors.attach(database, self.destinations, self.start)


class Settled(msgspec.Struct, frozen=True, array_like=True, tag="settled"):
    """Events came to something for a destination. ``now``: ms since the epoch."""

    destination: str
    settlement: Settlement
    now: int

    def apply(self, database: sqlite3.Connection) -> parked.Extent:
        """Write it; return how much more is parked."""
        grown = parked.park(database, self.destination, self.settlement, self.now)
        cursors.advance(database, self.destination, self.settlement.cursor, self.settlement.ended)
        history_rows.settle(database, self.destination, self.settlement, self.now)
        return grown


class Redriven(msgspec.Struct, frozen=True, array_like=True, tag="revived"):
    """Dead letters are to be sent again."""

    numbers: list[int]

    def apply(self, database: sqlite3.Connection) -> int:
        """Write it; return how many there were."""
        return parked.redrive(database, self.numbers)


class DeadLettersDeleted(msgspec.Struct, frozen=True, array_like=True, tag="buried"):
    """Dead letters are forgotten."""

    numbers: list[int]

    def apply(self, database: sqlite3.Connection) -> parked.Extent:
        """Write it; return by how much less it is."""
        return parked.delete_dead_letters(database, self.numbers)


class Discarded(msgspec.Struct, frozen=True, array_like=True, tag="discarded"):
    """Dead letters went because of a bound. ``reason``: ``age`` or ``size``."""

    numbers: list[int]
    reason: str

    def apply(self, database: sqlite3.Connection) -> None:
        """Write it."""
        parked.discard(database, self.numbers, self.reason)


class UsersMarked(msgspec.Struct, frozen=True, array_like=True, tag="marked"):
    """Users are deleted. ``now``: ms since the epoch."""

    marks: list[UserMark]
    now: int

    def apply(self, database: sqlite3.Connection) -> int:
        """Write it; return the erasure's number."""
        return erasure.suppress(database, self.marks, self.now)


class SuppressionLifted(msgspec.Struct, frozen=True, array_like=True, tag="lifted"):
    """Later events of deleted users are let through again. ``upto``: seq; ``now``: ms since the epoch."""

    marks: list[bytes]
    upto: int
    now: int

    def apply(self, database: sqlite3.Connection) -> int:
        """Write it; return the erasure's number."""
        return erasure.lift(database, self.marks, self.upto, self.now)


class Erased(msgspec.Struct, frozen=True, array_like=True, tag="erased"):
    """Events of deleted users are removed."""

    erasure: Erasure

    def apply(self, database: sqlite3.Connection) -> parked.Extent:
        """Write it; return by how much less is parked."""
        return erasure.erase(database, self.erasure)


class SessionsChanged(msgspec.Struct, frozen=True, array_like=True, tag="sessions"):
    """Devices' sessions are other ones now; rows up to ``upto`` hold nothing that counts any more."""

    row: SessionRow
    upto: int

    def apply(self, database: sqlite3.Connection) -> None:
        """Write it."""
        session_rows.write(database, self.row, self.upto)


class SessionsRenamed(msgspec.Struct, frozen=True, array_like=True, tag="renamed"):
    """Events that wait are in other sessions than was thought when they came."""

    renamings: list[Renaming]

    def apply(self, database: sqlite3.Connection) -> None:
        """Write it."""
        renamed_rows.write(database, self.renamings)


AnyOperation: TypeAlias = (
    Appended
    | Attached
    | Settled
    | Redriven
    | DeadLettersDeleted
    | Discarded
    | UsersMarked
    | SuppressionLifted
    | Erased
    | SessionsChanged
    | SessionsRenamed
)
