"""A model of the spool, as plain lists, and the steps that are done to both."""

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from forwarder.errors import SpoolFull
from forwarder.spool import NewDead, NewEvent, Parked, Settlement, Spool, StoredEvent
from tests.support.spools import Where, somewhere

NOW = 1_790_000_000_000
MAX_EVENTS = 20
MAX_BYTES = 500
LANES = ("a", "b", "c")
DESTINATIONS = ("one", "two")
groups = st.sampled_from(LANES)
destinations = st.sampled_from(DESTINATIONS)
bodies = st.builds(
    lambda number, size: (f"m{number}", f"{number}".ljust(size).encode()),
    st.integers(0, 199),
    st.sampled_from([3, 3, 10, 90]),
)
"""A message id and a body."""
requests = st.lists(st.lists(bodies, min_size=1, max_size=6), min_size=1, max_size=2)
fates = st.sampled_from(["delivered", "parked", "dead"])
KINDS = frozenset(
    {"accepted", "duplicate", "full of events", "full of bytes", "settled", "delivered", "parked", "dead"}
    | {"unparked", "parked again", "died parked", "merged", "merged beside", "sent again", "dropped"}
    | {"reopened", "let go"}
)


class SpoolMachine(RuleBasedStateMachine):
    """What is remembered here in plain lists has to come out of the spool."""

    reached: ClassVar[Counter[str]]
    max_bytes = MAX_BYTES
    kinds = KINDS

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.seen: set[str] = set()
        self.all: dict[int, StoredEvent] = {}
        self.cursors = dict.fromkeys(DESTINATIONS, 0)
        self.parked: dict[tuple[str, int], Parked] = {}
        self.dead: dict[int, tuple[str, StoredEvent]] = {}
        self.deaths = 0
        self.ended: Counter[str] = Counter()
        self.redriven: Counter[str] = Counter()
        self.steps_since_open = 0
        self.place = self.where()
        self.spool = self.open()

    def where(self) -> Where:
        return somewhere(None, self.folder)

    def open(self) -> Spool:
        async def opened() -> Spool:
            spool = await self.place.open(MAX_EVENTS, self.max_bytes)
            assert await spool.attach(list(self.cursors)) == self.cursors
            return spool

        return self.runner.run(opened())

    def waiting(self) -> list[StoredEvent]:
        first = min(self.cursors.values())
        return [one for seq, one in self.all.items() if seq > first]

    def bounded(self) -> tuple[int, int]:
        """Return events and bytes that count against the bounds: what waits or is parked, not the dead."""
        held = [*self.waiting(), *(one.event for one in self.parked.values())]
        return len(held), sum(len(one.body) for one in held)

    @rule(requests=requests)
    def append(self, requests: list[list[tuple[str, bytes]]]) -> None:
        """Requests come at once, and may be committed together; each gets what it would get in turn."""

        async def appended() -> list[list[bool] | BaseException]:
            return await asyncio.gather(
                *(
                    self.spool.append([NewEvent("demo", name, body) for name, body in events], NOW)
                    for events in requests
                ),
                return_exceptions=True,
            )

        for events, answer in zip(requests, self.runner.run(appended()), strict=True):
            self.answered(events, answer)

    def answered(self, events: list[tuple[str, bytes]], answer: list[bool] | BaseException) -> None:
        fresh = {name: body for name, body in reversed(events) if name not in self.seen}
        new = [
            name in fresh and name not in {other for other, _ in events[:at]}
            for at, (name, _) in enumerate(events)
        ]
        held, size = self.bounded()
        many = held + len(fresh) > MAX_EVENTS
        large = size + sum(map(len, fresh.values())) > self.max_bytes
        if fresh and (many or large):
            assert isinstance(answer, SpoolFull), "no room, nothing is kept"
            self.reached["full of events"] += many
            self.reached["full of bytes"] += large and not many
            return
        assert answer == new
        self.reached["accepted"] += len(fresh)
        self.reached["duplicate"] += new.count(False)
        for (name, body), is_new in zip(events, new, strict=True):
            if is_new:
                seq = len(self.all) + 1
                self.all[seq] = StoredEvent(seq, NOW, "demo", name, body)
        self.seen.update(fresh)

    def settle(self, destination: str, settlement: Settlement) -> None:
        """Settle, and do the same in the model."""
        before = len(self.waiting())
        self.runner.run(self.spool.settle(destination, settlement, NOW))
        self.cursors[destination] = settlement.cursor
        for seq in settlement.unpark:
            del self.parked[destination, seq]
        self.parked.update(((destination, one.event.seq), one) for one in settlement.park)
        for one in settlement.dead:
            self.deaths += 1
            self.dead[self.deaths] = (destination, one.event)
        for key, parked in self.parked.items():
            if key[0] == destination and parked.group in settlement.merge:
                self.parked[key] = parked._replace(group=settlement.merge[parked.group])
        self.ended[destination] += sum(settlement.ended.values())
        self.reached["let go"] += before - len(self.waiting())

    @precondition(lambda self: min(self.cursors.values()) < len(self.all))
    @rule(data=st.data(), outcomes=st.lists(st.tuples(fates, groups), min_size=1, max_size=12))
    def pass_on(self, data: st.DataObject, outcomes: list[tuple[str, str]]) -> None:
        """The next events of a destination are delivered, parked in a lane or dead."""
        behind = [name for name, cursor in self.cursors.items() if cursor < len(self.all)]
        destination = data.draw(st.sampled_from(behind))
        cursor = self.cursors[destination]
        park, dead, ended = [], [], 0
        events = [self.all[seq] for seq in range(cursor + 1, len(self.all) + 1)]
        for event, (fate, group) in zip(events, outcomes, strict=False):
            cursor = event.seq
            self.reached[fate] += 1
            if fate == "parked":
                park.append(Parked(event, group, (f"key of {group}", f"{event.seq}"), b"s"))
            else:
                ended += 1
            if fate == "dead":
                dead.append(NewDead(event, "why", b"{}", b""))
        self.reached["settled"] += 1
        self.settle(destination, Settlement(cursor, park=park, dead=dead, ended={("ended", ""): ended}))

    @precondition(lambda self: self.parked)
    @rule(data=st.data(), outcomes=st.lists(st.tuples(fates, groups), min_size=1, max_size=6))
    def turn_to_parked(self, data: st.DataObject, outcomes: list[tuple[str, str]]) -> None:
        """Parked events of a destination are delivered, parked once more or dead."""
        destination = data.draw(st.sampled_from(sorted({name for name, _ in self.parked})))
        events = [one.event for (name, _), one in self.parked.items() if name == destination]
        park, dead, unpark = [], [], []
        for event, (fate, group) in zip(events, outcomes, strict=False):
            if fate == "parked":
                park.append(Parked(event, group, ("another",), b"again"))
                continue
            unpark.append(event.seq)
            if fate == "dead":
                dead.append(NewDead(event, "why", b"{}", b""))
        self.reached["parked again"] += len(park)
        self.reached["died parked"] += len(dead)
        self.reached["unparked"] += len(unpark) - len(dead)
        ended = {("ended", ""): len(unpark)}
        self.settle(destination, Settlement(self.cursors[destination], park, unpark, dead, {}, ended))

    @precondition(lambda self: any(one.group for one in self.parked.values()))
    @rule(data=st.data(), into=groups)
    def merge(self, data: st.DataObject, into: str) -> None:
        """A lane of one destination becomes part of another one; lanes of that name elsewhere stay."""
        filled = {(destination, one.group) for (destination, _), one in self.parked.items() if one.group}
        beside = {(name, group) for name, group in filled if sum(other == group for _, other in filled) > 1}
        destination, group = data.draw(st.sampled_from(sorted(beside or filled)))
        into = next(name for name in (into, *LANES) if name != group)
        self.reached["merged"] += 1
        self.reached["merged beside"] += bool(beside)
        self.settle(destination, Settlement(self.cursors[destination], merge={group: into}))

    @precondition(lambda self: self.dead)
    @rule(data=st.data(), again=st.booleans())
    def retry_or_drop(self, data: st.DataObject, again: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.dead)))
        act = self.spool.retry if again else self.spool.drop
        assert self.runner.run(act([number])) == 1
        destination, event = self.dead.pop(number)
        self.reached["sent again" if again else "dropped"] += 1
        if again:
            self.redriven[destination] += 1
            self.parked[destination, event.seq] = Parked(event, "", (), b"")

    @precondition(lambda self: self.steps_since_open > 8)
    @rule()
    def reopen(self) -> None:
        self.runner.run(self.spool.close())
        self.spool = self.open()
        self.steps_since_open = 0
        self.reached["reopened"] += 1

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        self.steps_since_open += 1
        self.runner.run(self.compare())

    async def compare(self) -> None:
        waiting, spool = self.waiting(), self.spool
        assert await spool.read(0, 1000) == waiting
        counts = await spool.counts()
        assert (counts.events, counts.bytes) == (len(waiting), sum(len(one.body) for one in waiting))
        letters = await spool.dead()
        assert {one.number: (one.destination, one.event) for one in letters} == self.dead
        for destination in DESTINATIONS:
            ours = {seq: one for (where, seq), one in sorted(self.parked.items()) if where == destination}
            dead = {event.seq for where, event in self.dead.values() if where == destination}
            for group in {one.group for one in ours.values()}:
                kept = [one for one in ours.values() if one.group == group]
                assert await spool.parked(destination, group, 0, 1000) == kept
            assert {one.name: (one.keys, one.events) for one in await spool.groups(destination)} == {
                group: (
                    frozenset(key for one in ours.values() if one.group == group for key in one.keys),
                    sum(one.group == group for one in ours.values()),
                )
                for group in {one.group for one in ours.values()}
            }
            assert await spool.aside(destination, 0) == ours.keys() | dead
            standing = counts.destinations[destination]
            behind = len(self.all) - self.cursors[destination] + len(ours)
            assert (standing.parked, standing.dead) == (len(ours), len(dead))
            assert (standing.accepted, standing.waiting) == (len(self.all), behind)
            assert sum(standing.ended.values()) == self.ended[destination]
            assert standing.redriven == self.redriven[destination]
            assert standing.accepted == self.ended[destination] - standing.redriven + standing.waiting

    def teardown(self) -> None:
        self.runner.run(self.spool.close())
        self.runner.close()
        shutil.rmtree(self.folder)
