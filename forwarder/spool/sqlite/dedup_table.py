"""One table of the dedup index: an open-addressing hash table of fingerprints in a memory-mapped file."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

import structlog

FARTHEST = 512
"""Most places that are looked at for one fingerprint. At 0.6 full, the longest run of taken places in a
table of 2**27 is about 170; only fingerprints chosen to collide make longer ones."""
FULLEST = 0.6
"""Share of taken places beyond which a new table is begun: probing gets long."""
NOWHERE = 0
"""A word that is none of the places: there the file says what it is."""
KEY_BYTES = 16
_MAGIC, _FORMAT, _UNKEYED = 0x5345454E5345454E, 2, 1
_KEY = slice(5, 7)
_HEADERS = {_UNKEYED: 5, _FORMAT: 7}
"""Format to the words before the first place: magic, format, began, last mark, marks, and since 2 the key."""
_NAME = re.compile(r"-seen-([0-9]+)\.([0-9]+)")

_log = structlog.get_logger(__name__)


class Table:
    """A table of fingerprints. ``number``: higher than that of every older table of the spool."""

    def __init__(self, mapped: mmap.mmap, path: Path | None, number: int) -> None:
        self.number = number
        self._mapped = mapped
        self._size = len(mapped)
        self._path = path
        self._words = memoryview(mapped).cast("Q")
        self._header = _HEADERS[self._words[1]]
        self.mask = len(self._words) - self._header - 1

    @property
    def key(self) -> bytes:
        """The key of its fingerprints; empty in a table of the format that had none."""
        return b"" if self._words[1] == _UNKEYED else self._words[_KEY].tobytes()

    @property
    def began(self) -> int:
        """When its first mark was set, ms since the epoch."""
        return int(self._words[2])

    @property
    def last(self) -> int:
        """When its last mark was set, ms since the epoch."""
        return int(self._words[3])

    def set_times(self, began: int, last: int) -> None:
        """Write when its first and last mark were set, ms since the epoch."""
        self._words[2], self._words[3] = max(began, 0), max(last, 0)

    @property
    def full(self) -> bool:
        """Whether the next marks belong into another table."""
        return bool(self._words[4] > FULLEST * self.mask)

    @property
    def intact(self) -> bool:
        """Whether the file is as long as its mapping: reading beyond its end would kill the process."""
        return self._path is None or self._mapped.size() >= self._size

    def has(self, mark: int) -> bool:
        """Return whether the fingerprint is marked."""
        at = self._find(mark)
        return at != NOWHERE and self._words[at] == mark

    def add(self, mark: int) -> bool:
        """Mark the fingerprint; return False where no place for it is near enough."""
        words, at = self._words, self._find(mark)
        if at == NOWHERE:
            return False
        if not words[at]:
            words[at] = mark
            words[4] += 1
        return True

    def _find(self, mark: int) -> int:
        """Return the word where the mark is, or else where it belongs; ``NOWHERE`` if that is too far."""
        words, mask, header = self._words, self.mask, self._header
        place = mark & mask
        for _ in range(FARTHEST):
            found = words[header + place]
            if found == mark or not found:
                return header + place
            place = (place + 1) & mask
        return NOWHERE

    def close(self) -> None:
        """Let go of the file."""
        self._words.release()
        self._mapped.close()

    def drop(self) -> None:
        """Forget the table and its file."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def new_table(spool: Path, slots: int, key: bytes, now: int) -> Table:
    """Return an empty table of ``slots`` places, a power of two; in memory where the disk has no room."""
    header = _HEADERS[_FORMAT]
    size = 8 * (slots + header)
    number = 1 + max((number for _, _, number in _files(spool)), default=0)
    path: Path | None = spool.with_name(f"{spool.name}-seen-{slots}.{number}")
    try:
        mapped = _new_file(path, size)  # type: ignore[arg-type]  # it is there, so far
    except OSError as error:
        _log.warning("message ids are remembered in memory only", path=str(path), why=error.strerror)
        mapped, path = mmap.mmap(-1, size), None
    words = memoryview(mapped).cast("Q")
    words[0], words[1], words[2], words[3] = _MAGIC, _FORMAT, max(now, 0), max(now, 0)
    words[_KEY] = memoryview(key).cast("Q")
    words.release()
    return Table(mapped, path, number)


def _new_file(path: Path, size: int) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)  # a hole that cannot be filled later would kill us
        return mmap.mmap(descriptor, size)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _files(spool: Path) -> Iterator[tuple[Path, int, int]]:
    """Yield the files whose names are those of tables, each with its places and number; no others."""
    for path in spool.parent.iterdir():
        found = _NAME.fullmatch(path.name.removeprefix(spool.name))
        if found and path.name.startswith(spool.name) and path.is_file() and not path.is_symlink():
            yield path, int(found[1]), int(found[2])


def read_tables(spool: Path) -> list[Table]:
    """Return the tables beside the spool, oldest first.

    What is damaged of ours is deleted. Files of others are left alone, whatever they are called.
    """
    tables: list[Table] = []
    for path, slots, number in _files(spool):
        if table := _read(path, slots, number):
            tables.append(table)
    return sorted(tables, key=lambda table: table.number)


def _read(path: Path, slots: int, number: int) -> Table | None:
    try:
        with path.open("r+b") as file:
            start = file.read(16)
            mapped = mmap.mmap(file.fileno(), 0) if start else None
    except (OSError, ValueError) as error:
        _log.warning("message ids cannot be read and are forgotten", path=str(path), why=str(error))
        return None
    magic, form = int.from_bytes(start[:8], "little"), int.from_bytes(start[8:], "little")
    header = _HEADERS.get(form)
    if mapped is not None:
        if header and magic == _MAGIC and len(mapped) == 8 * (slots + header) and slots & (slots - 1) == 0:
            return Table(mapped, path, number)
        mapped.close()
    # Cut off, or of a machine that stopped before anything of it was on the disk; else it is not ours.
    if _MAGIC.to_bytes(8, "little").startswith(start[:8]) or not start.strip(b"\0"):
        _log.warning("message ids are damaged and forgotten", path=str(path))
        path.unlink(missing_ok=True)
    else:
        _log.warning("a file has a name that the spool uses, and is left alone", path=str(path))
    return None
