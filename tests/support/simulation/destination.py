"""One destination of a simulated forwarder: its line, its Amplitude, and what must hold of both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import orjson

from forwarder.amplitude.wire.limits import BOUNDS
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.spool import StoredEvent
from tests.support.simulation.amplitude import Amplitude
from tests.support.simulation.planner import Planner
from tests.support.simulation.spool import Destination

if TYPE_CHECKING:
    from tests.support.simulation.world import World

PROMPT_MS = 60_000
"""How soon an event is delivered where nothing is wrong."""
PATIENT_MS = 300_000
"""And how soon where Amplitude chokes on events of others."""
REASONS = {
    "invalid": "invalid time",
    "silenced": "silenced",
    "large": "payload too large",
    "poison": "gave up after 0.333333 h: status 500",
}


class Delivering:
    """See the module. ``kept``: what is in the spool; ``dies``: at its next settlement the process does."""

    def __init__(self, world: World, name: str, amplitude: Amplitude, settings: SchedulerSettings) -> None:
        self.world = world
        self.amplitude = amplitude
        self.settings = settings
        self.planner = Planner()
        self.kept = world.spool.destinations[name] = Destination()
        self.flying: list[tuple[Batch, UpstreamResponse]] = []
        self.life = 0
        self.dies = ""
        self.well = not amplitude.moody
        self.renamed = False
        self.refused: dict[str, str] = {}
        """Message ids to why Amplitude refuses, or refused, them."""
        self.begin()

    def begin(self) -> None:
        """Begin a life on what the spool has kept."""
        self.life += 1
        self.awake = True
        self.flying.clear()
        self.line = Scheduler(self.planner, None, self.settings, self.kept.cursor, self.world.chance)
        self.line.resume(self.kept.groups(), self.kept.aside())

    def refuse(self, name: str, why: str) -> None:
        """Amplitude does not take a message."""
        self.amplitude.bad[name] = self.refused[name] = why

    def unfinished(self) -> bool:
        """Tell whether something is left to do."""
        return self.kept.cursor < len(self.world.spool.events) or bool(self.kept.parked or self.flying)

    def wake_at(self) -> int | None:
        """Return when the loop has something to do."""
        return self.world.now if self.awake else self.line.wake_at()

    def turn(self) -> None:
        """Do what the loop does between waits, where it does not wait on."""
        line, now = self.line, self.world.now
        at = self.wake_at()
        if at is None or at > now:
            return
        self.awake = False
        if (limit := min(500, line.loader.room())) > 0:
            events = self.world.spool.read(line.checkpoint.read_to, limit)
            line.loader.take(events, now)
            self.awake = len(events) == limit and line.loader.room() > 0
        if not self.settle():
            return
        while load := line.loader.load(now):
            group, most = load
            assert most <= max(500, self.settings.window)
            line.loader.loaded(group, self.kept.group(group, min(most, 3)), now)
        for batch in line.due(now, line.checkpoint.read_to < len(self.world.spool.events)):
            self.send(batch)
        self.settle()

    def settle(self) -> bool:
        """Write down what has become of events; False where the process died over it."""
        if not self.line.has_news():
            return True
        settlement = self.line.settlement()
        dies, self.dies = self.dies, ""
        if dies != "before":
            self.kept.settle(settlement)
            self.kept.check(len(self.world.spool.events))
        if dies:
            self.world.crash()
            return False
        kept = {group.name: group.events for group in self.kept.groups() if group.name}
        assert self.line.parking.events == kept, "parked events are miscounted"
        return True

    def send(self, batch: Batch) -> None:
        """Send a batch; its answer comes some time later."""
        world = self.world
        keys = {key for work in batch.jobs for key in work.keys}
        for other, _ in self.flying:
            assert keys.isdisjoint(key for work in other.jobs for key in work.keys), "order is at risk"
        assert len(self.flying) < self.settings.at_once
        assert len(batch.items) <= min(BOUNDS[batch.endpoint].items, self.settings.batch_events)
        for part in batch.items:
            until = self.amplitude.throttled.get(str(orjson.loads(part.data)["user_id"]), 0)
            assert until <= world.now or self.life > 1, "a throttled user was sent"
        sent = batch, self.amplitude.receive(batch, world.now)
        self.flying.append(sent)
        world.at(world.chance.randrange(1, world.chance.choice([50, 50, 2_000])), lambda: self.answer(sent))

    def answer(self, sent: tuple[Batch, UpstreamResponse]) -> None:
        """The answer comes, if whoever asked still lives."""
        if sent in self.flying:
            self.flying.remove(sent)
            self.awake = True
            self.line.answered(*sent, self.world.now)

    def stop(self, *, in_time: bool) -> None:
        """Stop in order; ``in_time``: the answers under way still come."""
        for batch, answer in list(self.flying):
            self.flying.remove((batch, answer))
            self.line.answered(
                batch, answer if in_time else UpstreamResponse(0, b"stopped", "broken"), self.world.now
            )
        if self.settle():
            self.line.park_unfinished()
            self.settle()

    def operate(self, number: int, what: str) -> None:
        """Do what an operator does with a dead letter."""
        letter = self.kept.dead[number]
        if what == "drop":
            if letter.event.seq <= self.kept.cursor:
                self.kept.gone.append(self.kept.dead.pop(number))
        elif what != "leave":
            if what == "mend":
                self.amplitude.bad.pop(letter.event.message_id, None)
            self.kept.revive(number)
        self.kept.check(len(self.world.spool.events))

    def check_end(self) -> None:
        """See that every event ended rightly, once, and in order."""
        assert not self.unfinished()
        amplitude = self.amplitude
        dead = {one.event.message_id: one for one in (*self.kept.gone, *self.kept.dead.values())}
        places: dict[str, list[int]] = defaultdict(list)
        troubled = _related_to_poison(self.world.spool.events, self.refused)
        for event in self.world.spool.events:
            name, body = event.message_id, orjson.loads(event.body)
            if body["kind"] == "crash":
                assert dead[name].reason == "cannot be planned"
                continue
            items, errors = self.planner.items(body)
            refused = amplitude.bad.get(name, "") if items else ""
            if errors or refused:
                assert dead[name].reason == ("invalid fields" if errors else REASONS[refused]), name
                continue
            if name in dead:  # the operator dropped it, or mends only now
                assert name in self.refused, f"{name} died of {dead[name].reason}"
                continue
            counted = [amplitude.counted.get((item.endpoint, str(item.body["insert_id"]))) for item in items]
            assert None not in counted, f"{name} was lost"
            if name in self.refused:
                continue
            found = [place for place in counted if place is not None]
            for key in (body["u"], body["d"]) if items else ():
                if key is not None:
                    places[key] += [place for place, _ in found]
            if self.well and not self.world.disturbed:
                late = max((at - event.received_at for _, at in found), default=0)
                assert late <= (PATIENT_MS if troubled else PROMPT_MS) or name in troubled, (
                    f"{name} came late"
                )
        for key, order in places.items():
            assert order == sorted(order) or self.renamed, f"order of {key} was lost"
        if not (self.world.disturbed or amplitude.ambiguous or self.renamed):
            assert not amplitude.repeats, "something was sent twice"


def _related_to_poison(events: Sequence[StoredEvent], refused: Mapping[str, str]) -> set[str]:
    """Return messages that share users or devices, be it through others, with one Amplitude chokes on."""
    own: dict[str, set[str]] = {}
    for event in events:
        body = orjson.loads(event.body)
        own[event.message_id] = {f"u{body['u']}", f"d{body['d']}"} - {"uNone", "dNone"}
    keys: set[str] = set()
    found = {name for name in own if refused.get(name) == "poison"}
    while more := set().union(*(own[name] for name in found)) - keys:
        keys |= more
        found = {name for name in own if own[name] & keys}
    return found
