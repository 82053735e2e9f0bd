"""More scenarios of ``takeover``: all machines are there, but not as they should be."""

from __future__ import annotations

import time

from tests.bench.machines import AMPLITUDE
from tests.bench.takeover_stage import Stage
from tests.support.waiting import eventually


def cut_from_amplitude(stage: Stage) -> None:
    """The serving one cannot reach Amplitude for 12 s, and stays in charge: so it does well again at once."""
    one = stage.serving()
    stage.outage = 12
    one.within("ip", "route", "add", "blackhole", AMPLITUDE)
    time.sleep(12)
    one.within("ip", "route", "delete", "blackhole", AMPLITUDE)
    time.sleep(8)
    assert stage.serving() is one, "another one took over, which nothing called for"


def far_away(stage: Stage) -> None:
    """The way to NATS is long, and nobody takes that for an end; then kill -9 of the serving one."""
    one = stage.serving()
    time.sleep(15)
    assert stage.serving() is one, "another one took over, which nothing called for"
    one.take_away()
    time.sleep(12)
    one.restart()
    time.sleep(6)


def clock_ahead(stage: Stage) -> None:
    """Users are throttled by the one whose clock goes ahead; kill -9; who takes over lives in its past.

    A throttled user waits for half a minute, by whichever clock.
    """
    one = stage.serving()
    stage.outage = 32
    stage.amplitude.misbehave({"kind": "throttle", "times": 2})
    assert eventually(lambda: not stage.amplitude.faults()), "nobody was throttled"
    one.take_away()
    time.sleep(14)
    one.restart()
    time.sleep(6)
    other = stage.serving()
    other.take_away()  # and back into its future, perhaps
    time.sleep(14)
    other.restart()
    time.sleep(4)


def disks_full(stage: Stage) -> None:
    """The nodes' disks are full for 10 s; once there is room, the nodes are started again."""
    one, began = stage.serving(), time.monotonic()
    for node in stage.nodes:
        node.fill()
    time.sleep(10)
    for node in stage.nodes:
        node.make_room()
    for node in stage.nodes:
        node.kill()
    for node in stage.nodes:
        node.start()
    stage.wait_for_nats()
    stage.leader()
    stage.outage = time.monotonic() - began
    time.sleep(10)
    assert stage.serving() is one, "another one took over, which nothing called for"
