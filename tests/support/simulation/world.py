"""Delivery's decisions under a virtual clock and a seeded schedule of faults; no process, no waiting.

A schedule makes up users, events, several destinations, their moods, crashes, stops and an operator from one
seed. The world plays it and checks what must hold at every moment and at the end.
"""

import heapq
import random
from collections.abc import Callable
from itertools import count

import orjson

from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.spool import StoredEvent
from tests.support.simulation.amplitude import LASTING, Amplitude
from tests.support.simulation.destination import Delivering
from tests.support.simulation.planner import KINDS, Planner
from tests.support.simulation.spool import MemorySpool

START = 1_790_000_000_000
MINUTE = 60_000


class World:
    """Plays one schedule."""

    def __init__(self, seed: int) -> None:
        chance = self.chance = random.Random(seed)
        self.now = START
        self.spool = MemorySpool()
        self.agenda: list[tuple[int, int, Callable[[], None]]] = []
        self.order = count()
        self.users = chance.randrange(1, 8)
        self.destinations = [
            Delivering(self, f"d{number}", Amplitude(chance, moody=chance.random() < 0.7), self.settings())
            for number in range(chance.choice([1, 1, 1, 2, 3]))
        ]
        self.rough = chance.random() < 0.6
        """Whether the process may die at any moment, and stops may take too long."""
        self.disturbed = False
        """Whether the process died or was stopped."""

    def settings(self) -> SchedulerSettings:
        """Make up settings."""
        choice = self.chance.choice
        return SchedulerSettings(
            linger_ms=choice([0, 50, 500]),
            batch_events=choice([2, 5, 2000]),
            at_once=choice([1, 2, 4]),
            window=choice([8, 30, 1000]),
            budget_ms=20 * MINUTE,
            redrive_ms=MINUTE,
        )

    def at(self, wait: int, call: Callable[[], None]) -> None:
        """Have something happen so many ms from now."""
        heapq.heappush(self.agenda, (self.now + wait, next(self.order), call))

    def play(self) -> None:
        """Play the schedule to its end."""
        chance = self.chance
        span = chance.choice([2_000, 20_000, 120_000])
        for _ in range(chance.randrange(5, 60)):
            self.at(chance.randrange(1, span), self.accept)
        crashes = [self.crash, self.die_settling] if self.rough else []
        for call in (*crashes, self.reload, self.operate):
            for _ in range(chance.randrange(4)):
                self.at(chance.randrange(1, span * chance.choice([1, 3])), call)
        for one in self.destinations:
            if one.amplitude.moody and chance.random() < 0.3:
                self.at(chance.randrange(1, 2 * span), lambda one=one: self.fail_for_long(one))  # type: ignore[misc]
        self.at(chance.randrange(100_000, 600_000), self.calm)
        self.turn()
        for turns in count():
            times = [one.wake_at() for one in self.destinations if one.unfinished()]
            wake_at = min((at for at in times if at is not None), default=None)
            if self.agenda and (wake_at is None or self.agenda[0][0] <= wake_at):
                at, _, call = heapq.heappop(self.agenda)
                self.now = max(self.now, at)
                call()
            elif wake_at is not None:
                self.now = max(self.now, wake_at)
            else:
                break
            self.turn()
            assert turns < 50_000, "delivery does not come to an end"
        for one in self.destinations:
            one.check_end()

    def turn(self) -> None:
        """Let each destination do what its loop does between waits."""
        for one in self.destinations:
            one.turn()

    def accept(self) -> None:
        """Accept an event, which each Amplitude may have something against."""
        user = self.chance.randrange(self.users)
        body: dict[str, object] = {
            "m": f"m{len(self.spool.events) + 1}",
            "kind": self.chance.choice(KINDS),
            "u": self.chance.choice([f"u{user}", None]) if user % 2 else f"u{user}",
            "d": f"d{self.chance.choice([user, user, self.chance.randrange(self.users)])}",
        }
        if self.chance.random() < 0.02:
            body["kind"] = "crash"
        event = self.keep(body)
        for one in self.destinations:
            if self.chance.random() < 0.08:
                one.refuse(event.message_id, self.chance.choice(["invalid", "silenced", "large", "poison"]))

    def keep(self, body: dict[str, object]) -> StoredEvent:
        """Write an event into the spool."""
        event = StoredEvent(len(self.spool.events) + 1, self.now, "demo", str(body["m"]), orjson.dumps(body))
        self.spool.events.append(event)
        for one in self.destinations:
            one.awake = True
        return event

    def crash(self) -> None:
        """All that is in memory is gone; requests under way arrive or do not."""
        self.disturbed = True
        for one in self.destinations:
            one.begin()

    def die_settling(self) -> None:
        """Crash at the next settlement, just before or just after it is written."""
        self.chance.choice(self.destinations).dies = self.chance.choice(["before", "after"])

    def reload(self) -> None:
        """Stop in order, within time or not, and go on under other settings, perhaps another mapping."""
        in_time = not self.rough or self.chance.random() < 0.7
        self.disturbed |= not in_time
        for one in self.destinations:
            one.stop(in_time=in_time)
            one.settings = self.settings()
            if self.chance.random() < 0.2:
                one.planner = Planner(renamed=not one.planner.renamed)
                one.renamed = True
            one.begin()

    def operate(self) -> None:
        """An operator sends dead letters again, mended or not, or drops some."""
        for one in self.destinations:
            for number in list(one.kept.dead):
                what = self.chance.choice(["leave", "leave", "retry", "mend", "mend", "drop"])
                one.operate(number, what)

    def fail_for_long(self, one: Delivering) -> None:
        """Let one destination fail for minutes or hours."""
        one.amplitude.lasting = self.chance.choice(LASTING)
        one.amplitude.ambiguous = True

        def end() -> None:
            one.amplitude.lasting = ""

        self.at(self.chance.choice([5, 5, 5, 20, 60, 300]) * MINUTE, end)

    def calm(self) -> None:
        """From now on all are well, and somebody else's events get through: proof of that."""
        for one in self.destinations:
            one.amplitude.moody = False
        if any(one.amplitude.lasting for one in self.destinations):
            self.at(5 * MINUTE, self.calm)
        elif any(one.unfinished() for one in self.destinations):
            self.keep({"m": f"h{self.now}", "kind": "track", "u": "other", "d": None})
            self.at(MINUTE, self.calm)
