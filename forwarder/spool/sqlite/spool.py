"""The spool in one SQLite file: WAL, synchronous=FULL, group commit, range deletes."""

from __future__ import annotations

from typing_extensions import override

from forwarder.errors import SpoolUnavailable
from forwarder.spool.counts import Counts
from forwarder.spool.sqlite import cursors
from forwarder.spool.sqlite.accepting import Accepting
from forwarder.spool.sqlite.deleted_users import DeletedUsers
from forwarder.spool.sqlite.delivering import Delivering
from forwarder.spool.sqlite.keeping_history import KeepingHistory


class SqliteSpool(Accepting, Delivering, KeepingHistory, DeletedUsers):
    """The spool in one SQLite file, with all that its sides can do."""

    @override
    async def counts(self) -> Counts:
        found = await self._read(cursors.counts)
        return found._replace(refused_at=self._refused_at)

    @override
    def unavailable(self) -> SpoolUnavailable | None:
        return None  # a file shows that when it is written

    @override
    def end_within(self, seconds: float) -> None:
        """Do nothing: a disk answers by itself."""
