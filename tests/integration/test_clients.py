"""Real client libraries against a running forwarder: every event arrives once."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from segment.analytics.client import Client  # type: ignore[import-untyped]  # it has none

from tests.integration.receiver import Receiver, receiver
from tests.integration.running import Running, forwarder

TOKEN = "an operator's long token"
CONFIG = f"""
[server]
operator_token = "{TOKEN}"
[[sources]]
name = "server"
write_key = "server-key"
[[destinations]]
name = "amplitude"
base_url = "URL"
[destinations.settings]
apiKey = "k"
secretKey = "s"
"""
COUNT = 50


@pytest.fixture
def amplitude() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def running(amplitude: Receiver, tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "forwarder.toml").write_text(CONFIG.replace("URL", amplitude.url))
    with forwarder(tmp_path / "forwarder.toml") as process:
        yield process


def eventually(true: Callable[[], bool]) -> bool:
    """Wait until something is so, 20 seconds at most."""
    until = time.monotonic() + 20
    while not true() and time.monotonic() < until:
        time.sleep(0.05)
    return true()


def arrived_once(amplitude: Receiver, prefix: str) -> bool:
    counts = Counter(str(event.get("insert_id")) for event in amplitude.events())
    return all(counts[f"{prefix}-{number}"] == 1 for number in range(COUNT))


def test_analytics_node(running: Running, amplitude: Receiver) -> None:
    script = Path(__file__).with_name("send.mjs")
    command = ["node", str(script), running.url, "server-key", str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    assert eventually(lambda: arrived_once(amplitude, "node"))
    assert eventually(lambda: {"/2/httpapi", "/identify"} <= {path for path, _ in amplitude.items})


@pytest.mark.parametrize("compressed", [True, False])
def test_analytics_python(running: Running, amplitude: Receiver, compressed: bool) -> None:
    problems: list[object] = []

    def on_error(error: object, items: object) -> None:
        problems.append(error)

    client = Client("server-key", host=running.url, gzip=compressed, on_error=on_error, upload_interval=0.1)
    for number in range(COUNT):
        client.track("u", "Seen", {"number": number}, message_id=f"python-{number}")
    client.identify("u", {"plan": "pro", "not a number": float("nan")})
    client.shutdown()
    assert problems == []
    assert eventually(lambda: arrived_once(amplitude, "python"))
    assert eventually(lambda: any(path == "/identify" for path, _ in amplitude.items))


def test_analytics_python_gives_up_on_a_wrong_key_at_once(running: Running) -> None:
    problems: list[object] = []

    def on_error(error: object, items: object) -> None:
        problems.append(error)

    client = Client("another-key", host=running.url, on_error=on_error, upload_interval=0.1)
    client.track("u", "Seen")
    client.shutdown()
    [problem] = problems
    assert "unknown_write_key" in str(problem)
    counters = httpx.get(f"{running.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    assert 'forwarder_requests_refused_total{code="unknown_write_key"} 1.0' in counters
