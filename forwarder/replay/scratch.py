"""The spool of one replay, beside the forwarder's own: what is on its way, and how far it has come."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from forwarder.config.settings import SpoolSettings
from forwarder.spool import NewEvent
from forwarder.spool.location import is_stream_url
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.sqlite.spool import SqliteSpool

MOST_WAITING = 200_000
"""Events that may wait, such as those of a user whose daily quota is used up; then no more are read."""
_MOST_BYTES = 4_000_000_000
_FOLDER = "-replays"
_NOTES = "replay_"
_MORE = "INSERT INTO note VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = value + ?2"
DUPLICATES = "duplicates"
"""The note that counts events which were there already."""


class Portion(NamedTuple):
    """The next events of a replay, with all that has to be known together with them.

    ``known_by``: what each event is known by once, as the dedup index has it; ``notes``: numbers to keep.
    """

    events: Sequence[NewEvent]
    known_by: Sequence[tuple[str, str]]
    notes: Mapping[str, int]


class ScratchSpool(SqliteSpool):
    """The spool of one replay: a ``SqliteSpool`` with numbers beside it, written in the same transactions."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises SpoolInUse where the same replay is running, SpoolDamaged."""
        super().__init__(path, max_events=2 * MOST_WAITING, max_bytes=_MOST_BYTES)
        self.bound_history(0, 0)

    async def add(self, portion: Portion, now: int) -> list[bool]:
        """Accept a portion's events and keep its notes, both or none; False for each that is there already.

        Those are counted in the note ``DUPLICATES``. ``now``: ms since the epoch. Raises SpoolFull.
        """
        dedup = self._transaction.dedup
        assert dedup is not None
        marks = [dedup.fingerprint(*known) for known in portion.known_by]

        def work() -> list[bool]:
            answers = self._transaction.add(portion.events, marks, now) if portion.events else []
            rows = [(_NOTES + name, value) for name, value in portion.notes.items()]
            self._database.executemany("INSERT OR REPLACE INTO note VALUES (?, ?)", rows)
            if twice := answers.count(False):
                self._database.execute(_MORE, (_NOTES + DUPLICATES, twice))
            return answers

        return await self._write(work)

    async def notes(self) -> dict[str, int]:
        """Return the numbers that were kept last."""
        rows = await self._ask("SELECT name, value FROM note WHERE name LIKE ?", _NOTES + "%")
        return {name.removeprefix(_NOTES): value for name, value in rows}


def folder_of(spool: SpoolSettings) -> Path:
    """Return the folder of all replays beside a spool's file, over a stream beside this machine's copy."""
    path = Path(spool.copy_path if is_stream_url(spool.path) else spool.path)
    return path.with_name(path.name + _FOLDER)


def scratch_path(spool: SpoolSettings, what: Sequence[object]) -> Path:
    """Return where the replay's file is. ``what``: all that tells it from others, to find it again."""
    name = sha256(json.dumps(what).encode()).hexdigest()[:12]
    return folder_of(spool) / name / "spool.db"


def scratch_paths(spool: SpoolSettings) -> list[Path]:
    """Return the files of all replays that have not ended."""
    return sorted(folder_of(spool).glob("*/spool.db"))


def remove(path: Path) -> None:
    """Remove a replay's files, those of all replays with the last. Raises SpoolInUse while it is running."""
    lock = Lock(path)
    try:
        shutil.rmtree(path.parent)
    finally:
        lock.release()
    if not any(path.parent.parent.iterdir()):
        path.parent.parent.rmdir()
