"""A replay under way: it keeps its window, and drops events of users that are deleted meanwhile."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import orjson
import pytest

from forwarder.amplitude import AmplitudeDestination
from forwarder.cli.erasing import wait_until_known
from forwarder.delivery import DestinationRoute, SchedulerSettings
from forwarder.replay import run
from forwarder.replay.batch_planner import for_history
from forwarder.replay.run import Progress, Replay
from forwarder.replay.scratch import Portion, ScratchSpool
from forwarder.spool import NewEvent
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import marks_for
from tests.support.waiting import PATIENCE_S

KEYS = {"apiKey": "key", "secretKey": "secret"}


def now() -> int:
    return time.time_ns() // 1_000_000


class Amplitude:
    """Takes what it gets once it is ``up``."""

    def __init__(self) -> None:
        self.up = False
        self.users: list[str] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            return httpx.Response(503)
        self.users += [one["user_id"] for one in json.loads(request.content)["events"]]
        return httpx.Response(200, json={"code": 200})


class Numbers:
    """Supplies events of two users in turn, ten at a time."""

    def __init__(self, events: int) -> None:
        self.events = events

    def is_over(self, notes: Mapping[str, int]) -> bool:
        return notes.get("position", 0) >= self.events

    async def next(self, notes: Mapping[str, int], now: int) -> Portion:
        begin = notes.get("position", 0)
        numbers = range(begin, min(begin + 10, self.events))
        made = [
            NewEvent(
                "demo", f"m{n}", orjson.dumps({"type": "track", "event": "E", "userId": f"user-{n % 2}"})
            )
            for n in numbers
        ]
        return Portion(made, [("", str(n)) for n in numbers], {"position": begin + 10})


def replay(spool: ScratchSpool, amplitude: Amplitude, events: int, rate: float) -> Replay:
    route = DestinationRoute(
        "amplitude", AmplitudeDestination(KEYS), settings=SchedulerSettings(linger_ms=10)
    )
    http = httpx.AsyncClient(transport=httpx.MockTransport(amplitude.handle))
    return Replay(spool, [for_history(route)], Numbers(events), now, rate, http)


async def test_events_of_users_that_are_deleted_meanwhile_are_dropped(tmp_path: Path) -> None:
    path, amplitude, stop = tmp_path / "spool.db", Amplitude(), asyncio.Event()
    spool = ScratchSpool(path)
    there = asyncio.Event()

    def show(progress: Progress) -> None:
        if progress.waiting == 100:
            there.set()

    running = asyncio.create_task(replay(spool, amplitude, 100, 100_000).run(show, stop))
    await there.wait()
    tool = SqliteSpool(path, max_events=1, max_bytes=1, tool=True)
    number = await tool.mark_users(marks_for(["user-1"], [""], 0), now())
    await wait_until_known(tool, number, PATIENCE_S)
    await tool.close()
    amplitude.up = True
    last = await running
    await spool.close()
    assert amplitude.users == ["user-0"] * 50
    assert last.standings["amplitude"].ended == {
        ("delivered", ""): 50,
        ("filtered", "user deleted"): 50,
    }


async def test_no_more_is_supplied_than_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the destination takes nothing, the scratch spool does not grow."""
    monkeypatch.setattr(run, "_LEAST_WINDOW", 30)
    amplitude, stop = Amplitude(), asyncio.Event()
    spool = ScratchSpool(tmp_path / "spool.db")
    seen: list[int] = []

    def show(progress: Progress) -> None:
        seen.append(progress.waiting)
        if len(seen) == 8:
            stop.set()

    last = await replay(spool, amplitude, 1_000, 20).run(show, stop)
    await spool.close()
    assert max(seen) == last.waiting <= 39
    assert last.held_back.keys() <= {"amplitude"}
