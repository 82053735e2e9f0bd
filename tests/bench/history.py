"""History: what writing it costs an event, its bytes, and how long finding one event takes.

``python -m tests.bench.history [events]`` prints one line of JSON. Cost is CPU of the whole process, ingest
and spool with its commits and settlements, with history and without; both take events in turn, and the
cheapest round of each counts. Ten million events take an hour and 2 GB: by hand.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from forwarder.history import finding
from forwarder.history.filters import Filters
from forwarder.spool import NewEvent, Settlement
from forwarder.spool.history import HOUR_MS, KEEP_BYTES, Ended
from tests.bench import load
from tests.bench.sessions import _events
from tests.support.sessions import Front
from tests.support.spools import at, opened

NOW = 1_790_000_000_000
BATCH, TOGETHER = 100, 4
"""Events of a request, and requests that come at once."""
ROUNDS = 5
ASKED = 40
"""Questions of each kind."""


async def _accepted(folder: Path, events: list[dict[str, Any]], most_bytes: int) -> float:
    """Return CPU seconds of accepting and settling events, with so many bytes of history or none."""
    async with opened(at(folder / "spool.db"), 10**7, 10**10) as spool:
        spool.bound_history(most_bytes, 72 * HOUR_MS)
        await spool.attach(["one"])
        front, count = Front(spool), len(events)
        bodies = [front.body(*events[start : start + BATCH]) for start in range(0, count, BATCH)]
        began = time.process_time()
        for start in range(0, len(bodies), TOGETHER):
            some = bodies[start : start + TOGETHER]
            await asyncio.gather(*map(front.post, some))
            upto = min(count, (start + len(some)) * BATCH)
            ends = [Ended("delivered", "", start * BATCH + 1, upto)]
            ended = {("delivered", ""): upto - start * BATCH}
            await spool.settle("one", Settlement(upto, ended=ended, ends=ends), front.now)
        return time.process_time() - began


def _cost(events: int) -> dict[str, float]:
    """Return CPU microseconds of an event, with history and without."""
    made = _events(events, given=True)
    best = {KEEP_BYTES: float("inf"), 0: float("inf")}
    for _ in range(ROUNDS):
        for most_bytes in best:
            with tempfile.TemporaryDirectory(prefix="bench-history-") as name:
                used = asyncio.run(_accepted(Path(name), made, most_bytes))
                best[most_bytes] = min(best[most_bytes], used / events * 1e6)
    return {"us/event with history": best[KEEP_BYTES], "us/event without": best[0]}


async def _filled(path: Path, events: int) -> tuple[list[str], list[str], int]:
    """Fill a spool with ended events; return some message ids and users, and bytes of all events."""
    ids, users, size = [], [], 0
    async with opened(at(path), 10**8, 10**12) as spool:
        spool.bound_history(10**12, 72 * HOUR_MS)
        await spool.attach(["one"])
        for done in range(0, events, 1000):
            made = [load.event() for _ in range(1000)]
            rows = [NewEvent("demo", str(one["messageId"]), orjson.dumps(one)) for one in made]
            size += sum(len(one.body) for one in rows)
            await spool.append(rows, NOW)
            await spool.settle(
                "one", Settlement(done + 1000, ends=[Ended("delivered", "", done + 1, done + 1000)]), NOW
            )
            if done % max(1000, events // ASKED) < 1000:
                ids.append(rows[500].message_id)
                users.append(str(made[500].get("userId") or ""))
    return ids, [one for one in users if one], size


def _find(database: sqlite3.Connection, filters: list[Filters]) -> list[float]:
    """Return the milliseconds of each question."""
    took = []
    for one in filters:
        began = time.perf_counter()
        assert finding.find(database, one, 20)
        took.append((time.perf_counter() - began) * 1000)
    return took


def measure(events: int = 200_000) -> dict[str, float]:
    """Return all figures. ``events``: in history where they are looked for."""
    figures = _cost(20_000)
    with tempfile.TemporaryDirectory(prefix="bench-history-") as name:
        path = Path(name, "spool.db")
        ids, users, size = asyncio.run(_filled(path, events))
        with closing(sqlite3.connect(path)) as database:
            bodies = database.execute("SELECT sum(length(body)) FROM history").fetchone()[0]
            index = database.execute("SELECT sum(length(hashes)) FROM history_hash").fetchone()[0]
            by_id = _find(database, [Filters(message=one) for one in ids])
            by_user = _find(database, [Filters(user=one) for one in users])
    return {
        **figures,
        "events": events,
        "bytes/event": (bodies + index) / events,
        "of": size / events,
        "find id p50 ms": statistics.median(by_id),
        "max": max(by_id),
        "find user p50 ms": statistics.median(by_user) if users else 0.0,
        "max ": max(by_user, default=0.0),
    }


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:2]))))
