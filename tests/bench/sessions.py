"""Sessions: what giving events one costs, what closing costs, and what a million devices take.

``python -m tests.bench.sessions`` prints one line of JSON. What they cost: ``session_costs``.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import tempfile
import time
from pathlib import Path

from forwarder.sessions.book import SessionBook
from forwarder.sessions.facts import PAGE, SessionFacts, SessionRules, device_key, user_key
from forwarder.sessions.renaming import SessionNames
from forwarder.sessions.rows import SessionRow
from forwarder.sessions.stamp import opening
from tests.bench import session_costs
from tests.support.sessions import START

EACH = 5
"""Events of a session where closing is measured, as on a shop's pages."""
COMMIT = 400
"""Events of a commit while many devices are filled in."""
FEW = 25
"""Commits of devices that are known where not all are: those that come within some minutes."""
TURNS = 60


def _closing(sessions: int) -> float:
    """Return CPU microseconds of finding that sessions are over and of noting it, for each of their events.

    The Session Ended that is sent is an event of its own.
    """
    rules = SessionRules(source="shop", close=True)
    book = SessionBook()
    for start in range(0, sessions, COMMIT):
        _transaction(book, [_facts(rules, number) for number in range(start, min(sessions, start + COMMIT))])
    ends, used, now = 0, 0.0, START + 1_900_000
    while book.is_due(now):
        began = time.thread_time()
        book.begin()
        found = book.end({"shop": rules}, now, 0)
        book.changed(now)
        book.committed()
        used += time.thread_time() - began
        ends += len(found)
    assert ends == sessions
    return used / (sessions * EACH) * 1e6


def _facts(rules: SessionRules, number: int) -> SessionFacts:
    device, user = device_key("", session_costs.device_id(number)), user_key("", f"user-{number:08}")
    return SessionFacts(rules, PAGE, device, user, START, None, opening(None))


def _transaction(book: SessionBook, facts: list[SessionFacts]) -> SessionRow:
    book.begin()
    book.assign(facts, START)
    row = book.changed(START)
    book.committed()
    assert row is not None
    return row


def _many(devices: int) -> tuple[dict[str, float], list[SessionRow]]:
    """Return what many devices take: memory, bytes in the spool, and seconds to read them at a start.

    Both for each device at a tenth and at the end: what grows faster than the devices shows. Beside it, the
    spool's rows once there are as many as may be.
    """
    rules, book = SessionRules(source="shop"), SessionBook()
    gc.collect()
    before, rows = _memory(), []
    tenth: dict[str, float] = {}
    for start in range(0, devices, COMMIT):
        some = range(start, min(devices, start + COMMIT))
        rows.append(_transaction(book, [_facts(rules, number) for number in some]))
        if not tenth and len(book) >= devices // 10:
            tenth = _taking(book, rows, before)
    whole = _taking(book, rows, before)
    began = time.process_time()
    SessionBook().load(rows, SessionNames())
    figures = {
        "devices": devices,
        **{f"{name} at a tenth": value for name, value in tenth.items()},
        **whole,
        "read s": time.process_time() - began,
    }
    return figures, _crowded(book, rows, devices)


def _crowded(book: SessionBook, rows: list[SessionRow], devices: int) -> list[SessionRow]:
    """Return a book's rows with more events of its devices, in turn, until there are as many as may be."""
    rules, start = SessionRules(source="shop"), 0
    while not book.is_crowded():
        some = range(start, min(devices, start + COMMIT))
        rows.append(_transaction(book, [_facts(rules, number) for number in some]))
        start = some.stop % devices
    return rows


def _taking(book: SessionBook, rows: list[SessionRow], before: float) -> dict[str, float]:
    """Return what a device takes, the rows' bytes apart. ``before``: memory without all of it, in MB."""
    gc.collect()
    size = sum(len(row.body) for row in rows)
    grown = _memory() - before - size / 1e6
    return {"memory bytes/device": grown * 1e6 / len(book), "spool bytes/device": size / len(book)}


def _memory() -> float:
    """Return the memory that this process has, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def measure(part: int = 1) -> dict[str, float]:
    """Return all figures. ``part``: how much less is to be done. Collections are set as in the forwarder."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    devices = 1_000_000 // part
    state, rows = _many(devices)
    few = SessionBook()
    few.load(rows[:FEW], SessionNames())
    costs = _costs(_crowded(few, rows[:FEW], FEW * COMMIT), FEW * COMMIT, part)
    beside_all = _costs(rows, devices, part)
    ending = _closing(100_000 // part)
    return {
        **costs,
        "closing us/event": max(0.0, costs["watching us/event"]) + ending,
        **{f"{name}, all known": value for name, value in beside_all.items()},
        **state,
    }


def _costs(known: list[SessionRow], devices: int, part: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-sessions-") as name:
        return asyncio.run(session_costs.measure(Path(name), known, devices, max(6, TURNS // part)))
