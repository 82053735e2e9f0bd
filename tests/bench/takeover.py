"""Take-over among forwarders: ``python3 build.py bench takeover [SCENARIO ...]``, as root.

Three NATS nodes (replicas 3, ``sync_interval: always``) and two or three forwarders, each on a machine of its
own (a network namespace), under steady load with repeats. Prints a table, and JSON lines to
``dist/bench/takeover.jsonl``, where scenarios that are not played now stay as they were. Ends with an error
where an accepted event waited over 10 s for an owner while NATS had its majority, where two accepted events
at once, where a forwarder ended with anything but 0 and 75, and where an event was lost, counted twice or out
of order.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import nats

from tests.bench.machines import (
    AMPLITUDE,
    NATS_NET,
    NODES,
    Forwarder,
    Node,
    relay,
    set_up_networks,
)
from tests.bench.programs import running
from tests.bench.takeover_conditions import (
    Scenario,
    clock_ahead,
    cut_from_amplitude,
    disks_full,
    far_away,
)
from tests.bench.takeover_losses import (
    cut_from_clients,
    letters_beside_a_stopped_one,
    letters_in_a_hand_over,
    machine_and_disk_lost,
    two_nodes_killed,
)
from tests.bench.watching import Found, Traffic, at_once, examine
from tests.support.amplitude import Amplitude
from tests.support.processes import ROOT, program
from tests.support.waiting import eventually

OWNERLESS_S = 10.0
"""How long an accepted event may wait for a forwarder that delivers it."""
_SET_S = 180.0
"""How long machines may take to be there: it is not what is measured, and this machine may be busy."""
_INSIDE = "TAKEOVER_INSIDE"


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


# -- the scenarios


def killed(stage: Stage) -> None:
    """Kill -9 of the serving one, restarted at once."""
    one = stage.serving()
    one.take_away()
    time.sleep(0.1)
    one.restart()
    time.sleep(12)


def killed_for_good(stage: Stage) -> None:
    """Kill -9 of the serving one, its machine away; three times over, each back after 12 s."""
    for _ in range(2):
        one = stage.serving()
        one.take_away()
        time.sleep(12)
        one.restart()
        time.sleep(4)


def stopped(stage: Stage) -> None:
    """SIGSTOP for 20 s."""
    one = stage.serving()
    one.signal(signal.SIGSTOP)
    time.sleep(20)
    one.signal(signal.SIGCONT)
    time.sleep(8)


def cut_off(stage: Stage) -> None:
    """The serving one is cut off from NATS for 20 s."""
    one = stage.serving()
    one.pull(NATS_NET)
    time.sleep(20)
    one.plug(NATS_NET)
    time.sleep(8)


def leader_killed(stage: Stage) -> None:
    """Kill -9 of the stream's leader, three times."""
    for _ in range(3):
        node = stage.leader()
        node.kill()
        time.sleep(7)
        node.start()
        time.sleep(5)
        stage.wait_for_nats()


def node_off(seconds: float) -> Callable[[Stage], None]:
    """The node of the serving one vanishes without a word."""

    def play(stage: Stage) -> None:
        node = stage.node_of(stage.serving())
        node.pull()
        time.sleep(seconds)
        node.plug()
        time.sleep(8)

    return play


def majority_off(stage: Stage) -> None:
    """Two of three nodes vanish for 15 s."""
    stage.outage = 15
    for node in stage.nodes[:2]:
        node.pull()
    time.sleep(15)
    for node in stage.nodes[:2]:
        node.plug()
    time.sleep(15)


def all_killed(seconds: float) -> Callable[[Stage], None]:
    """Every node is killed, and back after a while."""

    def play(stage: Stage) -> None:
        began = time.monotonic()
        for node in stage.nodes:
            node.kill()
        time.sleep(seconds)
        for node in stage.nodes:
            node.start()
        stage.leader()
        stage.outage = time.monotonic() - began
        time.sleep(12)

    return play


def told_to_stop(stage: Stage) -> None:
    """SIGTERM under load, started again after 5 s; twice."""
    for _ in range(2):
        one = stage.serving()
        one.take_away(signal.SIGTERM)
        time.sleep(5)
        code = one.process.poll() if one.process else None
        if code != 0:
            one.exits.append(-1 if code is None else code)
        one.restart()
        time.sleep(4)


def rubbish(stage: Stage) -> None:
    """Others publish to the stream's subject, then kill -9."""
    stage.serving()
    _by_hand(stage, "publish")
    time.sleep(4)
    killed(stage)


def purged(stage: Stage) -> None:
    """The stream is purged by hand under load; 10 s later kill -9."""
    stage.serving()
    _by_hand(stage, "purge")
    time.sleep(10)
    killed(stage)


def deleted(stage: Stage) -> None:
    """The stream is deleted by hand under load; 10 s later kill -9."""
    stage.serving()
    _by_hand(stage, "delete")
    time.sleep(10)
    killed(stage)


def _by_hand(stage: Stage, what: str) -> None:
    async def do() -> None:
        connection = await nats.connect(f"nats://{stage.nodes[0].address}:4222")
        jetstream = connection.jetstream()
        if what == "purge":
            await jetstream.purge_stream(stage.stream)
        elif what == "delete":
            await jetstream.delete_stream(stage.stream)
        else:
            for text in (b"x", b"hello", b"\x96\x01"):
                await jetstream.publish(f"{stage.stream}.log", text)
        await connection.close()

    asyncio.run(do())


SCENARIOS = {
    "1": Scenario(3, killed),
    "1b": Scenario(3, killed_for_good),
    "2": Scenario(3, stopped),
    "3": Scenario(3, cut_off),
    "4": Scenario(2, cut_from_amplitude),
    "5": Scenario(2, cut_from_clients),
    "6": Scenario(2, leader_killed),
    "7a": Scenario(3, node_off(25)),
    "7c": Scenario(1, node_off(30)),
    "W7": Scenario(2, node_off(20), together=2),
    "8": Scenario(2, majority_off),
    "9a": Scenario(2, all_killed(3)),
    "9b": Scenario(2, all_killed(15)),
    "X2": Scenario(2, two_nodes_killed),
    "W10": Scenario(3, machine_and_disk_lost),
    "10": Scenario(2, far_away, delay_ms=200),
    "11": Scenario(3, told_to_stop),
    "12": Scenario(2, letters_in_a_hand_over),
    "12b": Scenario(2, letters_beside_a_stopped_one),
    "13": Scenario(2, clock_ahead, ahead_s=120),
    "14b": Scenario(2, rubbish),
    "15a": Scenario(2, purged),
    "15b": Scenario(2, deleted),
    "16": Scenario(2, disks_full, disk_mb=24),
}


def retry_policy(stage: Stage, found: Found) -> list[str]:
    """Return what must not have happened."""
    wrong = [f"{name} {value}" for name, value in dataclasses.asdict(found).items() if _is_wrong(name, value)]
    if found.waited > OWNERLESS_S + stage.outage:
        wrong.append(f"an event waited {found.waited} s")
    wrong += [f"{both} accepted at once" for both in at_once(stage.traffic.accepted)]
    for one in stage.forwarders:
        wrong += [f"{one.name} ended with {code}" for code in one.exits if code not in (0, 75)]
        if "Traceback" in one.log() or "exception was never retrieved" in one.log():
            wrong.append(f"{one.name} logged a traceback")
    if stage.traffic.answers["no code"]:
        wrong.append("senders got an answer without a code")
    return wrong


def _is_wrong(name: str, value: object) -> bool:
    return name in ("lost", "twice", "disordered") and bool(value)


def play(stage: Stage, name: str) -> dict[str, Any]:
    """Play a scenario; return the table's row."""
    wrong = list[str]()
    stage.begin()
    with Traffic(stage.forwarders) as stage.traffic:
        time.sleep(2)
        try:
            stage.scenario.happens(stage)
        except AssertionError as error:
            wrong.append(f"{error}")
    found = examine(stage.traffic, stage.amplitude, 60, stage.exempt)
    ready = [who for _, who in stage.traffic.ready]
    return {
        "scenario": name,
        **dataclasses.asdict(found),
        "accepted": len(stage.traffic.at),
        "ready at once": max(map(len, ready)),
        "listening at once": max(len(who) for _, who in stage.traffic.open),
        "exits": [f"{one.name} {code}" for one in stage.forwarders for code in one.exits],
        "answers": dict(stage.traffic.answers),
        "notes": stage.notes,
        "wrong": wrong + retry_policy(stage, found),
    }


def played(folder: Path, name: str, keep: Path | None) -> dict[str, Any]:
    """Play a scenario on machines of its own. ``keep``: where the logs go."""
    scenario = SCENARIOS[name]
    ways = [f"{relay(node)}:4222={NATS_NET}.{10 + node}:4222" for node in NODES]
    with contextlib.ExitStack() as beside:
        if scenario.delay_ms:
            beside.enter_context(running("tests.bench.slow_network", str(scenario.delay_ms), *ways))
        url = beside.enter_context(program("web_demo.amplitude", "--host", AMPLITUDE, port=8302))
        stage = Stage(folder, Amplitude(url), scenario)
        try:
            row = play(stage, name)
        finally:
            stage.end()
    if keep is not None:
        kept = keep / name
        kept.mkdir(parents=True, exist_ok=True)
        for machine in (*stage.forwarders, *stage.nodes):
            shutil.copy(machine.folder / "log", kept / machine.name)
    return row


HEAD = (
    f"{'#':4} {'accepting':>9} {'delivering':>10} {'waited':>6} {'ready':>5} {'open':>4} {'repeats':>7} "
    f"{'lost':>4} {'twice':>5} {'order':>5} exits, notes, faults"
)


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    rest = ", ".join([*row["exits"], *row["notes"], *(f"FAULT {one}" for one in row["wrong"])])
    return (
        f"{row['scenario']:4} {row['accepting']:9} {row['delivering']:10} {row['waited']:6} "
        f"{row['ready at once']:5} {row['listening at once']:4} {row['repeats']:7} "
        f"{len(row['lost']):4} {len(row['twice']):5} {len(row['disordered']):5} {rest}"
    )


def main() -> None:
    """Play the scenarios that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {' '.join(SCENARIOS)}")
    parser.add_argument("--keep", type=Path, help="a folder for the machines' logs")
    options = parser.parse_args()
    if unknown := set(options.scenarios) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        raise SystemExit("takeover needs root, to give each machine a network namespace; start it with sudo")
    if _INSIDE not in os.environ:  # with namespaces of its own, whatever it starts ends with it
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command = [*apart, sys.executable, "-m", "tests.bench.takeover", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command, env={**os.environ, _INSIDE: "1"}, check=False).returncode)
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "netns", "/run/netns"], check=True)
    set_up_networks()
    rows, missing = list[dict[str, Any]](), list[str]()
    out = ROOT / "dist" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="takeover-") as name:
        print(HEAD, flush=True)
        for scenario in options.scenarios or SCENARIOS:
            folder = Path(name, scenario)
            folder.mkdir()
            try:
                rows.append(played(folder, scenario, options.keep))
                print(line(rows[-1]), flush=True)
            except AssertionError as error:
                missing.append(scenario)
                print(f"{scenario:4} was not played: {error}", flush=True)
    report = out / "takeover.jsonl"
    played_now = {row["scenario"]: json.dumps(row) for row in rows}
    before = report.read_text().splitlines() if report.exists() else []
    kept = {json.loads(text)["scenario"]: text for text in before} | played_now
    report.write_text("".join(f"{kept[name]}\n" for name in SCENARIOS if name in kept))
    if missing or any(row["wrong"] for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
