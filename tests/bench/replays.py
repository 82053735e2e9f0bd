"""A replay beside live traffic: what live events notice of it, cut off by kill -9 in the middle.

Events lie in the history of a forwarder that serves. Live events are sent at an even pace while all the
others are replayed, and every other few seconds the replay stands still (SIGSTOP): so both kinds of seconds
see the same machine, whoever else uses it, and what the replay is to blame for is the difference.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from forwarder.spool.sqlite import stored_events
from tests.bench import load
from tests.bench.programs import running
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from tests.bench.forwarder import Bench

LIVE: Final = 500
"""Live events a second."""
KILLED_AT: Final = 0.3
"""The part of the events that has come when the replay is killed."""
_LOOK_S: Final = 0.2
_NICENESS: Final = 10
"""Of the stand-in that a replay sends to, as of the replay itself."""


def measure(bench: Bench, events: int, rate: int, seconds: int) -> dict[str, float]:
    """Return what live events notice of a replay. ``seconds``: of live traffic in a row beside it or without.

    Ends the program where an event is missing, or one of a user came before an earlier one.
    """
    bench.empty()
    with bench.forwarder() as (_, port):
        before = bench.counts().events
        past = (load.batch(100).replace(b"ZGVtbzo=", b"cGFzdDo=") for _ in range(events // 100))
        asyncio.run(load.post_all(port, past, 4))
        bench.wait(before + events)
        _live(bench, port, seconds)
        with running("tests.bench.sink") as sink:  # Amplitude is no program on this machine
            os.setpriority(os.PRIO_PROCESS, sink.process.pid, _NICENESS)
            there = sink.port()
            config = (bench.folder / "forwarder.toml").read_text()
            (bench.folder / "replay.toml").write_text(config.replace(f":{bench.sink}", f":{there}"))
            replay = _Replay(bench.folder / "replay.toml", there, round(events * KILLED_AT), rate)
            beside: list[list[int]] = []
            alone: list[list[int]] = []
            took = 0.0
            while replay.is_alive():
                began = time.monotonic()
                beside.append(_live(bench, port, seconds))
                took += time.monotonic() - began
                with replay.standing_still():
                    alone.append(_live(bench, port, seconds))
            replay.join()
            if replay.printed is None:
                raise SystemExit("bench: the replay failed")
            order = _order_at(there)
    check_order(order, _events_of(bench.folder / "spool.db"))
    figures = {"events": float(events), "killed at": float(replay.killed_at), "events/s": events / took}
    with_it, without = _p99([*chain(*beside)]), _p99([*chain(*alone)])
    figures |= {"live p99 ms beside it": with_it, "without": without, "beside / without": with_it / without}
    usual = statistics.median(map(_p99, beside)) / statistics.median(map(_p99, alone))
    return {**figures, "of the median p99": usual}


def _live(bench: Bench, port: int, seconds: int) -> list[int]:
    """Send live events and return how old each was when it arrived, ms; not of the first second."""
    before = bench.counts()
    asyncio.run(load.post_paced(port, LIVE, 1))
    before = bench.wait(before.events + LIVE)
    asyncio.run(load.post_paced(port, LIVE, seconds))
    return bench.wait(before.events + LIVE * seconds).ages


class _Replay(threading.Thread):
    """A replay that is killed once so many events have come, and then taken up."""

    def __init__(self, config: Path, sink: int, kill_at: int, rate: int) -> None:
        super().__init__()
        self._command = [sys.executable, "-m", "forwarder", "replay", "--config", str(config)]
        self._command += ["--source", "past", "--rate", str(rate)]
        self._sink, self._kill_at = sink, kill_at
        self._process = self._begin()
        self.killed_at = 0
        self.printed: bytes | None = None
        self.start()

    def _begin(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self) -> None:
        """Run it, kill it, run it again."""
        while self._process.poll() is None and (came := _came(self._sink)) < self._kill_at:
            time.sleep(_LOOK_S)
        self._process.kill()
        self._process.communicate()
        self.killed_at = came
        self._process = self._begin()
        printed, _ = self._process.communicate()
        if self._process.returncode == 0 and b"taking up" in printed:
            self.printed = printed
        else:
            print(printed.decode())

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Have it do nothing for as long as the block lasts."""
        process = self._process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)


def _came(sink: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{sink}/_/came") as answer:
        return int(answer.read())


def _order_at(sink: int) -> list[str]:
    """Return the ends of the message ids that came by the Batch endpoint, each where it came first."""
    with urllib.request.urlopen(f"http://127.0.0.1:{sink}/_/order") as answer:
        found: list[str] = json.load(answer)
    return found


def _events_of(spool: Path) -> dict[str, tuple[str, int]]:
    """Return of the events that are replayed, but for identifications, whose each is, and its seq.

    By the end of the message id; identifications go to another endpoint.
    """
    found = {}
    with closing(sqlite3.connect(spool)) as database:
        for seq, _, source, message_id, body, _ in stored_events.events(database, 0):
            event = orjson.loads(body)
            if source == "past" and event["type"] != "identify":
                found[message_id[-32:]] = (event["anonymousId"], seq)
    return found


def check_order(order: list[str], events: dict[str, tuple[str, int]]) -> None:
    """Check that all came, those of each user in order. Ends the program if not."""
    last: dict[str, int] = {}
    for message_id in order:
        user, seq = events[message_id]
        if seq < last.get(user, 0):
            raise SystemExit(f"bench: event {seq} of {user} came after event {last[user]}")
        last[user] = seq
    if missing := events.keys() - set(order):
        raise SystemExit(f"bench: {len(missing):,} of {len(events):,} events did not come by the replay")


def _p99(ages: list[int]) -> float:
    return statistics.quantiles(ages, n=100)[98]
