"""Scenarios of ``takeover`` in which one machine, a node of NATS or the stream itself comes to an end."""

import asyncio
import signal
import time
from collections.abc import Callable

import nats

from tests.bench.machines import (
    NATS_NET,
)
from tests.bench.takeover_stage import Stage


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


def leader_alone(stage: Stage) -> None:
    """The stream's leader is cut off from the other nodes for 20 s; forwarders reach all three."""
    node = stage.leader()
    for other in stage.nodes:
        if other is not node:
            node.within("ip", "route", "add", "blackhole", f"{other.address}/32")
    time.sleep(20)
    node.within("ip", "route", "flush", "type", "blackhole")
    time.sleep(10)


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
