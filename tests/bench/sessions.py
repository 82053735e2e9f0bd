"""Sessions: what giving events one costs, what closing costs, and what a million devices take.

``python -m tests.bench.sessions`` prints one line of JSON. Costs are CPU of the whole process, ingest and
spool with its commits, with and without; all take events in turn, and the cheapest round of each counts.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from forwarder.sessions.book import SessionBook
from forwarder.sessions.facts import PAGE, SessionFacts, SessionRules, device_key, user_key
from forwarder.sessions.renaming import SessionNames
from forwarder.sessions.rows import SessionRow
from forwarder.sessions.stamp import opening
from tests.bench import load
from tests.support.sessions import Front, stamp
from tests.support.spools import at, opened

BATCH = 100
"""Events of a request."""
DEVICES = 2_000
"""Devices that the events are of."""
EACH = 5
"""Events of a session where closing is measured, as on a shop's pages."""
ROUNDS = 5
COMMIT = 400
"""Events of a commit while many devices are filled in."""


def _events(count: int, given: bool) -> list[dict[str, Any]]:
    """Return a page's events at the moment at which they are sent. ``given``: with the plugin's id."""
    made = []
    for number in range(count):
        event = {**load.event(), "anonymousId": f"{number % DEVICES:036}", "messageId": f"m{number:030}"}
        event["context"] = {**event.get("context", {}), "library": {"name": "analytics.js"}}
        event["integrations"] = stamp(1_795_000_000_000) if given else {}
        made.append({name: value for name, value in event.items() if name != "timestamp"})
    return made


async def _taken(folder: Path, session: dict[str, Any], events: list[dict[str, Any]]) -> float:
    """Return CPU seconds of taking the events in requests of ``BATCH``."""
    async with opened(at(folder / "spool.db"), 10**7, 10**10) as spool:
        front = Front(spool, session)
        bodies = [front.body(*events[start : start + BATCH]) for start in range(0, len(events), BATCH)]
        began = time.process_time()
        for body in bodies:
            await front.post(body)
        return time.process_time() - began


def _cost(session: dict[str, Any], events: list[dict[str, Any]]) -> float:
    with tempfile.TemporaryDirectory(prefix="bench-sessions-") as name:
        return asyncio.run(_taken(Path(name), session, events)) / len(events) * 1e6


def _closing(sessions: int) -> float:
    """Return CPU microseconds of finding that sessions are over, for each of their events."""
    rules = SessionRules(source="shop", close=True)
    book, now = SessionBook(), 1_795_000_000_000
    facts = [_facts(rules, number, now) for number in range(sessions)]
    book.assign(facts, now)
    book.committed()
    began = time.process_time()
    ends = []
    while found := book.end({"shop": rules}, now + 1_900_000, 0):
        ends += found
        book.committed()
    assert len(ends) == sessions
    return (time.process_time() - began) / (sessions * EACH) * 1e6


def _facts(rules: SessionRules, number: int, time_ms: int) -> SessionFacts:
    device, user = device_key("", f"{number:036}"), user_key("", f"user-{number:08}")
    return SessionFacts(rules, PAGE, device, user, time_ms, None, opening(None))


def _many(devices: int) -> dict[str, float]:
    """Return what many devices take: memory, bytes in the spool, and seconds to read them at a start.

    Both for each device at a tenth and at the end: what grows faster than the devices shows.
    """
    rules, book, now = SessionRules(source="shop"), SessionBook(), 1_795_000_000_000
    gc.collect()
    before, rows = _memory(), []
    tenth: dict[str, float] = {}
    for start in range(0, devices, COMMIT):
        facts = [_facts(rules, number, now) for number in range(start, min(devices, start + COMMIT))]
        book.begin()
        book.assign(facts, now)
        row = book.changed(now)
        book.committed()
        if row is not None:
            rows.append(row)
        if not tenth and len(book) >= devices // 10:
            tenth = _taking(book, rows, before)
    whole = _taking(book, rows, before)
    began = time.process_time()
    SessionBook().load(rows, SessionNames())
    return {
        "devices": devices,
        **{f"{name} at a tenth": value for name, value in tenth.items()},
        **whole,
        "read s": time.process_time() - began,
    }


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
    without, given = _events(40_000 // part, given=False), _events(40_000 // part, given=True)
    off, web = {"assign": "off"}, {"assign": "web"}
    ways: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
        "off": (off, without),
        "assigning": (web, without),
        "closing": ({**web, "close": True}, without),
        "off, given": (off, given),
        "given": (web, given),
    }
    costs: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, (session, events) in ways.items():
            costs[name] = min(costs.get(name, 1e9), _cost(session, events))
    watching = costs["closing"] - costs["assigning"]
    return {
        "us/event off": costs["off"],
        "assigning us/event": costs["assigning"] - costs["off"],
        "given id us/event": costs["given"] - costs["off, given"],
        "closing us/event": max(0.0, watching) + _closing(100_000 // part),
        **_many(1_000_000 // part),
    }


if __name__ == "__main__":
    print(json.dumps({"bench": "sessions", **measure()}))
