"""One life of a spool with faults inside, beside a twin without: each change is all or nothing.

After a change that failed the spool has to hold what the twin holds with or without that change.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

from forwarder.errors import SpoolError
from forwarder.spool import NewDead, NewEvent, Parked, Settlement, StoredEvent
from forwarder.spool.history import TurnedAway
from forwarder.spool.jetstream.control import Desk
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.jetstream.spool import JetStreamSpool
from forwarder.spool.sqlite.lock import Lock
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import UserMark
from tests.support.fake_stream import FakeConnection, FakeStream
from tests.support.simulation.spool_faults import FILE, STREAM, SpoolInjector, is_expected
from tests.support.spools import NOW
from tests.support.waiting import PATIENCE_S

STEPS = 20
DESTINATIONS = ["one", "two"]
KINDS = ["letter", "letter", "attach", "expire", "mark", "alarm"]
Change = Callable[[SqliteSpool], Awaitable[object]]


class InFile:
    """Where a spool in a file is opened again and again."""

    owners = FILE

    def __init__(self, folder: Path) -> None:
        self._path = folder / "spool.db"

    async def open(self) -> SqliteSpool:
        """Open it."""
        return SqliteSpool(self._path, max_events=10_000, max_bytes=10**7)


class InStream:
    """Where a spool in a stream in memory is opened, each time as another machine does."""

    owners = FILE + STREAM

    def __init__(self, folder: Path) -> None:
        self._path = folder / "copy.db"
        self._stream = FakeStream()

    async def open(self) -> SqliteSpool:
        """Take the stream over."""
        lock = Lock(self._path)
        try:
            opened = cast(Any, FakeConnection(self._stream))
            own = Log(opened)
            began = await own.begin()
            copy = Replica(self._path, own)
            try:
                await copy.catch_up(began)
                copy.finish()
            finally:
                copy.close()
            desk = Desk(opened)
            await desk.open()
            return JetStreamSpool(
                own, self._path, copy.contents, desk, lock, max_events=10_000, max_bytes=10**7
            )
        except BaseException:
            lock.release()
            raise


class Storm:
    """One life of a spool and its twin."""

    def __init__(
        self, place: InFile | InStream, twin: Path, chance: random.Random, faults: SpoolInjector
    ) -> None:
        self.place, self.chance, self.faults = place, chance, faults
        self.twin = SqliteSpool(twin, max_events=10_000, max_bytes=10**7)
        self.spool: Any = None
        self.heard: list[int] = []
        self.names = 0
        self.accepted: set[str] = set()
        self.steps: Counter[str] = Counter()

    async def open(self) -> None:
        """Open the spool, with faults once; what an opening that failed left does not keep out the next."""
        self.faults.on = self.spool is not None
        [opened] = await asyncio.gather(self.place.open(), return_exceptions=True)
        self.faults.on = False
        if isinstance(opened, BaseException):
            assert is_expected(opened), self.faults.raised
            opened = await self.place.open()
        self.spool = opened
        first = await self.spool.counts()
        last = (await self.twin.read(0, 10_000))[-1:]
        self.heard = [last[0].seq] if last and first.events else []
        self.spool.on_append(self._hear)

    def _hear(self, events: Sequence[StoredEvent]) -> None:
        assert not self.heard or events[0].seq == self.heard[-1] + 1, (
            "an event was passed over, or came twice"
        )
        self.heard += [event.seq for event in events]

    async def play(self) -> None:
        """Do one thing after the other; see after each that nothing is lost or half done."""
        await self.open()
        await self.attach()
        for _ in range(STEPS):
            kind = self.chance.choice(["append"] * 3 + ["settle"] * 3 + KINDS)
            await getattr(self, kind)()
        await self.spool.close()
        await self.open()
        assert await seen(self.spool) == await seen(self.twin)
        await self.spool.close()
        await self.twin.close()

    async def append(self) -> None:
        """Requests come at once; each is durable or was refused, as its sender is told."""
        requests = [self.made_up() for _ in range(self.chance.randrange(1, 4))]
        before, in_loop = len(self.faults.raised), self.faults.in_loop
        answers = await self.under_fire(*(self.spool.append(events, NOW) for events in requests))
        quiet = await self.works() and self.faults.in_loop == in_loop
        await self.mend()
        there = {one.message_id for one in await self.spool.read(0, 10_000)}
        for events, answer in zip(requests, answers, strict=True):
            new = {one.message_id for one in events} - self.accepted
            applied = bool(new) and new <= there
            if isinstance(answer, BaseException):
                assert applied or not new & there, f"half of a request, after {self.faults.raised[before:]}"
                assert not (applied and quiet), f"refused and kept, after {self.faults.raised[before:]}"
                self.steps["refused"] += 1
            if applied or not isinstance(answer, BaseException):
                expected = await self.twin.append(events, NOW)
                assert isinstance(answer, BaseException) or answer == expected
                self.accepted |= new
        await self.compare("append")

    def made_up(self) -> list[NewEvent]:
        """Return a request; some of its events came with an earlier one, or come twice."""
        names: list[str] = []
        for _ in range(self.chance.randrange(1, 5)):
            kind = self.chance.random()
            if kind < 0.1 and self.accepted:
                names.append(self.chance.choice(sorted(self.accepted)))
            elif kind < 0.2 and names:
                names.append(names[-1])
            else:
                self.names += 1
                names.append(f"m{self.names}")
        sizes = (self.chance.choice([4, 90, 900]) for _ in names)
        return [
            NewEvent("demo", name, name.ljust(size).encode()) for name, size in zip(names, sizes, strict=True)
        ]

    async def settle(self) -> None:
        """Events of a destination are delivered, parked or dead; parked ones come back."""
        name = self.chance.choice(DESTINATIONS)
        cursor = (await self.twin.attach(DESTINATIONS))[name]
        park, dead, unpark, ended = [], [], [], 0
        for event in await self.twin.read(cursor, self.chance.randrange(8)):
            cursor, fate = event.seq, self.chance.randrange(4)
            ended += fate != 0
            if fate == 0:
                park.append(Parked(event, self.chance.choice("ab"), (f"u{event.seq % 3}",), b"s"))
            elif fate == 1:
                dead.append(NewDead(event, "why", b"{}", b""))
        for back in await self.twin.parked(
            name, self.chance.choice(["a", "b", ""]), 0, self.chance.randrange(4)
        ):
            unpark.append(back.event.seq)
            ended += 1
        merge = {"a": "b"} if self.chance.random() < 0.2 else {}
        counts = {("delivered", ""): ended} if ended else {}
        settlement = Settlement(cursor, park, unpark, dead, merge, counts)
        await self.change("settle", lambda spool: spool.settle(name, settlement, NOW))

    async def letter(self) -> None:
        """A dead letter is sent again or dropped."""
        letters = await self.twin.dead()
        if letters:
            number = self.chance.choice(letters).number
            if self.chance.random() < 0.5:
                await self.change("retry", lambda spool: spool.retry([number]))
            else:
                await self.change("drop", lambda spool: spool.drop([number]))

    async def attach(self) -> None:
        """The destinations are looked at anew, as after a reload."""
        await self.change("attach", lambda spool: spool.attach(DESTINATIONS))

    async def expire(self) -> None:
        """What is due to go is looked for, and what ended at ingest is written."""
        self.spool.turn_away([TurnedAway(NOW, "demo", "bad", "rejected", "not_json", b"{")])
        await self.change("turned away", lambda spool: spool.write_turned_away())
        await self.change("expire", lambda spool: spool.expire(NOW))

    async def alarm(self) -> None:
        """A stream is taken for one that somebody has purged, and written again."""
        if isinstance(self.spool, JetStreamSpool):
            self.spool._replicator.complete()
            await self.change("written again", lambda spool: spool.attach(DESTINATIONS))

    async def mark(self) -> None:
        """A user is deleted; deliveries are told."""
        marks = [UserMark(b"m" * 16, b"k" * 16, "", 0, NOW)]
        await self.change("mark", lambda spool: spool.mark_users(marks, NOW))
        number = await self.twin.erasure()
        await self.change("told", lambda spool: spool.erasure_done(number))
        await self.change("forget", lambda spool: spool.forget_sessions())

    async def change(self, name: str, change: Change) -> None:
        """Have a change made, again where it failed; what it was to do is never done by half."""
        for _ in range(50):
            before = await seen(self.twin)
            in_loop = self.faults.in_loop
            [answer] = await self.under_fire(change(self.spool))
            failed = isinstance(answer, BaseException)
            quiet = await self.works() and self.faults.in_loop == in_loop
            await self.mend()
            if failed and await seen(self.spool) == before:
                self.steps[f"{name} failed"] += 1
                continue
            assert not (failed and quiet and name != "settle"), (
                f"{name} failed and was done: {self.faults.raised}"
            )
            expected = await change(self.twin)
            assert failed or answer == expected
            break
        await self.compare(name)

    async def under_fire(self, *calls: Awaitable[object]) -> list[object]:
        """Return what calls return or raise while functions fail; none waits for ever."""
        self.faults.on = True
        try:
            async with asyncio.timeout(PATIENCE_S):
                answers = await asyncio.gather(*calls, *self.looks(), return_exceptions=True)
        except TimeoutError:
            raise AssertionError(f"somebody waits for ever after {self.faults.raised}") from None
        finally:
            self.faults.on = False
        for answer in answers:
            if isinstance(answer, BaseException) and not is_expected(answer):
                raise AssertionError(f"after {self.faults.raised}") from answer
        return answers[: len(calls)]

    def looks(self) -> list[Awaitable[object]]:
        """Return what others ask meanwhile."""
        spool = self.spool
        every: list[Callable[[], Awaitable[object]]] = [
            *(lambda: spool.read(0, 100), spool.counts, spool.dead, lambda: spool.groups("one")),
            *(lambda: spool.aside("one", 0), lambda: spool.parked("two", "a", 0, 10)),
            *(spool.marks, spool.erasure),
        ]
        return [ask() for ask in self.chance.sample(every, 2)]

    async def works(self) -> bool:
        """Tell whether the next change finds the spool well: what failed last may show by then only."""
        with contextlib.suppress(SpoolError):
            await self.spool._write(lambda: None)
        return self.spool.failure is None

    async def mend(self) -> None:
        """Open the spool again where it is lost, as the next process does."""
        if self.spool.failure is not None:
            assert isinstance(await self.spool.lost(), SpoolError)
            assert str(self.spool.failure), "nobody would know why"
            self.steps["lost"] += 1
            await self.spool.close()
            await self.open()

    async def compare(self, name: str) -> None:
        self.steps[name] += 1
        for found, right in zip(await seen(self.spool), await seen(self.twin), strict=True):
            assert found == right, f"{name}, after {self.faults.raised}"
        for standing in (await self.spool.counts()).destinations.values():
            assert standing.accepted == sum(standing.ended.values()) - standing.redriven + standing.waiting


async def seen(spool: SqliteSpool) -> list[object]:
    """Return all that a spool holds."""
    parked = [await spool.parked(name, group, 0, 1000) for name in DESTINATIONS for group in ("a", "b", "")]
    counts = (await spool.counts())._replace(refused_at=None)
    events = [(one.seq, one.message_id, one.body) for one in await spool.read(0, 10_000)]
    erased = await spool.erasure(), await spool.marks()
    return [[seq for seq, _, _ in events], events, parked, await spool.dead(), counts, erased]
