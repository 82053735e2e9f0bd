"""The whole product as its users start it: `python -m web_demo`, its ends, and a forwarder that is killed."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.harness import eventually, fake_amplitude
from tests.integration.running import ROOT, forwarder

CONFIG = """
[spool]
path = "spool.db"
[[sources]]
name = "shop"
write_key = "demo"
[[destinations]]
name = "amplitude"
base_url = "{amplitude}"
linger_ms = 10
[destinations.settings]
apiKey = "demo-api-key"
"""


@contextmanager
def demo(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the supervisor; whatever happens, it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "web_demo", "--no-browser", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_demo_starts_and_ends_without_a_trace() -> None:
    with demo("--port", "0") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        addresses = [re.search(r"http://\S+", line) for line in lines]
        assert all(addresses), lines
        for address in addresses:
            assert address
            assert httpx.get(address.group(), follow_redirects=True).status_code in (200, 404)
        started = children(process.pid)
        assert len(started) == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def test_a_port_in_use_gives_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo("--port", str(port)) as process:
            assert process.wait(30) == 1
            assert process.stderr is not None
            said = process.stderr.read()
    assert said.strip() == (
        f"serve: port {port} is in use; choose another base with --port N, or --port 0 for any free ones"
    )


def send(url: str, numbers: range) -> None:
    events = [
        {
            "type": "track",
            "event": "Seen",
            "userId": "visitor-1",
            "messageId": f"m-{n}",
            "properties": {"n": n},
        }
        for n in numbers
    ]
    answer = httpx.post(f"{url}/v1/batch", auth=("demo", ""), json={"batch": events})
    assert answer.status_code == 200


def test_a_killed_forwarder_delivers_what_was_queued(tmp_path: Path) -> None:
    config = tmp_path / "forwarder.toml"
    with fake_amplitude() as amplitude:
        config.write_text(CONFIG.format(amplitude=amplitude.url))
        amplitude.misbehave({"kind": "hang", "seconds": 60})
        with forwarder(config) as running:
            send(running.url, range(300))
            assert eventually(lambda: amplitude.requests() == 1), "it is delivering, and waits for an answer"
            assert running.stop(signal.SIGKILL) == -signal.SIGKILL
        assert not amplitude.arrivals()
        with forwarder(config) as running:
            found = amplitude.wait_for("Seen", 300)
            send(running.url, range(300))
            send(running.url, range(300, 301))
            assert eventually(lambda: len(amplitude.events("Seen")) == 301)
    assert [event["event_properties"]["n"] for event in found] == list(range(300)), "in the order accepted"
