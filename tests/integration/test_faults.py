"""Whatever dies or misbehaves: accepted = delivered + dead, each counted once, in order per user.

Real processes: the forwarder, a sender, and an Amplitude that misbehaves on demand. Run with ``-s`` to see
the tallies; ``tests/bench/kills.py`` does 50 kills.
"""

import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.running import ROOT, Running, forwarder
from tests.integration.shop import Shop, amplitude, shopping, tally

CONFIG = """
[server]
port = {port}
[spool]
path = "{folder}/spool.db"
[limits]
requests_per_second = 100000
[[sources]]
name = "shop"
write_key = "demo"
[[destinations]]
name = "fake"
base_url = "{amplitude}"
linger_ms = 20
timeout_seconds = 1.5
retry_hours = 1
[destinations.settings]
apiKey = "key-of-the-test"
secretKey = "secret"
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def write_config(folder: Path, to: str, port: int = 0) -> Path:
    path = folder / "forwarder.toml"
    path.write_text(CONFIG.format(folder=folder, amplitude=to, port=port))
    return path


def dead(config: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "forwarder", "dead", words[0], "--config", str(config), *words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def dead_names(config: Path) -> list[str]:
    return [line.split("\t")[4] for line in dead(config, "list").splitlines()]


def kill_under_load(folder: Path, kills: int, chance: random.Random) -> None:
    """Kill the forwarder at random moments while events pour in; then check every one."""
    shop, port = Shop(users=200), free_port()
    with amplitude() as fake:
        config = write_config(folder, fake.url, port)
        running = Running(config)
        try:
            with shopping(shop, running.url):
                for _ in range(kills):
                    time.sleep(chance.uniform(0.1, 0.8))
                    running.stop(signal.SIGKILL)
                    running = Running(config)
                time.sleep(0.3)
            tally(shop, fake, dead_names(config), kills)
        finally:
            running.stop()


def test_kill_9_under_load(tmp_path: Path) -> None:
    kill_under_load(tmp_path, kills=4, chance=random.Random(7))


FAULTS: list[dict[str, object]] = [
    {"kind": "answer", "status": 503},
    {"kind": "taken and failed", "status": 500},
    {"kind": "first is bad"},
    {"kind": "large"},
    {"kind": "large"},
    {"kind": "taken and failed", "status": 502},
    {"kind": "reset"},
    {"kind": "throttle"},
    {"kind": "taken and reset"},
    {
        "kind": "answer",
        "status": 400,
        "body": {"code": 400, "error": "Events silenced", "silenced_events": [0]},
    },
    {"kind": "hang", "seconds": 3},
    {"kind": "answer", "status": 403, "body": {"code": 403, "error": "Forbidden"}},
    {"kind": "slow", "seconds": 0.3},
    {"kind": "taken and failed", "status": 504},
]


def test_every_documented_fault_in_turn(tmp_path: Path) -> None:
    shop = Shop()
    with amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        with forwarder(config) as running:
            fake.faults(*FAULTS)
            while fake.state()["moods"]:
                shop.send_until_taken(running.url, shop.events(40))
                time.sleep(0.2)
            tally(shop, fake, dead_names(config), wait_s=90)
            reasons = {line.rpartition("\t")[2] for line in dead(config, "list").splitlines()}
            assert reasons == {"invalid time", "silenced"}
            # Mended, they go out again with their own insert ids.
            dead(config, "retry", "--all")
            arrived = set(shop.accepted.values())
            wait_until(lambda: {number for *_, number in fake.state()["taken"]} == arrived)
            assert dead_names(config) == []


def wait_until(true: Callable[[], bool], wait_s: float = 30) -> None:
    until = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.1)


def test_a_refused_key_keeps_everything_until_it_is_mended(tmp_path: Path) -> None:
    shop = Shop()
    with amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        with forwarder(config) as running:
            said = {"code": 400, "error": "Invalid API key: key-of-the-test"}
            fake.faults({"kind": "answer", "status": 400, "body": said})
            shop.send_until_taken(running.url, shop.events(100))
            line = running.wait_for("destination is stopped")
            assert "key-of-the-test" not in str(line)
            shop.send_until_taken(running.url, shop.events(100))
            running.hang_up()
            tally(shop, fake, [])
            assert dead_names(config) == []


def test_an_address_that_does_not_exist_costs_nothing_but_time(tmp_path: Path) -> None:
    shop = Shop()
    with amplitude() as fake:
        config = write_config(tmp_path, "http://nowhere.invalid")
        with forwarder(config) as running:
            shop.send_until_taken(running.url, shop.events(200))
            running.wait_for("not all was taken")
            write_config(tmp_path, fake.url)
            running.hang_up()
            tally(shop, fake, [])


def test_amplitude_goes_away_and_comes_back(tmp_path: Path) -> None:
    shop = Shop()
    with amplitude() as first:
        port = first.port
        config = write_config(tmp_path, first.url)
    with forwarder(config) as running:
        shop.send_until_taken(running.url, shop.events(200))
        running.wait_for("not all was taken")
        with amplitude(port) as second:
            tally(shop, second, [])


def test_a_graceful_stop_writes_down_what_was_delivered(tmp_path: Path) -> None:
    shop = Shop()
    with amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        fake.faults(*[{"kind": "slow", "seconds": 0.5}] * 4)
        with forwarder(config) as running:
            shop.send_until_taken(running.url, shop.events(300))
            time.sleep(0.2)
            assert running.stop(signal.SIGTERM) == 0
        with forwarder(config):
            tally(shop, fake, [])
        assert fake.state()["repeats"] == 0


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


def test_a_full_disk_is_never_a_false_success(tmp_path: Path) -> None:
    """Without the right to mount, the bound on the spool stands in for the disk's."""
    shop, port, disk = Shop(), free_port(), tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, 24) as mounted:
        config = write_config(disk, f"http://127.0.0.1:{port}")  # where nobody is yet
        if not mounted:
            config.write_text(config.read_text().replace("[limits]", "max_bytes = 3000000\n[limits]"))
        with forwarder(config) as running:
            statuses = [200]
            while statuses[-1] == 200:
                events = shop.events(20)
                for event in events:
                    event["context"] = {"padding": "x" * 20_000}
                statuses.append(shop.send(running.url, events))
                assert len(statuses) < 400, "the disk never filled"
            assert statuses[-1] == 429
            with amplitude(port) as fake:
                tally(shop, fake, [])
                # Room again: the same file goes on taking events.
                wait_until(lambda: shop.send(running.url, shop.events(1)) == 200)
                tally(shop, fake, [])


def test_metrics_tell_every_outcome(tmp_path: Path) -> None:
    shop = Shop()
    with amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        config.write_text(
            config.read_text().replace("[server]", '[server]\noperator_token = "sixteen-letters-x"')
        )
        with forwarder(config) as running:
            events = shop.events(10)
            fake.faults({"kind": "first is bad"})
            shop.send_until_taken(running.url, events)
            shop.send_until_taken(running.url, events)  # all are known already
            excluded = shop.events(1)
            excluded[0]["integrations"] = {"All": False}
            shop.send(running.url, excluded)
            shop.accepted.popitem()
            tally(shop, fake, ["message-00000000"])

            def shown() -> str:
                request = urllib.request.Request(
                    f"{running.url}/metrics", headers={"authorization": "Bearer sixteen-letters-x"}
                )
                with urllib.request.urlopen(request) as answer:
                    return str(answer.read().decode())

            for ended in (
                'outcome="delivered",reason=""} 9.0',
                'outcome="dead",reason="invalid time"} 1.0',
                'outcome="filtered",reason="excluded by integrations"} 1.0',
            ):
                line = f'forwarder_delivery_events_total{{destination="fake",{ended}'
                wait_until(lambda line=line: line in shown())  # type: ignore[misc]
