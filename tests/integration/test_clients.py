"""Real client libraries against a running forwarder: every event arrives once."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from segment.analytics.client import Client  # type: ignore[import-untyped]  # it has none

from tests.support import patient
from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import configuration
from tests.support.forwarder import Running, forwarder
from tests.support.waiting import PATIENCE_S, eventually

TOKEN = "an operator's long token"
COUNT = 50


def configured(amplitude: Amplitude) -> str:
    server, keys = {"operator_token": TOKEN}, {"secretKey": "s"}
    return configuration("server", "server-key", amplitude.url, server=server, settings=keys)


@pytest.fixture(scope="module")
def amplitude() -> Iterator[Amplitude]:
    with fake_amplitude() as running:
        yield running


@pytest.fixture(scope="module")
def running(amplitude: Amplitude, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    config = tmp_path_factory.mktemp("clients") / "forwarder.toml"
    config.write_text(configured(amplitude))
    with forwarder(config) as process:
        yield process


def arrived_once(amplitude: Amplitude, event: str, prefix: str) -> None:
    """Wait until all events of a client have arrived, each of them once."""

    def times() -> Counter[object]:
        return amplitude.times(event, lambda item: item["insert_id"])

    assert eventually(lambda: len(times()) >= COUNT), times()
    assert times() == {f"{prefix}-{number}": 1 for number in range(COUNT)}


def test_analytics_node(running: Running, amplitude: Amplitude) -> None:
    script = Path(__file__).with_name("send.mjs")
    command = ["node", str(script), running.url, "server-key", str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stderr == ""
    arrived_once(amplitude, "Seen from node", "node")
    assert eventually(lambda: amplitude.on("/identify"))


@pytest.mark.parametrize("compressed", [True, False])
def test_analytics_python(running: Running, amplitude: Amplitude, compressed: bool) -> None:
    problems: list[object] = []

    def on_error(error: object, items: object) -> None:
        problems.append(error)

    event = f"Seen from python, compressed: {compressed}"
    client = Client("server-key", host=running.url, gzip=compressed, on_error=on_error, upload_interval=0.1)
    for number in range(COUNT):
        client.track("python-user", event, {"number": number}, message_id=f"python-{compressed}-{number}")
    client.identify(f"python-{compressed}", {"plan": "pro", "not a number": float("nan")})
    client.shutdown()
    assert problems == []
    arrived_once(amplitude, event, f"python-{compressed}")
    users = [f"python-{compressed}"]
    assert eventually(lambda: users == [item["user_id"] for item in identified(amplitude, *users)])


def identified(amplitude: Amplitude, *users: str) -> list[dict[str, Any]]:
    return [item for item in amplitude.on("/identify") if item.get("user_id") in users]


def test_analytics_python_gives_up_on_a_wrong_key_at_once(running: Running) -> None:
    problems: list[object] = []

    def on_error(error: object, items: object) -> None:
        problems.append(error)

    client = Client("another-key", host=running.url, on_error=on_error, upload_interval=0.1)
    client.track("u", "Seen")
    client.shutdown()
    [problem] = problems
    assert "unknown_write_key" in str(problem)
    counters = patient.get(f"{running.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    assert 'forwarder_requests_refused_total{code="unknown_write_key"} 1.0' in counters
