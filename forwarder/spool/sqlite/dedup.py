"""The dedup index: which message ids came within the last 24 hours, for little memory and no database work.

Tables of 64-bit fingerprints in memory-mapped files beside the spool. Marks are set after the event's
commit, so a mark never outlives its event; what a crash of the machine takes from the tables costs
a duplicate, which Amplitude itself recognises by its insert id.

Fingerprints are keyed with 16 random bytes, which every table's header holds: nobody outside can choose
message ids that fall into one place and make every look long. Of a new event 64 bits may be those of
another, and it is dropped as a duplicate then: with 100 million ids remembered, one event in 10**11.

Who comes first with a message id keeps it, as at Amplitude with insert ids: ids have to be unguessable where
senders do not trust each other. Ids of different sources never meet.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path

import structlog

from forwarder.spool.sqlite.dedup_table import KEY_BYTES, Table, new_table, read_tables

MESSAGE_ID_WINDOW_MS = 24 * 3600 * 1000
ROTATE_MS = MESSAGE_ID_WINDOW_MS // 2
_BACK_MS = 60_000
"""A clock that went back by less is left to right itself."""

_log = structlog.get_logger(__name__)


def _unkeyed(source: str, message_id: str) -> int:
    """Return the fingerprint that tables without a key have."""
    digest = blake2b(f"{source}\n{message_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


class DedupIndex:
    """The message ids of the last 24 hours and at most 12 more."""

    def __init__(self, spool: Path, slots: int = 1 << 18) -> None:
        """``slots``: places of the first table, a power of two."""
        self._spool = spool
        self._slots = slots
        self._tables: list[Table] = []
        self._unkeyed: list[Table] = []
        tables = read_tables(spool)
        self._key = next((table.key for table in reversed(tables) if table.key), os.urandom(KEY_BYTES))
        for table in tables:
            if table.key == self._key:
                self._tables.append(table)
            elif not table.key:  # asked until it expires
                self._unkeyed.append(table)
            else:
                _log.warning("message ids under another key cannot be read and are forgotten")
                table.drop()
        self._latest = max((table.last for table in tables), default=0)
        self._hash = blake2b(key=self._key, digest_size=8)

    def fingerprint(self, source: str, message_id: str) -> int:
        """Return 64 bits that stand for a message of a source; never 0, which marks a free place."""
        digest = self._hash.copy()
        digest.update(f"{source}\n{message_id}".encode("utf-8", "surrogatepass"))
        return int.from_bytes(digest.digest(), "little") or 1

    def has(self, mark: int, source: str, message_id: str) -> bool:
        """Return whether the message's fingerprint ``mark`` was marked."""
        for table in self._tables:
            if table.has(mark):
                return True
        return bool(self._unkeyed) and any(table.has(_unkeyed(source, message_id)) for table in self._unkeyed)

    def add(self, marks: Collection[int], now: int) -> None:
        """Mark fingerprints as come at ``now``, ms since the epoch."""
        if not marks:
            return
        self.check()
        current = self._tables[-1] if self._tables else None
        for mark in marks:
            if current is None or current.full or abs(now - current.began) > ROTATE_MS:
                current = self._rotate(now, current is not None and current.full)
            if not current.add(mark):
                current = self._rotate(now, True)
                current.add(mark)
        assert current is not None
        current.set_times(current.began, max(current.last, now))
        self._latest = max(self._latest, now)

    def expire(self, now: int) -> None:
        """Forget what came more than 24 hours (at most 36) before ``now``, ms since the epoch.

        After a clock has gone back, what came before counts as come now: else it would stay until the clock
        has caught up, which may be years.
        """
        if now < self._latest - _BACK_MS:
            self._latest = now
            for table in (*self._tables, *self._unkeyed):
                table.set_times(min(table.began, now), min(table.last, now))
        for tables in (self._tables, self._unkeyed):
            for table in [one for one in tables if now - one.last > MESSAGE_ID_WINDOW_MS]:
                tables.remove(table)
                table.drop()

    def check(self) -> None:
        """Let go of tables whose files somebody has cut off; to be done before each transaction's looks."""
        for tables in (self._tables, self._unkeyed):
            for table in tables[:]:
                if not table.intact:
                    _log.error(
                        "a file of message ids was cut off; its ids are forgotten", number=table.number
                    )
                    tables.remove(table)
                    table.drop()

    def close(self) -> None:
        """Let go of the files."""
        for table in (*self._tables, *self._unkeyed):
            table.close()
        self._tables.clear()
        self._unkeyed.clear()

    def _rotate(self, now: int, full: bool) -> Table:
        if full:
            self._slots *= 2  # busier than thought: fewer, larger tables are quicker to ask
        table = new_table(self._spool, self._slots, self._key, now)
        self._tables.append(table)
        return table
