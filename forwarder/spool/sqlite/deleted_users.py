"""The marks of deleted users, and the removal of their events."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap

from typing_extensions import override

from forwarder.errors import SpoolInUse
from forwarder.spool.api import StoredEvent
from forwarder.spool.sqlite import erasure, parked, stored_events
from forwarder.spool.sqlite.file import SpoolFile
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.sqlite.operations import Erased, SuppressionLifted, UsersMarked
from forwarder.spool.suppression import Erasure, UserMark, deleted_everywhere


class DeletedUsers(SpoolFile):
    """The deleted users of a spool."""

    @override
    async def marks(self) -> list[UserMark]:
        return list(starmap(UserMark, await self._ask(erasure.MARKS)))

    @override
    async def mark_users(self, marks: Sequence[UserMark], now: int) -> int:

        def work() -> int:
            self._transaction.write()
            upto = stored_events.last_seq(self._database)
            return self._do(UsersMarked([mark._replace(upto=upto) for mark in marks], now))

        return await self._note(work)

    async def lift_suppression(self, marks: Sequence[bytes], now: int) -> int:
        """For tools: let later events of marked users through again; return the number of this erasure."""

        def work() -> int:
            self._transaction.write()
            return self._do(SuppressionLifted(list(marks), stored_events.last_seq(self._database), now))

        return await self._note(work)

    @override
    async def erasure(self) -> int:
        return int((await self._ask(erasure.NOTE, erasure.ASKED))[0][0])

    @override
    async def erasure_done(self, number: int) -> None:
        """Note it on this machine alone."""
        note = "INSERT OR REPLACE INTO note VALUES (?, ?)"
        await self._note(lambda: self._database.execute(note, (erasure.DONE, number)))

    async def awaits(self, number: int) -> bool:
        """For tools: return whether a forwarder serves whose deliveries do not know this erasure yet."""
        if (await self._ask(erasure.NOTE, erasure.DONE))[0][0] >= number:
            return False
        try:
            Lock(self._path).release()
        except SpoolInUse:
            return True
        return False

    async def erase(self, events: Erasure) -> None:
        """For tools: remove events; their users have been marked before."""
        smaller = parked.Extent(0, 0)

        def work() -> None:
            nonlocal smaller
            self._transaction.write()
            smaller = self._do(Erased(events))
            self._transaction.history.restart()

        await self._note(work, lambda: self._capacity.grow_aside(smaller))

    async def forget_sessions(self) -> None:
        """Forget the sessions of users that were deleted since this was last done, and of their devices."""

        def work() -> None:
            number = self._noted(erasure.ASKED)
            if number > self._noted(erasure.FORGOTTEN):
                marks = starmap(UserMark, self._database.execute(erasure.MARKS))
                self._transaction.forget_sessions(deleted_everywhere(marks))
                note = "INSERT OR REPLACE INTO note VALUES (?, ?)"
                self._database.execute(note, (erasure.FORGOTTEN, number))

        await self._note(work)

    def _noted(self, name: str) -> int:
        return int(self._database.execute(erasure.NOTE, (name,)).fetchone()[0])

    async def all_parked(self, after: int, limit: int) -> list[tuple[int, str, StoredEvent]]:
        """For tools: return parked events of all destinations, each with what ``after`` goes by."""
        rows = await self._ask(erasure.PARKED, after, limit)
        return [(row[0], row[1], StoredEvent(*row[2:])) for row in rows]
