"""The spool in one SQLite file: WAL, synchronous=FULL, group commit, range deletes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from forwarder.errors import SpoolDamaged, SpoolFull
from forwarder.spool.interface import (
    Counts,
    DeadLetter,
    Lane,
    NewEvent,
    Parked,
    Settlement,
    Spooled,
)
from forwarder.spool.lock import Lock
from forwarder.spool.schema import connect, open_database
from forwarder.spool.seen import Seen, fingerprint
from forwarder.spool.writer import Writer

T = TypeVar("T")
Row = tuple[Any, ...]

RETRY_AFTER = 10
"""Seconds a sender is asked to wait when the bound is reached."""
RETRY_AFTER_DISK = 30
RESERVE = 8 * 1024 * 1024
"""Bytes kept back on the disk, so that on a full one deliveries can still be written down."""
_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class SqliteSpool:
    """See ``Spool``. One process serves from a file at a time; tools may open it beside that one."""

    def __init__(self, path: Path, *, max_events: int, max_bytes: int, tool: bool = False) -> None:
        """Open or make the file. ``tool``: only dead letters and counts are wanted, beside a forwarder.

        Raises SpoolDamaged where the file cannot be used or another forwarder serves from it.
        """
        self._path = path
        self._max_events, self._max_bytes = max_events, max_bytes
        # Within the writer's open transaction: marks given, and where the file will stand.
        self._pending: set[int] = set()
        self._version = 0
        self._draft_total = self._draft_last = 0
        self._lock = None if tool else Lock(path)
        try:
            self._database = open_database(path)
            self._reader = connect(path)
            self._seen = None if tool else Seen(path)
            self._load()
        except BaseException:
            if self._lock:
                self._lock.release()
            raise
        self._reads = ThreadPoolExecutor(1, "spool-reader")
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Callable[[], None]] = []
        self._writer = Writer(self._database, self._begin, self._loop)

    def _load(self) -> None:
        """Read where the file stands; what is in it is marked as seen."""
        ask = self._database.execute
        first = ask("SELECT seq, total - length(body) FROM event ORDER BY seq").fetchone()
        self._first: int
        self._before: int
        self._first, self._before = first or (0, 0)
        last = ask("SELECT seq, total FROM event ORDER BY seq DESC").fetchone()
        self._last: int
        self._total: int
        self._last, self._total = last or (0, 0)
        if not self._first:
            row = ask("SELECT seq FROM sqlite_sequence WHERE name='event'").fetchone()
            self._last = row[0] if row else 0
            self._first = self._last + 1
        self._measure_aside()
        if self._seen is not None:
            ask("DELETE FROM note WHERE name='closed'")
            self._reserve()
            # The last marks may be missing after a crash; those further back were set long before it.
            rows = ask("SELECT at, source, message_id FROM event ORDER BY seq DESC LIMIT 10000").fetchall()
            if rows:
                self._seen.add([fingerprint(source, name) for _, source, name in rows], rows[0][0])

    def _measure_aside(self) -> None:
        """Count what is parked or dead, which is bounded together with what waits."""
        self._aside_events, self._aside_bytes = self._database.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM"
            " (SELECT length(body) AS size FROM parked UNION ALL SELECT length(body) FROM dead)"
        ).fetchone()

    def _reserve(self) -> None:
        reserve = self._path.with_name(self._path.name + "-reserve")
        if reserve.exists():
            return
        try:
            with reserve.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE)
        except OSError:  # the disk is full already: the bound is what stops accepting
            reserve.unlink(missing_ok=True)

    # -- accepting

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        """See ``Spool``."""
        if self._seen is None:
            raise SpoolDamaged(f"{self._path} was opened beside a forwarder; send events to that one")
        seen, marks = self._seen, [fingerprint(event.source, event.message_id) for event in events]
        new: list[int] = []

        def work() -> list[bool]:
            new.clear()
            seen.expire(now)
            answers, rows, total = [], [], self._draft_total
            for event, mark in zip(events, marks, strict=True):
                fresh = mark not in self._pending and not seen.has(mark)
                answers.append(fresh)
                if fresh:
                    self._pending.add(mark)
                    new.append(mark)
                    total += len(event.body)
                    rows.append((now, event.source, event.message_id, total, event.body))
            if rows:
                self._check_bounds(len(rows), total, new)
                self._database.executemany(
                    "INSERT INTO event (at, source, message_id, total, body) VALUES (?,?,?,?,?)", rows
                )
                self._draft_total = total
                self._draft_last += len(rows)
            return answers

        def after() -> None:
            self._total, self._last = self._draft_total, self._draft_last
            seen.add(new, now)

        answers = await self._write(work, after)
        for call in self._listeners:
            call()
        return answers

    def on_append(self, call: Callable[[], None]) -> Callable[[], None]:
        """See ``Spool``."""
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    def _begin(self) -> None:
        self._pending.clear()
        self._draft_total, self._draft_last = self._total, self._last

    def _check_bounds(self, events: int, total: int, marks: list[int]) -> None:
        held = self._draft_last - self._first + 1 + self._aside_events
        size = total - self._before + self._aside_bytes
        if held + events <= self._max_events and size <= self._max_bytes:
            return
        self._pending.difference_update(marks)
        marks.clear()
        what = f"{held} events, {size} bytes with this request"
        raise SpoolFull(f"the spool is full ({what}); deliveries must catch up first", RETRY_AFTER)

    async def _write(self, work: Callable[[], T], after: Callable[[], None] = lambda: None) -> T:
        try:
            return cast(T, await self._writer.submit(work, after))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in _DISK:
                where = f"{self._path}: {error}; free space on its disk"
                raise SpoolFull(where, RETRY_AFTER_DISK) from None
            raise

    # -- delivering

    async def attach(self, destinations: Sequence[str]) -> dict[str, int]:
        """See ``Spool``."""

        def work() -> dict[str, int]:
            ask = self._database.execute
            known = dict(ask("SELECT destination, seq FROM cursor").fetchall())
            cursors = {name: known.get(name, self._first - 1) for name in destinations}
            ask("DELETE FROM cursor")
            self._database.executemany("INSERT INTO cursor VALUES (?,?)", cursors.items())
            return cursors

        return await self._write(work)

    async def read(self, after: int, limit: int) -> list[Spooled]:
        """See ``Spool``."""
        if after >= self._last:
            return []
        rows = await self._ask(
            "SELECT seq, at, source, message_id, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            after,
            limit,
        )
        return list(map(Spooled._make, rows))

    async def settle(self, destination: str, settlement: Settlement, now: int) -> None:
        """See ``Spool``."""
        trimmed: list[tuple[int, int]] = []
        aside = [0, 0]

        def work() -> None:
            trimmed.clear()
            aside[:] = self._set_aside(destination, settlement, now)
            ask = self._database.execute
            ask("UPDATE cursor SET seq = ? WHERE destination = ?", (settlement.cursor, destination))
            lowest = ask("SELECT min(seq) FROM cursor").fetchone()[0]
            if lowest is not None and lowest >= self._first:
                ask("DELETE FROM event WHERE seq <= ?", (lowest,))
                row = ask("SELECT seq, total - length(body) FROM event ORDER BY seq").fetchone()
                trimmed.append(row or (self._draft_last + 1, self._draft_total))

        def after() -> None:
            for self._first, self._before in trimmed:
                pass
            self._aside_events += aside[0]
            self._aside_bytes += aside[1]

        try:
            await self._write(work, after)
        except SpoolFull:
            await self._loop.run_in_executor(self._reads, self._relieve)
            await self._write(work, after)

    def _set_aside(self, destination: str, settlement: Settlement, now: int) -> tuple[int, int]:
        """Write the tables of parked and dead; return by how many events and bytes they grew."""
        change = self._database
        events = size = 0
        gone = [*settlement.unpark, *(parked.event.seq for parked in settlement.park)]
        for seq in gone:
            row = change.execute(
                "DELETE FROM parked WHERE destination=? AND seq=? RETURNING length(body)", (destination, seq)
            ).fetchone()
            if row:
                events, size = events - 1, size - row[0]
        for parked in settlement.park:
            event = parked.event
            change.execute(
                "INSERT INTO parked VALUES (?,?,?,?,?,?,?,?,?)",
                (destination, parked.lane, event.seq, "\n".join(parked.keys), parked.state, *event[1:]),
            )
            events, size = events + 1, size + len(event.body)
        for lane, into in settlement.merge.items():
            change.execute(
                "UPDATE parked SET lane=? WHERE destination=? AND lane=?", (into, destination, lane)
            )
        for dead in settlement.dead:
            change.execute(
                "INSERT INTO dead"
                " (destination, died_at, reason, detail, state, seq, at, source, message_id, body)"
                " VALUES (?,?,?,?,?,?,?,?,?,?)",
                (destination, now, dead.reason, dead.detail, dead.state, *dead.event),
            )
            events, size = events + 1, size + len(dead.event.body)
        return events, size

    def _relieve(self) -> None:
        """Make room on a full disk: give up the reserve and empty the log into the file."""
        self._path.with_name(self._path.name + "-reserve").unlink(missing_ok=True)
        self._reader.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    async def lanes(self, destination: str) -> list[Lane]:
        """See ``Spool``."""
        rows = await self._ask(
            "SELECT lane, keys, count(*) FROM parked WHERE destination = ? GROUP BY lane, keys", destination
        )
        lanes: dict[str, Lane] = {}
        for name, keys, events in rows:
            lane = lanes.get(name, Lane(name, frozenset(), 0))
            lanes[name] = Lane(name, lane.keys.union(keys.split("\n") if keys else ()), lane.events + events)
        return list(lanes.values())

    async def aside(self, destination: str, after: int) -> set[int]:
        """See ``Spool``."""
        rows = await self._ask(
            "SELECT seq FROM parked WHERE destination = ?1 AND seq > ?2"
            " UNION SELECT seq FROM dead WHERE destination = ?1 AND seq > ?2",
            *(destination, after),
        )
        return {row[0] for row in rows}

    async def parked(self, destination: str, lane: str, after: int, limit: int) -> list[Parked]:
        """See ``Spool``."""
        rows = await self._ask(
            "SELECT seq, at, source, message_id, body, lane, keys, state FROM parked"
            " WHERE destination = ? AND lane = ? AND seq > ? ORDER BY seq LIMIT ?",
            *(destination, lane, after, limit),
        )
        return [
            Parked(Spooled._make(row[:5]), row[5], tuple(row[6].split("\n")) if row[6] else (), row[7])
            for row in rows
        ]

    # -- dead letters

    async def dead(
        self, destination: str | None = None, after: int = 0, limit: int = 100, number: int | None = None
    ) -> list[DeadLetter]:
        """See ``Spool``."""
        rows = await self._ask(
            "SELECT number, destination, died_at, seq, at, source, message_id, body, reason, detail, state"
            " FROM dead WHERE number > ?1 AND (?2 IS NULL OR destination = ?2)"
            " AND (?3 IS NULL OR number = ?3) ORDER BY number LIMIT ?4",
            *(after, destination, number, limit),
        )
        return [DeadLetter._make((*row[:3], Spooled._make(row[3:8]), *row[8:])) for row in rows]

    async def retry(self, numbers: Sequence[int]) -> int:
        """See ``Spool``."""

        def work() -> int:
            for number in numbers:
                self._database.execute(
                    "INSERT INTO parked SELECT destination, '', seq, '', state, at, source, message_id, body"
                    " FROM dead WHERE number = ?",
                    (number,),
                )
            return self._forget(numbers)

        return await self._write(work, self._measure_aside)

    async def drop(self, numbers: Sequence[int]) -> int:
        """See ``Spool``."""
        return await self._write(lambda: self._forget(numbers), self._measure_aside)

    def _forget(self, numbers: Sequence[int]) -> int:
        delete = "DELETE FROM dead WHERE number = ?"
        return sum(self._database.execute(delete, (number,)).rowcount for number in numbers)

    # -- looking, ending

    async def counts(self) -> Counts:
        """See ``Spool``."""
        await self._write(self._notice_tools)
        oldest = await self._ask("SELECT at FROM event ORDER BY seq LIMIT 1")
        of_events = await self._ask(
            "SELECT count(*), coalesce(max(total) - min(total - length(body)), 0) FROM event"
        )
        return Counts(
            events=of_events[0][0],
            bytes=of_events[0][1],
            oldest_at=oldest[0][0] if oldest else None,
            parked=dict(await self._ask("SELECT destination, count(*) FROM parked GROUP BY destination")),
            dead=dict(await self._ask("SELECT destination, count(*) FROM dead GROUP BY destination")),
        )

    def _notice_tools(self) -> None:
        """Count again where another process, a tool for dead letters, has written."""
        version = self._database.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version = version
            self._measure_aside()

    async def _ask(self, question: str, *values: object) -> list[Row]:
        def ask() -> list[Row]:
            return self._reader.execute(question, values).fetchall()

        return await self._loop.run_in_executor(self._reads, ask)

    async def close(self) -> None:
        """See ``Spool``."""
        await self._writer.close()
        await self._loop.run_in_executor(None, self._reads.shutdown)
        self._reader.close()
        if self._seen is not None:
            self._database.execute("INSERT OR REPLACE INTO note VALUES ('closed', 1)")
            self._seen.close()
        self._database.close()
        if self._lock:
            self._lock.release()
