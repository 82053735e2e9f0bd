"""The spool against a model of it: whatever is done in whatever order, and however often it is reopened."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from forwarder.errors import SpoolFull
from forwarder.spool import NewDead, NewEvent, Parked, Settlement, Spool, Spooled
from forwarder.spool.jetstream import keeper
from tests.nats import Nats, Where, somewhere

NOW = 1_790_000_000_000
MOST = 20
names = st.sampled_from([f"m{n}" for n in range(60)])
destinations = st.sampled_from(["one", "two"])


class SpoolMachine(RuleBasedStateMachine):
    """What is remembered here in plain lists has to come out of the spool."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.seen: set[str] = set()
        self.all: dict[int, Spooled] = {}
        self.cursors = {"one": 0, "two": 0}
        self.parked: dict[tuple[str, int], Parked] = {}
        self.dead: dict[int, tuple[str, Spooled]] = {}
        self.deaths = 0
        self.place = self.where()
        self.spool = self.open()

    def where(self) -> Where:
        return somewhere(None, self.folder)

    def open(self) -> Spool:
        async def opened() -> Spool:
            spool = await self.place.open(MOST)
            await spool.attach(list(self.cursors))
            return spool

        return self.runner.run(opened())

    def held(self) -> int:
        waiting = sum(seq > min(self.cursors.values()) for seq in self.all)
        return waiting + len(self.parked) + len(self.dead)

    @rule(chosen=st.lists(names, min_size=1, max_size=12))
    def append(self, chosen: list[str]) -> None:
        fresh = [name for number, name in enumerate(chosen) if name not in self.seen | set(chosen[:number])]
        events = [NewEvent("demo", name, name.encode()) for name in chosen]
        try:
            answers = self.runner.run(self.spool.append(events, NOW))
        except SpoolFull:
            assert self.held() + len(fresh) > MOST
            return
        assert [name for name, new in zip(chosen, answers, strict=True) if new] == fresh
        assert self.held() + len(fresh) <= MOST or not fresh
        for name in fresh:
            seq = len(self.all) + 1
            self.all[seq] = Spooled(seq, NOW, "demo", name, name.encode())
        self.seen.update(fresh)

    @precondition(lambda self: self.all)
    @rule(
        destination=destinations,
        steps=st.integers(1, 9),
        fates=st.text("pdx", min_size=9, max_size=9),
    )
    def settle(self, destination: str, steps: int, fates: str) -> None:
        cursor = self.cursors[destination]
        events = [self.all[seq] for seq in range(cursor + 1, min(cursor + steps, len(self.all)) + 1)]
        park = [
            Parked(one, "lane", ("k",), b"s") for one, fate in zip(events, fates, strict=False) if fate == "p"
        ]
        dead = [
            NewDead(one, "why", b"{}", b"") for one, fate in zip(events, fates, strict=False) if fate == "d"
        ]
        self.cursors[destination] = cursor + len(events)
        settlement = Settlement(self.cursors[destination], park=park, dead=dead)
        self.runner.run(self.spool.settle(destination, settlement, NOW))
        self.parked.update(((destination, one.event.seq), one) for one in park)
        for one in dead:
            self.deaths += 1
            self.dead[self.deaths] = (destination, one.event)

    @precondition(lambda self: self.parked)
    @rule(data=st.data())
    def unpark(self, data: st.DataObject) -> None:
        destination, seq = data.draw(st.sampled_from(sorted(self.parked)))
        settlement = Settlement(self.cursors[destination], unpark=[seq])
        self.runner.run(self.spool.settle(destination, settlement, NOW))
        del self.parked[destination, seq]

    @precondition(lambda self: self.dead)
    @rule(data=st.data(), again=st.booleans())
    def retry_or_drop(self, data: st.DataObject, again: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.dead)))
        act = self.spool.retry if again else self.spool.drop
        assert self.runner.run(act([number])) == 1
        destination, event = self.dead.pop(number)
        if again:
            self.parked[destination, event.seq] = Parked(event, "", (), b"")

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.spool.close())
        self.spool = self.open()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        first = min(self.cursors.values())
        waiting = [one for seq, one in self.all.items() if seq > first]
        assert self.runner.run(self.spool.read(0, 1000)) == waiting
        counts = self.runner.run(self.spool.counts())
        assert counts.events == len(waiting)
        assert counts.bytes == sum(len(one.body) for one in waiting)
        for destination in self.cursors:
            for lane in ("lane", ""):
                kept = self.runner.run(self.spool.parked(destination, lane, 0, 1000))
                ours = [one for (where, _), one in sorted(self.parked.items()) if where == destination]
                assert kept == [one for one in ours if one.lane == lane]
            aside = {seq for where, seq in self.parked if where == destination}
            aside |= {event.seq for where, event in self.dead.values() if where == destination}
            assert self.runner.run(self.spool.aside(destination, 0)) == aside
        letters = self.runner.run(self.spool.dead())
        assert {one.number: (one.destination, one.event) for one in letters} == self.dead

    def teardown(self) -> None:
        self.runner.run(self.spool.close())
        self.runner.close()
        shutil.rmtree(self.folder)


class StreamMachine(SpoolMachine):
    """In a stream, whose records are told again every now and then."""

    server: ClassVar[Nats]

    def where(self) -> Where:
        return somewhere(self.server, self.folder)


@pytest.fixture(autouse=True)
def _telling_often(nats: Nats, monkeypatch: pytest.MonkeyPatch) -> None:
    StreamMachine.server = nats
    monkeypatch.setattr(keeper, "SNAPSHOT_BYTES", 1_000)


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestStream = StreamMachine.TestCase
TestStream.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
