"""Finding in large histories: ``python -m tests.bench.finding [events]`` prints one line of JSON.

Rows are written straight into the tables, as the writer of history writes them: ten million events in a few
minutes. Then single events are looked for, those of users and sessions of all ages, of nobody, and of a
name; each question as ``forwarder events find`` asks it, with how the events ended.
"""

from __future__ import annotations

import json
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from forwarder.history import finding
from forwarder.history.filters import Filters
from forwarder.spool import Settlement
from forwarder.spool.history import Ended, SentBatch
from forwarder.spool.sqlite import history_rows
from forwarder.spool.sqlite.history_rows import Entry
from forwarder.spool.sqlite.schema import open_database
from tests.bench import visitors

NOW: Final = 1_790_000_000_000
ROW: Final = 100
"""Events of a row: the fewest that fill one, as the writer has them of requests of 100."""
SETTLED: Final = 200
"""Events of a settlement."""
_SAMPLES: Final = 5_000
_STAY: Final = 10_000
_VISITORS: Final = 1_000
"""Visitors who are there at a time, and events until others are: ten of each, as in ``visitors``."""
ASKED: Final = 60
"""Questions of each kind."""


class Ids(NamedTuple):
    """Who an event is of."""

    message: str
    user: str
    device: str
    session: str


def ids_of(seq: int) -> Ids:
    """Return the ids of the event with that seq."""
    visitor = seq // _STAY * _VISITORS + (seq * 7919) % _VISITORS
    chance = random.Random(visitor).getrandbits(122)
    digits = f"{(seq * 0x9E3779B97F4A7C15) % 2**128:032x}"
    device = f"{chance:032x}"
    return Ids(
        f"ajs-next-{NOW + seq}-{digits}",
        f"user-{visitor:08}",
        f"{device[:8]}-{device[8:12]}-4{device[13:16]}-9{device[17:20]}-{device[20:]}",
        str(NOW + seq // _STAY * _STAY * 10 + visitor % _VISITORS),
    )


def _samples() -> list[list[bytes]]:
    """Return events as JSON, each cut where its message id, user, device and session stand."""
    made = []
    visits = visitors.visits()
    for _ in range(_SAMPLES):
        event = next(visits) | {"messageId": "\1", "userId": "\1", "anonymousId": "\1"}
        event["integrations"] = {"Actions Amplitude": {"session_id": "\1"}}
        event |= {"receivedAt": "2026-09-21T14:13:20.000Z", "originalTimestamp": event["timestamp"]}
        order = ("messageId", "userId", "anonymousId", "integrations")
        sorted_event = {name: event.pop(name) for name in order} | event
        made.append(orjson.dumps(sorted_event).split(b'"\\u0001"'))
    return made


def _entries(first: int, count: int, samples: list[list[bytes]], total: int) -> Iterator[Entry]:
    for seq in range(first, first + count):
        ids = ids_of(seq)
        parts = samples[seq % len(samples)]
        values = (b'"%b"' % ids.message.encode(), b'"%b"' % ids.user.encode(), b'"%b"' % ids.device.encode())
        body = b"".join((parts[0], values[0], parts[1], values[1], parts[2], values[2], parts[3]))
        body += ids.session.encode() + parts[4]
        total += len(body)
        yield (seq, NOW + seq, "demo", ids.message, body, total), None, None


def fill(path: Path, events: int) -> int:
    """Write a spool whose history has so many events, all delivered; return the bytes of all bodies."""
    samples = _samples()
    total = stored = 0
    with closing(open_database(path, durable=False)) as database:
        for first in range(1, events + 1, ROW):
            if (first - 1) % (50 * ROW) == 0:
                if database.in_transaction:
                    database.execute("COMMIT")
                database.execute("BEGIN")
            row = list(_entries(first, min(ROW, events + 1 - first), samples, total))
            total = row[-1][0][5]
            stored += history_rows.insert(database, row, stored)
            for start in range(first, row[-1][0][0] + 1, SETTLED):
                upto = min(start + SETTLED - 1, events)
                sent = SentBatch(
                    "/2/httpapi", NOW, NOW + 40, 200, "", b'{"code":200}', SETTLED, [(start, upto)]
                )
                ends = [Ended("delivered", "", start, upto)]
                history_rows.settle(database, "one", Settlement(upto, ends=ends, sent=[sent]), NOW + upto)
        database.execute("INSERT INTO sqlite_sequence VALUES ('event', ?)", (events,))
        database.execute("COMMIT")
    return total


def ask(database: sqlite3.Connection, questions: list[Filters]) -> dict[str, float]:
    """Return the milliseconds that questions take: the half's, and all but a twentieth's; of these the CPU's.

    The difference to CPU is what the disk takes, and other programs.
    """
    took, used = [], []
    for one in questions:
        began, cpu = time.perf_counter(), time.process_time()
        finding.find(database, one, 50)
        took.append((time.perf_counter() - began) * 1000)
        used.append((time.process_time() - cpu) * 1000)
    return {
        "p50 ms": statistics.median(took),
        "p95 ms": statistics.quantiles(took, n=20)[18],
        "CPU p95 ms": statistics.quantiles(used, n=20)[18],
    }


def measure(events: int) -> dict[str, float]:
    """Return all figures of a history of so many events."""
    with tempfile.TemporaryDirectory(prefix="bench-finding-") as name:
        path = Path(name, "spool.db")
        began = time.perf_counter()
        size = fill(path, events)
        seconds = time.perf_counter() - began
        kept = sum(one.stat().st_size for one in path.parent.iterdir())
        chance = random.Random(events)
        chosen = [ids_of(chance.randrange(1, events + 1)) for _ in range(ASKED)]
        kinds: dict[str, Callable[[Ids], Filters]] = {
            "message": lambda ids: Filters(message=ids.message),
            "user": lambda ids: Filters(user=ids.user),
            "session": lambda ids: Filters(session=ids.session),
            "nobody": lambda ids: Filters(user=ids.user + "-"),
            "name": lambda ids: Filters(name="Order Completed"),
        }
        figures = {"events": float(events), "bytes/event": kept / events, "of": size / events}
        with closing(open_database(path, tool=True)) as database:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for kind, of in kinds.items():
                found = ask(database, [of(ids) for ids in chosen])
                figures |= {f"{kind} {what}": value for what, value in found.items()}
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    return {**figures, "MB for asking": memory / 1024, "s to fill": seconds}


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:2] or ["100000"]))))
