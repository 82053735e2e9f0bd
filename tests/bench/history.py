"""History: what writing it costs an event. ``python -m tests.bench.history [events]`` prints a line of JSON.

Cost is CPU of the whole process, ingest and spool with its commits and settlements, with history and without;
both take events in turn, and the cheapest round of each counts. What finding takes: ``finding``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from forwarder.spool import Settlement
from forwarder.spool.history import HOUR_MS, KEEP_BYTES, Ended
from tests.bench.session_costs import page_events
from tests.support.sessions import START, Front
from tests.support.spools import at, opened

NOW = 1_790_000_000_000
BATCH, TOGETHER = 100, 4
"""Events of a request, and requests that come at once."""
ROUNDS = 5


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
    made = page_events(range(events), events, START)
    best = {KEEP_BYTES: float("inf"), 0: float("inf")}
    for _ in range(ROUNDS):
        for most_bytes in best:
            with tempfile.TemporaryDirectory(prefix="bench-history-") as name:
                used = asyncio.run(_accepted(Path(name), made, most_bytes))
                best[most_bytes] = min(best[most_bytes], used / events * 1e6)
    return {"us/event with history": best[KEEP_BYTES], "us/event without": best[0]}


def measure(events: int = 20_000) -> dict[str, float]:
    """Return CPU microseconds of an event, with history and without."""
    return _cost(events)


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:2]))))
