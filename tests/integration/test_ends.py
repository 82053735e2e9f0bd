"""However the forwarder ends, and whatever becomes of its clock and its disk: nothing is lost or doubled."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from tests.support.amplitude import fake_amplitude
from tests.support.configuration import write_config
from tests.support.forwarder import Running, forwarder
from tests.support.kills import kill_under_load
from tests.support.operator import all_ended, dead, dead_names, fates, metrics
from tests.support.processes import ROOT, free_port
from tests.support.sender import Sender, tally
from tests.support.waiting import PATIENCE_S, eventually


def test_kill_9_under_load(tmp_path: Path) -> None:
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url, port=free_port())
        kill_under_load([config], fake, kills=4, chance=random.Random(7))


def test_a_graceful_stop_writes_down_what_was_delivered(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url, stop_seconds=PATIENCE_S)
        fake.misbehave({"kind": "throttle"}, {"kind": "slow", "seconds": 0.5, "times": 3})
        with forwarder(config) as running:
            shop.send_until_taken(running.url, shop.events(300))
            assert eventually(lambda: fake.requests() > 1), "an answer is under way"
            assert running.stop(signal.SIGTERM) == 0
        with forwarder(config) as running:
            assert tally(shop, fake).repeats == 0
            assert all_ended(running.url)
            assert fates(running.url)["delivered"] == 300


def test_a_stop_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url, timeout_seconds=120, stop_seconds=1)
        fake.misbehave({"kind": "hang", "seconds": 120, "times": 10})
        with forwarder(config) as running:
            shop.send_until_taken(running.url, shop.events(100))
            assert eventually(lambda: fake.requests() > 0)
            assert running.stop(signal.SIGTERM) == 0, "long before the answer"
        fake.misbehave()
    with fake_amplitude(port=int(fake.url.rpartition(":")[2])) as again, forwarder(config):
        tally(shop, again)


JUMPY = """
import sys, time
from pathlib import Path
real, offset = time.time_ns, Path(sys.argv.pop(1))
time.time_ns = lambda: real() + int(offset.read_text()) * 3_600_000_000_000
from forwarder.cli import main
main()
"""


def test_the_clock_jumps_for_hours(tmp_path: Path) -> None:
    shop, offset = Sender(), tmp_path / "hours"
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        offset.write_text("0")
        running = Running(config, program=("-c", JUMPY, str(offset)))
        try:
            for hours in (0, 30, -50, 200, 3):
                offset.write_text(str(hours))
                fake.misbehave({"kind": "unavailable"}, {"kind": "taken and failed"})
                shop.send_until_taken(running.url, shop.events(200))
                tally(shop, fake)
            assert running.stop(signal.SIGTERM) == 0
            offset.write_text("-200")
            running = Running(config, program=("-c", JUMPY, str(offset)))
            shop.send_until_taken(running.url, shop.events(200))
            tally(shop, fake)
            assert all_ended(running.url)
            assert fates(running.url)["delivered"] == len(shop.accepted) == 1200
        finally:
            running.stop()


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[bool]:
    """Mount a small file system where that is allowed; tell whether it was."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take all that is left of a small disk, as another program might."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError:
            return


@pytest.mark.parametrize("others", [False, True], ids=["its own events", "other programs"])
def test_a_full_disk_is_never_a_false_success(tmp_path: Path, others: bool) -> None:
    """Without the right to mount, the bound on the spool stands in for the disk's."""
    shop, port, disk = Sender(), free_port(), tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, 32) as mounted:
        spool = "" if mounted else "max_bytes = 3000000"
        config = write_config(disk, f"http://127.0.0.1:{port}", spool=spool)  # where nobody is yet

        def until_refused(url: str) -> int:
            for taken in range(400):
                events = shop.events(20)
                for event in events:
                    event["context"] = {"padding": token_hex(10_000)}  # which history cannot make small
                status = shop.send(url, events)
                if status != 200:
                    assert status == 429
                    return taken
            raise AssertionError("the disk never filled")

        with forwarder(config) as running:
            first = until_refused(running.url)
            if others and mounted:
                fill(disk / "junk")
            with fake_amplitude(port=port) as fake:
                tally(shop, fake)
            (disk / "junk").unlink(missing_ok=True)
            # Room again: the same file goes on taking as much as before.
            assert eventually(lambda: shop.send(running.url, shop.events(1)) == 200)
            assert until_refused(running.url) > first // 2
            with fake_amplitude(port=port) as fake:
                assert all_ended(running.url)
                assert fates(running.url)["delivered"] == len(shop.accepted)


def start(config: Path) -> subprocess.CompletedProcess[str]:
    """Start a forwarder that is going to refuse."""
    words = [sys.executable, "-m", "forwarder", "serve", "--config", str(config), "--port", "0"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_a_spool_that_cannot_be_used_gives_one_clear_line(tmp_path: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9")
    with forwarder(config):
        second = start(config)
    (tmp_path / "spool.db").write_bytes(b"this was a spool once" * 1000)
    damaged = start(config)
    for done, says in ((second, "is in use by another forwarder"), (damaged, "move the file away")):
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("Error: ")
        assert says in last
        assert "Traceback" not in done.stderr


def test_dead_letters_without_a_forwarder_and_beside_one(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        with forwarder(config) as running:
            fake.misbehave({"kind": "bad"})
            shop.send_until_taken(running.url, shop.events(10))
            tally(shop, fake, ["message-00000000"])
            assert eventually(lambda: metrics(running.url)["forwarder_spool_dead", "fake"] == 1)
            assert dead_names(config) == ["message-00000000"]
            assert '"status": 400' in dead(config, "show", "1")
        assert "sent again: 1" in dead(config, "retry", "1")
        with forwarder(config) as running:
            tally(shop, fake)
            assert all_ended(running.url)
            fake.misbehave({"kind": "silenced"})
            shop.send_until_taken(running.url, shop.events(1))
            assert eventually(lambda: metrics(running.url)["forwarder_spool_dead", "fake"] == 1)
            assert "dropped: 1" in dead(config, "drop", "--all", "--yes")
            assert eventually(lambda: metrics(running.url)["forwarder_spool_dead", "fake"] == 0)
            found = fates(running.url)
            assert (found["delivered"], found["dead"], found["revived"]) == (10, 2, 1)


def test_metrics_tell_every_outcome_over_restarts(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        with forwarder(config) as running:
            events = shop.events(10)
            fake.misbehave({"kind": "bad"})
            shop.send_until_taken(running.url, events)
            shop.send_until_taken(running.url, events)  # all are known already
            excluded = shop.events(2)
            excluded[0]["integrations"] = {"All": False}
            excluded[1]["type"] = "nonsense"
            shop.send(running.url, excluded)
            assert all_ended(running.url)
            shown = metrics(running.url)
            assert shown["forwarder_door_events_total", "duplicate", "", "shop"] == 10
            assert shown["forwarder_door_events_total", "rejected", "unknown_type", "shop"] == 1
        with forwarder(config) as running:
            shown = metrics(running.url)
            for ended, count in {
                ("delivered", ""): 9,
                ("dead", "invalid time"): 1,
                ("filtered", "excluded by integrations"): 1,
            }.items():
                assert shown["forwarder_delivery_events_total", "fake", *ended] == count
            assert fates(running.url)["accepted"] == 11


def test_a_forwarder_whose_spool_fails_says_so_and_ends(tmp_path: Path) -> None:
    """A file damaged under it, as by a bad disk: no sender waits, no event is answered and lost."""
    shop = Sender()
    config = write_config(tmp_path, f"http://127.0.0.1:{free_port()}")
    with forwarder(config) as running:
        shop.send_until_taken(running.url, shop.events(2000))
        assert running.stop(signal.SIGTERM) == 0
    with forwarder(config) as running:
        spool = tmp_path / "spool.db"
        content = bytearray(spool.read_bytes())
        content[len(content) // 3 :] = b"\xff" * (len(content) - len(content) // 3)
        spool.write_bytes(content)
        assert eventually(
            lambda: running.process.poll() is not None or shop.send(running.url, shop.events(1)) != 200
        )
        assert running.process.wait(PATIENCE_S) == 1
        last = running.everything_said()[-1]
        assert "is damaged" in last
        assert "move the file away" in last
