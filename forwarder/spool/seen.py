"""Which message ids came within the last 24 hours, for little memory and no database work.

Tables of 64-bit fingerprints in memory-mapped files beside the spool. Marks are set after the event's
commit, so a mark never outlives its event; what a crash of the machine takes from the tables costs
a duplicate, which Amplitude itself recognises by its insert id.
"""

import mmap
import os
from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path

import structlog

HORIZON_MS = 24 * 3600 * 1000
ROTATE_MS = HORIZON_MS // 2
_HEADER = 5  # words: magic, format, began, last mark, marks
_MAGIC, _FORMAT = 0x5345454E5345454E, 1
_FULLEST = 0.6  # beyond, probing gets long

_log = structlog.get_logger(__name__)


def fingerprint(source: str, message_id: str) -> int:
    """Return 64 bits that stand for a message of a source; never 0, which marks a free place."""
    digest = blake2b(f"{source}\n{message_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


class Table:
    """One open-addressing table; ``began``: ms since the epoch."""

    def __init__(self, words: memoryview, path: Path | None) -> None:
        self.words = words
        self.path = path
        self.mask = len(words) - _HEADER - 1

    @property
    def began(self) -> int:
        """When its first mark was set."""
        return int(self.words[2])

    @property
    def last(self) -> int:
        """When its last mark was set."""
        return int(self.words[3])

    @property
    def full(self) -> bool:
        """Whether the next marks belong into another table."""
        return bool(self.words[4] > _FULLEST * self.mask)

    def has(self, mark: int) -> bool:
        """Tell whether the fingerprint is marked."""
        words, mask = self.words, self.mask
        place = mark & mask
        while found := words[_HEADER + place]:
            if found == mark:
                return True
            place = (place + 1) & mask
        return False

    def add(self, mark: int) -> None:
        """Mark the fingerprint."""
        words, mask = self.words, self.mask
        place = mark & mask
        while found := words[_HEADER + place]:
            if found == mark:
                return
            place = (place + 1) & mask
        words[_HEADER + place] = mark
        words[4] += 1

    def drop(self) -> None:
        """Forget the table and its file."""
        self.words.release()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class Seen:
    """The message ids of the last 24 hours and at most 12 more."""

    def __init__(self, spool: Path, slots: int = 1 << 18) -> None:
        self._spool = spool
        self._slots = slots
        self._tables: list[Table] = []
        for path in spool.parent.glob(spool.name + "-seen-*"):
            if table := _existing(path):
                self._tables.append(table)
        self._tables.sort(key=lambda table: table.began)

    def has(self, mark: int) -> bool:
        """Tell whether the fingerprint was marked."""
        for table in self._tables:  # noqa: SIM110 - half the time of any()
            if table.has(mark):
                return True
        return False

    def add(self, marks: Collection[int], now: int) -> None:
        """Mark fingerprints as come at ``now``, ms since the epoch."""
        for mark in marks:
            current = self._tables[-1] if self._tables else None
            if current is None or current.full or now - current.began > ROTATE_MS:
                current = self._rotate(now, current)
            current.add(mark)
        if marks:
            self._tables[-1].words[3] = max(now, 0)

    def expire(self, now: int) -> None:
        """Forget what came more than 24 hours (at most 36) before ``now``, ms since the epoch."""
        while self._tables and now - self._tables[0].last > HORIZON_MS:
            self._tables.pop(0).drop()

    def close(self) -> None:
        """Let go of the files."""
        for table in self._tables:
            table.words.release()
        self._tables.clear()

    def _rotate(self, now: int, current: Table | None) -> Table:
        if current is not None and current.full:
            self._slots *= 2  # busier than thought: fewer, larger tables are quicker to ask
        table = _new(self._spool, self._slots, now)
        self._tables.append(table)
        return table


def _new(spool: Path, slots: int, now: int) -> Table:
    size = 8 * (slots + _HEADER)
    number = 1 + max(
        (int(path.suffix[1:]) for path in spool.parent.glob(spool.name + "-seen-*.*")), default=0
    )
    path = spool.parent / f"{spool.name}-seen-{slots}.{number}"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)  # a hole that cannot be filled later would kill us
            mapped = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        _log.warning("message ids are remembered in memory only", path=str(path), why=error.strerror)
        mapped, path = mmap.mmap(-1, size), None  # type: ignore[assignment]
    words = memoryview(mapped).cast("Q")
    words[0], words[1], words[2], words[3] = _MAGIC, _FORMAT, max(now, 0), max(now, 0)
    return Table(words, path)


def _existing(path: Path) -> Table | None:
    try:
        with path.open("r+b") as file:
            words = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
    except (OSError, ValueError, TypeError):
        words = memoryview(b"")
    if len(words) > _HEADER and words[0] == _MAGIC and words[1] == _FORMAT:
        slots = len(words) - _HEADER
        if slots & (slots - 1) == 0:
            return Table(words, path)
    _log.warning("message ids cannot be read and are forgotten", path=str(path))
    path.unlink(missing_ok=True)
    return None
