"""What a real spool keeps, and nothing of what a crash takes."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from forwarder.spool import MessageGroup, NewDead, Parked, Settlement, StoredEvent


@dataclass
class Destination:
    """What the spool holds for one destination. ``dead`` by letter number, ``gone``: what was dropped."""

    cursor: int = 0
    parked: dict[int, Parked] = field(default_factory=dict)
    dead: dict[int, NewDead] = field(default_factory=dict)
    gone: list[NewDead] = field(default_factory=list)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    redriven: int = 0
    deaths: int = 0

    def settle(self, settlement: Settlement) -> None:
        """Write a settlement."""
        assert settlement.cursor >= self.cursor
        self.cursor = settlement.cursor
        for seq in settlement.unpark:
            del self.parked[seq]
        self.parked.update((one.event.seq, one) for one in settlement.park)
        for group, into in settlement.merge.items():
            for seq, one in self.parked.items():
                if one.group == group:
                    self.parked[seq] = one._replace(group=into)
        for letter in settlement.dead:
            self.deaths += 1
            self.dead[self.deaths] = letter
        self.ended.update(settlement.ended)

    def groups(self) -> list[MessageGroup]:
        """Return the lanes."""
        groups: dict[str, list[Parked]] = defaultdict(list)
        for one in self.parked.values():
            groups[one.group].append(one)
        return [
            MessageGroup(name, frozenset(key for one in rows for key in one.keys), len(rows))
            for name, rows in groups.items()
        ]

    def group(self, name: str, limit: int) -> list[Parked]:
        """Return the first events of a lane."""
        rows = (one for _, one in sorted(self.parked.items()) if one.group == name)
        return [one for one, _ in zip(rows, range(limit), strict=False)]

    def aside(self) -> set[int]:
        """Return the seqs above the cursor that are parked or dead."""
        found = set(self.parked) | {one.event.seq for one in self.dead.values()}
        return {seq for seq in found if seq > self.cursor}

    def revive(self, number: int) -> None:
        """Send a dead letter again."""
        letter = self.dead.pop(number)
        assert letter.event.seq not in self.parked
        self.parked[letter.event.seq] = Parked(letter.event, "", (), letter.state)
        self.redriven += 1

    def waiting(self, accepted: int) -> int:
        """Return how many of the accepted events wait, parked ones among them."""
        below = sum(seq <= self.cursor for seq in self.parked)
        dead_above = sum(one.event.seq > self.cursor for one in self.dead.values())
        return accepted - self.cursor + below - dead_above

    def check(self, accepted: int) -> None:
        """See that what became of events adds up."""
        assert accepted == self.ended.total() - self.redriven + self.waiting(accepted), (
            "what became of events does not add up"
        )


@dataclass
class MemorySpool:
    """``events``: all ever accepted, the one of seq 1 first."""

    events: list[StoredEvent] = field(default_factory=list)
    destinations: dict[str, Destination] = field(default_factory=dict)

    def read(self, after: int, limit: int) -> list[StoredEvent]:
        """Return events, of which none may have been let go of."""
        assert after >= min(one.cursor for one in self.destinations.values())
        return self.events[after : after + limit]
