"""The dead letters of a spool by reason, a bounded number of the newest; for a reader's thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from forwarder.history.filters import name_of
from forwarder.spool.api import DeadLetter, StoredEvent
from forwarder.spool.event_keys import keys_of
from forwarder.spool.sqlite.parked import DEAD

MOST: Final = 10_000
"""The newest letters that are looked at: their reasons are read within 50 ms."""
_FLOOR: Final = "SELECT number FROM dead ORDER BY number DESC LIMIT 1 OFFSET ?"
_GROUPS: Final = (
    "SELECT destination, reason, count(*), min(died_at), max(died_at), max(number) FROM dead"
    " WHERE number > ? GROUP BY destination, reason"
)
_LETTERS: Final = (
    "SELECT number, destination, died_at, seq, at, source, message_id, body, reason, detail, state FROM dead"
    " WHERE number > ? AND number <= ? AND destination = ?"
    " AND substr(reason, 1, instr(reason || ':', ':') - 1) = ? ORDER BY number LIMIT ?"
)
_NUMBERS: Final = (
    "SELECT number, destination, seq FROM dead WHERE number > ? AND number <= ? AND destination = ?"
    " AND substr(reason, 1, instr(reason || ':', ':') - 1) = ? ORDER BY number"
)
_DEAD: Final = "SELECT count(*) FROM dead WHERE destination = ? AND seq IN (SELECT value FROM json_each(?))"
_PARKED: Final = (
    "SELECT count(*) FROM parked WHERE destination = ? AND seq IN (SELECT value FROM json_each(?))"
)
LAST: Final = 2**63 - 1
"""Above every number."""


class Named(NamedTuple):
    """A dead letter with what its event is called, and the user and device that it names."""

    letter: DeadLetter
    name: str
    user: str
    device: str


class DeadGroup(NamedTuple):
    """Dead letters of one destination with one kind of reason, which is what stands before a colon in it.

    ``first_at``, ``last_at``: when the first and the last died, ms; ``example``: the newest.
    """

    destination: str
    reason: str
    letters: int
    first_at: int
    last_at: int
    example: Named


class Chosen(NamedTuple):
    """A dead letter that somebody has chosen: its number, and of which event at which destination it is."""

    number: int
    destination: str
    seq: int


def label_of(reason: str) -> str:
    """Return the kind of a reason: what stands before a colon; after it may be Amplitude's own words."""
    return reason.partition(":")[0]


def groups(database: sqlite3.Connection) -> list[DeadGroup]:
    """Return the groups of the newest ``MOST`` letters, the largest first."""
    found: dict[tuple[str, str], list[int]] = {}
    for destination, reason, letters, first, last, newest in database.execute(_GROUPS, (_floor(database),)):
        old = found.setdefault((destination, label_of(reason)), [0, first, last, newest])
        old[:] = [old[0] + letters, min(old[1], first), max(old[2], last), max(old[3], newest)]
    made = [
        DeadGroup(destination, reason, letters, first, last, named(_letter(row)))
        for (destination, reason), (letters, first, last, newest) in found.items()
        for row in database.execute(DEAD, (newest - 1, None, newest, 1))  # none: it was just sent again
    ]
    return sorted(made, key=lambda one: (-one.letters, one.destination, one.reason))


def letters_in(
    database: sqlite3.Connection, destination: str, reason: str, after: int, limit: int, upto: int = LAST
) -> list[DeadLetter]:
    """Return up to ``limit`` letters of a group, numbered above ``after`` up to ``upto``, in order."""
    values = (max(after, _floor(database)), upto, destination, reason, limit)
    return [_letter(row) for row in database.execute(_LETTERS, values)]


def chosen_in(database: sqlite3.Connection, destination: str, reason: str, upto: int) -> list[Chosen]:
    """Return the letters of a group up to a number."""
    values = (_floor(database), upto, destination, reason)
    return [Chosen(*row) for row in database.execute(_NUMBERS, values)]


def dead_and_parked(database: sqlite3.Connection, destination: str, seqs: Sequence[int]) -> tuple[int, int]:
    """Return how many of these events are dead letters of a destination, and how many are parked for it."""
    values = (destination, json.dumps(list(seqs)))
    dead, parked = (database.execute(count, values).fetchone()[0] for count in (_DEAD, _PARKED))
    return dead, parked


def _floor(database: sqlite3.Connection) -> int:
    """Return the number above which the newest ``MOST`` letters are."""
    row = database.execute(_FLOOR, (MOST,)).fetchone()
    return row[0] if row else 0


def named(letter: DeadLetter) -> Named:
    """Return a letter with the names in its event."""
    keys = keys_of(letter.event.body)
    return Named(letter, name_of(letter.event.body), keys.user, keys.device)


def _letter(row: Sequence[object]) -> DeadLetter:
    event = StoredEvent(*row[3:8])  # type: ignore[arg-type]
    return DeadLetter._make((*row[:3], event, *row[8:]))
