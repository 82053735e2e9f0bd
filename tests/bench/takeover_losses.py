"""More scenarios of ``takeover``: several things are lost at once, or nobody could have served."""

from __future__ import annotations

import shutil
import signal
import threading
import time

from tests.bench.machines import WEB_NET, Forwarder
from tests.bench.takeover_stage import Stage


def cut_from_clients(stage: Stage) -> None:
    """The serving one is cut off from senders and Amplitude for 10 s, and stays in charge."""
    one = stage.serving()
    stage.outage = 10
    one.pull(WEB_NET)
    time.sleep(10)
    one.plug(WEB_NET)
    time.sleep(6)
    assert stage.serving() is one, "another one took over, which could have helped nobody"


def two_nodes_killed(stage: Stage) -> None:
    """A follower and the leader are killed 0.3 s apart, three times."""
    for _ in range(3):
        began = time.monotonic()
        leader = stage.leader()
        follower = next(node for node in stage.nodes if node is not leader)
        follower.kill()
        time.sleep(0.3)
        leader.kill()
        time.sleep(1)
        for node in (follower, leader):
            node.start()
        stage.wait_for_nats()
        stage.leader()
        stage.outage = max(stage.outage, time.monotonic() - began)
        time.sleep(5)


def machine_and_disk_lost(stage: Stage) -> None:
    """The serving one, the stream's leader and that one's disk are lost at once."""
    one, node = stage.serving(), stage.leader()
    one.take_away()
    node.kill()
    shutil.rmtree(node.folder / "store")
    time.sleep(14)
    node.start()
    one.restart()
    stage.wait_for_nats()
    time.sleep(5)


def with_letters(stage: Stage, refusals: int) -> tuple[Forwarder, Forwarder]:
    """Have events die; return the serving forwarder and another one. ``refusals``: requests refused."""
    stage.amplitude.misbehave(*({"kind": "bad", "indexes": list(range(5))} for _ in range(refusals)))
    time.sleep(4)
    one = stage.serving()
    other = next(forwarder for forwarder in stage.forwarders if forwarder is not one)
    _, listed = other.tool("list")
    stage.exempt = frozenset(int(line.split("\t")[4][2:]) for line in listed.splitlines())
    assert stage.exempt, "no event died"
    return one, other


def send_again(stage: Stage, other: Forwarder) -> None:
    """Send the letters again from elsewhere, as often as it takes until somebody serves."""
    tries, said = 0, ""
    while "sent again" not in said and tries < 20:
        _, said = other.tool("retry", "--all")
        tries += 1
    stage.notes.append(f"{len(stage.exempt)} letters, try {tries}: {said}")


def letters_in_a_hand_over(stage: Stage) -> None:
    """Dead letters are sent again from elsewhere while one takes over."""
    one, other = with_letters(stage, 6)
    one.take_away(signal.SIGTERM)
    send_again(stage, other)
    one.restart()
    time.sleep(5)
    _, left = other.tool("list")
    assert not left, f"letters are left: {left}"


def letters_beside_a_stopped_one(stage: Stage) -> None:
    """Dead letters are sent again from elsewhere while the serving one is stopped; it goes on later."""
    one, other = with_letters(stage, 4)
    one.signal(signal.SIGSTOP)
    going_on = threading.Timer(20, one.signal, (signal.SIGCONT,))
    going_on.start()
    send_again(stage, other)
    going_on.join()
    time.sleep(8)
    _, left = other.tool("list")
    assert not left, f"letters are left: {left}"
