"""Take-over among forwarders: ``python3 build.py bench takeover [SCENARIO ...]``, as root.

Three NATS nodes (replicas 3, ``sync_interval: always``) and two or three forwarders, each on a machine of its
own (a network namespace), under steady load with repeats. Prints a table, and JSON lines to
``dist/bench/takeover.jsonl``, where scenarios that are not played now stay as they were. Ends with an error
where an accepted event waited over 10 s for an owner while NATS had its majority, where two accepted events
at once, where a forwarder ended with anything but 0 and 75, and where an event was lost, counted twice or out
of order.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.machines import (
    AMPLITUDE,
    NATS_NET,
    NODES,
    relay,
    set_up_networks,
)
from tests.bench.programs import running
from tests.bench.takeover_conditions import (
    clock_ahead,
    cut_from_amplitude,
    disks_full,
    far_away,
)
from tests.bench.takeover_ends import (
    all_killed,
    cut_off,
    deleted,
    killed,
    killed_for_good,
    leader_alone,
    leader_killed,
    majority_off,
    node_off,
    purged,
    rubbish,
    stopped,
    told_to_stop,
)
from tests.bench.takeover_losses import (
    cut_from_clients,
    letters_beside_a_stopped_one,
    letters_in_a_hand_over,
    machine_and_disk_lost,
    two_nodes_killed,
)
from tests.bench.takeover_stage import Scenario, Stage
from tests.bench.watching import Found, Traffic, at_once, examine
from tests.support.amplitude import Amplitude
from tests.support.processes import ROOT, program

OWNERLESS_S = 10.0
"""How long an accepted event may wait for a forwarder that delivers it."""
_INSIDE = "TAKEOVER_INSIDE"


SCENARIOS = {
    "1": Scenario(3, killed),
    "1b": Scenario(3, killed_for_good),
    "2": Scenario(3, stopped),
    "3": Scenario(3, cut_off),
    "4": Scenario(2, cut_from_amplitude),
    "5": Scenario(2, cut_from_clients),
    "6": Scenario(2, leader_killed),
    "6b": Scenario(2, leader_alone),
    "6c": Scenario(2, leader_alone, together=1),
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


def violations(stage: Stage, found: Found) -> list[str]:
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
        "wrong": wrong + violations(stage, found),
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
