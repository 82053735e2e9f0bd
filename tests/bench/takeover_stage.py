"""The machines of a scenario of ``takeover``, and one stream for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from tests.bench.machines import (
    NODES,
    Forwarder,
    Node,
)
from tests.bench.watching import Traffic
from tests.support.amplitude import Amplitude
from tests.support.waiting import eventually

_SET_S = 180.0
"""How long machines may take to be there: it is not what is measured, and this machine may be busy."""


class Scenario(NamedTuple):
    """What happens, and to which machines.

    ``forwarders``: how many there are; ``together``: the node to which all are connected at first, 0 for any;
    ``delay_ms``: how long the way between forwarders and NATS is; ``disk_mb``: the nodes' disks, 0 for what
    there is; ``ahead_s``: how far the first forwarder's clock goes ahead.
    """

    forwarders: int
    happens: Callable[[Stage], None]
    together: int = 0
    delay_ms: int = 0
    disk_mb: int = 0
    ahead_s: int = 0


class Stage:
    """The machines, and one stream for the scenario that is played."""

    traffic: Traffic
    stream = ""

    def __init__(self, folder: Path, amplitude: Amplitude, scenario: Scenario) -> None:
        self.amplitude, self.scenario = amplitude, scenario
        self.nodes = [Node(number, folder, scenario.disk_mb) for number in NODES]
        self.all = [Forwarder(number, folder) for number in (1, 2, 3)]
        self.forwarders = self.all
        self.outage = 0.0
        """Seconds for which NATS had no majority."""
        self.exempt = frozenset[int]()
        self.notes: list[str] = []
        for node in self.nodes:
            node.start()
        self.wait_for_nats()

    def wait_for_nats(self) -> None:
        """Wait until every node is there and well."""
        up = eventually(lambda: all(one.said("/healthz").get("status") == "ok" for one in self.nodes), _SET_S)
        assert up, "NATS did not start"

    def begin(self) -> None:
        """Run the scenario's forwarders over a new stream."""
        self.stream = f"s{uuid4().hex[:8]}"
        self.forwarders = self.all[: self.scenario.forwarders]
        together, far = self.scenario.together, self.scenario.delay_ms > 0
        for one in self.forwarders:
            first = one is self.forwarders[0]
            one.start(self.stream, together, far=far, ahead_s=self.scenario.ahead_s if first else 0)
            wanted = "listening" if first else "standing by"
            assert eventually(lambda one=one, wanted=wanted: wanted in one.log(), _SET_S), one.log()  # type: ignore[misc]
            if together:
                one.reach_all()

    def serving(self) -> Forwarder:
        """Return who serves."""
        found: list[Forwarder] = []

        def look() -> bool:
            names = self.traffic.ready[-1][1] if self.traffic.ready else ()
            found[:] = [one for one in self.forwarders if names == (one.name,)]
            return bool(found)

        assert eventually(look), "nobody serves"
        return found[0]

    def leader(self) -> Node:
        """Return the node that leads the stream."""
        found: list[Node] = []

        def look() -> bool:
            found[:] = [node for node in self.nodes if node.leads(self.stream)]
            return len(found) == 1

        assert eventually(look), "no node leads the stream"
        return found[0]

    def node_of(self, forwarder: Forwarder) -> Node:
        """Return the node to which a forwarder is connected."""
        return next(node for node in self.nodes if node.serves(forwarder))

    def end(self) -> None:
        """Stop all machines and take them away."""
        for one in self.forwarders:
            one.end()
        for node in self.nodes:
            node.kill()
        for machine in (*self.nodes, *self.all):
            machine.remove()
