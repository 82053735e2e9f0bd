"""Faults inside, at any function, chosen by seed: nothing lost, nothing waits for ever, the fault is seen.

``FAULT_SEED=N`` plays one seed of the storms alone.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace

import httpx
import orjson
import pytest
from prometheus_client import REGISTRY

from forwarder.app import Forwarder
from forwarder.config.settings import Settings
from forwarder.delivery import DestinationRoute, SchedulerSettings
from forwarder.server import count_unheard_of
from forwarder.spool import StoredEvent
from tests.support.simulation.faults import Injector, targets
from tests.support.simulation.memory_spool import AsyncSpool
from tests.support.simulation.planner import Planner
from tests.support.simulation.virtual import VirtualLoop, play

NOW = 1_790_000_000_000
STORMS = 60
KINDS = ["track"] * 6 + ["identify", "group", "purchase", "both", "batch"]


class Amplitude:
    """Takes most, refuses some, loses a few; remembers in which order insert ids came first."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.first: dict[tuple[str, str], int] = {}
        self.well = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        mood = (
            "well"
            if self.well
            else self._chance.choices(["well", "503", "500", "429", "user", "broken"], [20, 1, 1, 1, 1, 1])[0]
        )
        if mood in ("well", "500"):
            self._take(request)
        if mood == "broken":
            raise httpx.ReadTimeout("nothing came", request=request)
        if mood == "user":
            return httpx.Response(429, json={"throttled_users": {"u1": 31}})
        status = 200 if mood == "well" else int(mood)
        return httpx.Response(status, json={"code": status})

    def _take(self, request: httpx.Request) -> None:
        if request.headers["content-type"].startswith("application/json"):
            items = orjson.loads(request.content)["events"]
        else:
            items = orjson.loads(httpx.QueryParams(request.content.decode())["identification"])
        for item in items:
            self.first.setdefault((request.url.path, item["insert_id"]), len(self.first))


class Away(Planner):
    """A destination as it is after a reload."""

    url = staticmethod(lambda endpoint: f"http://amplitude.test{endpoint}")  # type: ignore[assignment]


class Play:
    """One run of a forwarder whose functions raise as the injector wants it."""

    def __init__(self, chance: random.Random, injector: Injector, patch: pytest.MonkeyPatch) -> None:
        self.loop = VirtualLoop()
        self.chance = chance
        self.injector = injector
        self.spool = AsyncSpool()
        self.told = False
        """Whether a reload has failed, and said so."""
        self.amplitude = Amplitude(chance)
        transport = httpx.MockTransport(self.amplitude.answer)
        route = DestinationRoute("d", Away(), None, SchedulerSettings(batch_events=chance.choice([3, 2000])))

        async def opened(*_: object) -> AsyncSpool:
            return self.spool

        patch.setattr(
            "forwarder.delivery.service.http_client", lambda: httpx.AsyncClient(transport=transport)
        )
        own = SimpleNamespace(Random=lambda: random.Random(chance.random()))
        patch.setattr("forwarder.delivery.restoring.random", own)
        patch.setattr("forwarder.app.open_configured", opened)
        patch.setattr("forwarder.app.routes", lambda settings: [route])

    def now(self) -> int:
        """Return ms since the epoch."""
        return NOW + round(self.loop.time() * 1000)

    async def run(self) -> None:
        """Accept events and reload while functions raise; then see that all ends."""
        chance, spool = self.chance, self.spool
        asyncio.get_running_loop().set_exception_handler(count_unheard_of)
        forwarder = Forwarder(Settings(), self.now)
        self.injector.on = False
        await forwarder.start()
        self.injector.on = True
        for seq in range(1, 41):
            spool.accept(self.event(seq))
            await asyncio.sleep(chance.choice([0, 0.005, 0.2, 3]))
            if chance.random() < 0.05:
                try:
                    await forwarder.reload(Settings())
                except Exception:
                    self.told = True  # the server logs and counts it
        self.injector.on = False
        self.amplitude.well = True
        kept = spool.kept.destinations["d"]
        began = self.loop.time()
        while kept.waiting(len(spool.kept.events)):
            assert self.loop.time() - began < 3600, f"something waits for ever after {self.injector.raised}"
            await asyncio.sleep(30)
            if chance.random() < 0.3 and len(spool.kept.events) < 60:
                spool.accept(self.event(len(spool.kept.events) + 1))
        await asyncio.sleep(20)
        assert not forwarder.stalled
        await forwarder.stop()

    def event(self, seq: int) -> StoredEvent:
        """Make an event up."""
        user = self.chance.randrange(4)
        body = {"m": f"m{seq}", "u": f"u{user}", "d": f"d{user}", "kind": self.chance.choice(KINDS)}
        return StoredEvent(seq, self.now(), "demo", f"m{seq}", orjson.dumps(body))

    def check(self) -> None:
        """See that everything was delivered, in order; or is a dead letter, for a fault of ours."""
        kept = self.spool.kept.destinations["d"]
        dead = {one.event.seq: one.reason for one in kept.dead.values()}
        reasons = {reason.partition(":")[0] for reason in dead.values()}
        assert reasons <= {"our fault", "cannot be planned"}, reasons
        places: dict[str, list[int]] = defaultdict(list)
        for event in self.spool.kept.events:
            if event.seq in dead:
                continue
            body = orjson.loads(event.body)
            items, _ = Planner().items(body)
            counted = [
                self.amplitude.first.get((item.endpoint, str(item.body["insert_id"]))) for item in items
            ]
            assert None not in counted, f"{event.seq} was lost after {self.injector.raised}"
            places[str(body["u"])] += [place for place in counted if place is not None]
        for user, order in places.items():
            assert order == sorted(order), f"order of {user} was lost after {self.injector.raised}"


def faults_counted() -> float:
    """Return how many faults the metrics show."""
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == "forwarder_faults_total"
    )


def played(chance: random.Random, rate: float, only: str | None, patch: pytest.MonkeyPatch) -> list[str]:
    """Play one run; return what was raised."""
    injector = Injector(chance, rate, only)
    injector.wrap(patch, targets())
    run = Play(chance, injector, patch)
    before = faults_counted()
    play(run.run(), run.loop, patch)
    run.check()
    spool_only = all(one.startswith("AsyncSpool") for one in injector.raised)
    assert spool_only or run.told or faults_counted() > before, "no metric shows it"
    return injector.raised


@pytest.mark.parametrize("block", range(6))
def test_storms_of_faults_lose_nothing(block: int, patched: Callable[[], pytest.MonkeyPatch]) -> None:
    chosen = os.environ.get("FAULT_SEED")
    size = STORMS // 6
    seeds = [int(chosen)] if chosen else range(block * size, (block + 1) * size)
    for seed in seeds:
        chance = random.Random(seed)
        try:
            played(chance, chance.choice([0.0005, 0.003, 0.01]), None, patched())
        except BaseException as error:
            error.add_note(f"play it again with FAULT_SEED={seed}")
            raise


@pytest.mark.parametrize("name", [name for name, _, _ in targets()])
def test_no_function_that_fails_now_and_then_loses_anything(
    name: str, patched: Callable[[], pytest.MonkeyPatch]
) -> None:
    played(random.Random(name), 0.1, name, patched())


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Callable[[], pytest.MonkeyPatch]:
    """Return what undoes the patches of the run before and makes room for the next one's."""

    def anew() -> pytest.MonkeyPatch:
        monkeypatch.undo()
        return monkeypatch

    return anew
