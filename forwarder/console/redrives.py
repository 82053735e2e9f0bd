"""Dead letters that were sent again from the console, and what has become of them since."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from forwarder.history.dead_groups import Chosen, dead_and_parked
from forwarder.spool import Spool

_KEPT: Final = 50
"""Acts that are remembered, of at most 10,000 letters each: a few megabytes."""


class Redrive(NamedTuple):
    """Dead letters sent again in one act. ``at``: ms since the epoch; ``number``: of the act."""

    number: int
    at: int
    letters: Sequence[Chosen]


class Result(NamedTuple):
    """The result of one redrive. ``ended``: delivered, or filtered by today's mapping."""

    letters: int
    waiting: int
    dead: int

    @property
    def ended(self) -> int:
        """Return how many ended well."""
        return max(0, self.letters - self.waiting - self.dead)


class Redrives:
    """The latest acts, in memory: a restart forgets them, not the letters."""

    def __init__(self) -> None:
        self._kept: deque[Redrive] = deque(maxlen=_KEPT)
        self._next = 1

    def note(self, at: int, letters: Sequence[Chosen]) -> int:
        """Remember an act; return its number."""
        number, self._next = self._next, self._next + 1
        self._kept.append(Redrive(number, at, letters))
        return number

    def find(self, number: int) -> Redrive | None:
        """Return an act, None where it is not remembered any more."""
        return next((one for one in self._kept if one.number == number), None)


async def result_of(spool: Spool, act: Redrive) -> Result:
    """Return what has become of the letters of an act."""
    waiting = dead = 0
    for name in {one.destination for one in act.letters}:
        seqs = [one.seq for one in act.letters if one.destination == name]
        again, parked = await spool.look(lambda database: dead_and_parked(database, name, seqs))  # noqa: B023
        dead, waiting = dead + again, waiting + parked
    return Result(len(act.letters), waiting, dead)
