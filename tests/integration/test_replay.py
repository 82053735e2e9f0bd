"""A replay beside live traffic, killed in the middle: each event counts once, each user's order is kept."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.amplitude import fake_amplitude
from tests.support.configuration import write_config
from tests.support.forwarder import forwarder
from tests.support.nats import Nats
from tests.support.operator import all_ended, fates
from tests.support.processes import ROOT
from tests.support.sender import Arrived, Sender, sending, tally
from tests.support.spools import somewhere
from tests.support.waiting import PATIENCE_S, eventually

EVENTS, BEFORE_KILL = 1_000, 100
SLOW, FAST = 50, 1_000
"""Events a second: the first run is to be killed long before it ends, however busy the machine is."""


def replaying(config: Path, rate: int) -> subprocess.Popen[str]:
    """Start a replay of all that came by now."""
    command = [sys.executable, "-m", "forwarder", "replay", "--config", str(config), "--rate", str(rate)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("place", ["file", "stream"])
def test_a_replay_beside_live_traffic_is_killed_and_taken_up(tmp_path: Path, nats: Nats, place: str) -> None:
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        if place == "stream":
            there = somewhere(nats, tmp_path)
            text = config.read_text().replace(f'"{tmp_path}/spool.db"', f'"{there.place}"')
            config.write_text(text.replace("[spool]", f'[spool]\ncopy_path = "{there.copy}"', 1))
        with forwarder(config) as running:
            past = Sender(users=50)
            for _ in range(EVENTS // 100):
                past.send_until_taken(running.url, past.events(100))
            assert eventually(lambda: fates(running.url)["delivered"] == EVENTS)
            fake.forget()  # so that what it counts from now on came by the replay, or live
            live = Sender(users=20, crowd="live-", _next=1_000_000)
            arrived = Arrived(fake)

            def replayed() -> int:
                return sum(number < EVENTS for number in arrived.look())

            with sending(live, running.url, size=5):
                first = replaying(config, SLOW)
                assert eventually(lambda: replayed() > BEFORE_KILL)
                first.send_signal(signal.SIGKILL)
                assert first.wait(PATIENCE_S) == -signal.SIGKILL
                assert first.stdout is not None
                first.stdout.close()
                assert replayed() < EVENTS, "it was to be killed in the middle"
                said, _ = replaying(config, FAST).communicate(timeout=2 * PATIENCE_S)
            assert "taking up what an earlier run of this command began" in said, said
            assert ", 0 filtered, 0 dead" in said
            live.accepted.update(past.accepted)
            tally(live, fake, arrived=arrived)
            assert replayed() == EVENTS
            assert not list(tmp_path.glob("*-replays"))
            assert all_ended(running.url)
            assert fates(running.url)["dead"] == 0
