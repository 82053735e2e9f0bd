"""Delivery's decisions under a virtual clock and a seeded schedule of faults; no process, no waiting.

A schedule makes up users, events, Amplitude's moods and crashes from one seed. The world plays it and
checks what must hold at every moment and at the end.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import orjson

from forwarder.amplitude.answers import HOLD_MS, HOLD_OTHER_MS, Answer
from forwarder.amplitude.endpoints import Endpoint
from forwarder.amplitude.items import Item
from forwarder.delivery.batch import BOUNDS, Batch
from forwarder.delivery.line import Line, LineSettings
from forwarder.errors import ForwarderError, PayloadError
from forwarder.outcomes import Outcome
from forwarder.spool import Lane, NewDead, Parked, Settlement, Spooled

START = 1_790_000_000_000
MINUTE = 60_000


class Planner:
    """Plans the simulation's little events: ``kind`` says what Amplitude is to get."""

    api_key = secret_key = "k"
    url = staticmethod(str)

    def items(self, event: Mapping[str, object]) -> tuple[Sequence[Item], Sequence[ForwarderError]]:
        ids = {"user_id": event["u"], "device_id": event["d"], "insert_id": event["m"]}
        track = Item(Endpoint.HTTPAPI, ids)
        identify = Item(Endpoint.IDENTIFY, ids)
        group = Item(Endpoint.GROUPIDENTIFY, {**ids, "group_type": "g", "group_value": "v"}, None, True)
        kinds: dict[object, list[Item]] = {
            "track": [track],
            "identify": [identify],
            "group": [identify, group],
            "purchase": [
                track,
                *(Item(Endpoint.HTTPAPI, {**ids, "insert_id": f"{event['m']}-{n}"}) for n in (2, 3)),
            ],
            "both": [identify, track],
            "short": [Item(Endpoint.HTTPAPI, ids, 1)],
            "filtered": [],
            "invalid": [],
        }
        errors = [PayloadError({"$.time": "is no time"})] if event["kind"] == "invalid" else []
        return kinds[event["kind"]], errors


@dataclass
class MemorySpool:
    """What a real spool keeps, and nothing of what a crash takes."""

    events: dict[int, Spooled] = field(default_factory=dict)
    cursor: int = 0
    parked: dict[int, Parked] = field(default_factory=dict)
    dead: list[NewDead] = field(default_factory=list)

    def settle(self, settlement: Settlement) -> None:
        assert settlement.cursor >= self.cursor
        self.cursor = settlement.cursor
        for seq in settlement.unpark:
            del self.parked[seq]
        self.parked.update((one.event.seq, one) for one in settlement.park)
        for lane, into in settlement.merge.items():
            for seq, one in self.parked.items():
                if one.lane == lane:
                    self.parked[seq] = one._replace(lane=into)
        self.dead += settlement.dead
        for seq in [seq for seq in self.events if seq <= self.cursor]:
            del self.events[seq]

    def lanes(self) -> list[Lane]:
        lanes: dict[str, list[Parked]] = defaultdict(list)
        for one in self.parked.values():
            lanes[one.lane].append(one)
        return [
            Lane(name, frozenset(key for one in rows for key in one.keys), len(rows))
            for name, rows in lanes.items()
        ]

    def aside(self) -> set[int]:
        return set(self.parked) | {one.event.seq for one in self.dead}

    def lane(self, name: str, limit: int) -> list[Parked]:
        return sorted(
            (one for one in self.parked.values() if one.lane == name), key=lambda one: one.event.seq
        )[:limit]


class Amplitude:
    """Takes, refuses, loses: what it counted is what the checks go by."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.calm = False
        self.counted: dict[tuple[str, str], int] = {}
        """(endpoint, insert id) to the order in which it was first counted."""
        self.throttled: dict[str, int] = {}
        self.invalid: set[str] = set()
        self.poison: set[str] = set()

    def count(self, batch: Batch) -> None:
        for part in batch.parts:
            body = orjson.loads(part.data)
            self.counted.setdefault((part.endpoint, body["insert_id"]), len(self.counted))

    def receive(self, batch: Batch, now: int) -> Answer:
        bodies = [orjson.loads(part.data) for part in batch.parts]
        if any(body["insert_id"] in self.poison for body in bodies):
            return Answer(500)
        mood = "well" if self.calm else self.chance.choices(*MOODS)[0]
        if mood in ("500 taken", "broken taken"):
            self.count(batch)
        if mood == "429":
            ids = sorted({str(body["user_id"]) for body in bodies if body["user_id"]})
            users = self.chance.sample(ids, (len(ids) + 1) // 2)
            self.throttled.update(dict.fromkeys(users, now + HOLD_MS.get(batch.endpoint, HOLD_OTHER_MS)))
            said = {"code": 429, "throttled_users": dict.fromkeys(users, 40), "throttled_events": []}
            return Answer(429, orjson.dumps(said))
        if mood != "well":
            return ANSWERS[mood]
        bad = [index for index, body in enumerate(bodies) if body["insert_id"] in self.invalid]
        if bad:
            named = bad[:1] if batch.endpoint is Endpoint.HTTPAPI else bad
            return Answer(400, orjson.dumps({"code": 400, "events_with_invalid_fields": {"time": named}}))
        if len(bodies) > 3 and batch.endpoint is Endpoint.BATCH:
            return Answer(413, b"{}")
        self.count(batch)
        return Answer(200, b"{}")


ANSWERS = {
    "500 taken": Answer(500),
    "500": Answer(500),
    "503": Answer(503),
    "413": Answer(413, b'{"code":413,"error":"Payload too large"}'),
    "429 all": Answer(429, b'{"code":429,"error":"Too many requests"}'),
    "403": Answer(403, b'{"code":403,"error":"Forbidden"}'),
    "key": Answer(400, b'{"code":400,"error":"Invalid API key: k"}'),
    "broken": Answer(0, b"", "broken"),
    "broken taken": Answer(0, b"", "broken"),
    "unreachable": Answer(0, b"", "unreachable"),
}
MOODS = (
    ["well", "429", *ANSWERS],
    [10, 4, 2, 2, 2, 0, 1, 1, 0.3, 2, 2, 2],
)
"""413 only comes to batches of several, see World: a single one that is too large dies, rightly."""


class World:
    """Plays one schedule."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = START
        self.spool = MemorySpool()
        self.amplitude = Amplitude(self.chance)
        self.agenda: list[tuple[int, int, Callable[[], None]]] = []
        self.order = count()
        self.flying: list[Batch] = []
        self.life = 0
        self.outcomes: dict[str, Outcome] = {}
        self.accepted: dict[str, Spooled] = {}
        self.settings = LineSettings(
            linger_ms=self.chance.choice([0, 50, 500]),
            batch_events=self.chance.choice([2, 5, 2000]),
            at_once=self.chance.choice([1, 2, 4]),
            window=self.chance.choice([8, 30, 1000]),
            budget_ms=20 * MINUTE,
        )
        self.line = self._line()

    def at(self, wait: int, call: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (self.now + wait, next(self.order), call))

    def _line(self) -> Line:
        line = Line(Planner(), None, self.settings, self.spool.cursor, self.chance)
        line.resume(self.spool.lanes(), self.spool.aside())
        return line

    def play(self) -> None:
        events = self.chance.randrange(5, 50)
        users = self.chance.randrange(1, 8)
        for number in range(events):
            wait = self.chance.randrange(1, 120_000)
            self.at(wait, lambda number=number: self.accept(number, users))  # type: ignore[misc]
        for _ in range(self.chance.randrange(4)):
            self.at(self.chance.randrange(1, 300_000), self.crash)
        self.at(self.chance.randrange(100_000, 600_000), self.calm)
        self.turn()
        for turns in count():
            wake_at = self.line.wake_at() if self.unfinished() else None
            if self.agenda and (wake_at is None or self.agenda[0][0] <= wake_at):
                at, _, call = heapq.heappop(self.agenda)
                self.now = max(self.now, at)
                call()
            elif wake_at is not None:
                self.now = max(self.now + 1, wake_at)
            else:
                break
            self.turn()
            assert turns < 50_000, "delivery does not come to an end"
        self.check_end()

    def accept(self, number: int, users: int) -> None:
        seq = len(self.accepted) + 1
        user = self.chance.randrange(users)
        kinds = ["track"] * 6 + ["identify", "group", "purchase", "both", "short", "filtered", "invalid"]
        body: dict[str, object] = {
            "m": f"m{seq}",
            "kind": self.chance.choice(kinds),
            "u": self.chance.choice([f"u{user}", None]) if user % 2 else f"u{user}",
            "d": f"d{self.chance.choice([user, user, self.chance.randrange(users)])}",
        }
        event = self.keep(body)
        if self.chance.random() < 0.03:
            self.amplitude.invalid.add(event.message_id)
        elif self.chance.random() < 0.02:
            self.amplitude.poison.add(event.message_id)

    def keep(self, body: dict[str, object]) -> Spooled:
        seq = len(self.accepted) + 1
        event = Spooled(seq, self.now, "demo", str(body["m"]), orjson.dumps(body))
        self.accepted[event.message_id] = event
        self.spool.events[seq] = event
        return event

    def crash(self) -> None:
        """All that is in memory is gone; requests under way arrive or do not."""
        self.life += 1
        self.flying.clear()
        self.line = self._line()

    def calm(self) -> None:
        """From now on Amplitude is well, and somebody else's events get through: proof of that."""
        self.amplitude.calm = True
        if self.unfinished():
            self.keep({"m": f"h{self.now}", "kind": "track", "u": "other", "d": None})
            self.at(60_000, self.calm)

    def turn(self) -> None:
        """What the loop does between waits."""
        line = self.line
        events = [self.spool.events[seq] for seq in sorted(self.spool.events) if seq > line.read_to]
        taken = events[: max(0, line.room())]
        line.take(taken, self.now)
        for batch in line.due(self.now, len(taken) < len(events)):
            self.send(batch)
        self.settle()
        for lane, limit in line.loads(self.now):
            line.loaded(lane, self.spool.lane(lane, min(limit, 3)), self.now)
            self.at(0, lambda: None)
        self.settle()

    def unfinished(self) -> bool:
        return bool(self.spool.events or self.spool.parked or self.flying)

    def settle(self) -> None:
        if self.line.news():
            self.spool.settle(self.line.settlement())
        kept = {lane.name: lane.events for lane in self.spool.lanes()}
        assert self.line.lanes.events == kept, "parked events are miscounted"

    def send(self, batch: Batch) -> None:
        keys = {key for work in batch.works for key in work.keys}
        for other in self.flying:
            assert keys.isdisjoint(key for work in other.works for key in work.keys), "order is at risk"
        assert len(batch.parts) <= min(BOUNDS[batch.endpoint].items, self.settings.batch_events)
        for part in batch.parts:
            body = orjson.loads(part.data)
            assert self.amplitude.throttled.get(str(body["user_id"]), 0) <= self.now or self.life, "throttled"
        self.flying.append(batch)
        life = self.life
        answer = self.amplitude.receive(batch, self.now)
        if answer.status == 413 and len(batch.parts) == 1:
            answer = ANSWERS["503"]
        wait = self.chance.randrange(1, 2_000)
        self.at(wait, lambda: self.answer(batch, answer, life))

    def answer(self, batch: Batch, answer: Answer, life: int) -> None:
        if life == self.life:
            self.flying.remove(batch)
            self.line.answered(batch, answer, self.now)

    def check_end(self) -> None:
        assert not self.spool.parked
        assert not self.spool.events
        dead = {one.event.message_id: one for one in self.spool.dead}
        places: dict[str, list[int]] = defaultdict(list)
        for name, event in self.accepted.items():
            body = orjson.loads(event.body)
            items, errors = Planner().items(body)
            counted = [
                self.amplitude.counted.get((item.endpoint, str(item.body["insert_id"]))) for item in items
            ]
            if (
                errors
                or (name in self.amplitude.invalid and items)
                or (name in self.amplitude.poison and items)
            ):
                assert name in dead, f"{name} should be dead"
                assert dead[name].reason
                continue
            assert name not in dead, f"{name} died of {dead[name].reason}"
            assert None not in counted, f"{name} was lost"
            for key in (body["u"], body["d"]) if items else ():
                if key is not None:
                    places[key] += [place for place in counted if place is not None]
        for key, order in places.items():
            assert order == sorted(order), f"order of {key} was lost"
