"""A forwarder's operator: its configuration, its metrics, its dead letters."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.running import ROOT

TOKEN = "sixteen-letters-x"
CONFIG = """
[server]
port = {port}
operator_token = "{token}"
stop_seconds = 3
[spool]
path = "{folder}/spool.db"
{spool}
[limits]
requests_per_second = 100000
events_per_second = 1000000
bytes_per_second = 1000000000
[[sources]]
name = "shop"
write_key = "demo"
"""
DESTINATION = """
[[destinations]]
name = "{name}"
base_url = "{url}"
linger_ms = 20
timeout_seconds = 1.5
retry_hours = 1
{more}
[destinations.settings]
apiKey = "key-of-the-test"
secretKey = "secret"
"""


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def write_config(
    folder: Path, to: str | dict[str, str], *, port: int = 0, spool: str = "", more: str = ""
) -> Path:
    """Write a configuration with one destination, or several by name; return where it lies."""
    path = folder / "forwarder.toml"
    text = CONFIG.format(folder=folder, port=port, token=TOKEN, spool=spool)
    for name, url in (to if isinstance(to, dict) else {"fake": to}).items():
        text += DESTINATION.format(name=name, url=url, more=more)
    path.write_text(text)
    return path


def dead(config: Path, *words: str) -> str:
    """Run ``forwarder dead`` and return what it prints."""
    command = [sys.executable, "-m", "forwarder", "dead", words[0], "--config", str(config), *words[1:]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def dead_names(config: Path) -> list[str]:
    """Return the message ids of the dead letters."""
    return [line.split("\t")[4] for line in dead(config, "list").splitlines()]


def metrics(url: str) -> Counter[tuple[str, ...]]:
    """Return the metrics' values by name and label values, these in the order of the labels' names."""
    request = urllib.request.Request(f"{url}/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    found: Counter[tuple[str, ...]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[(sample.name, *dict(sorted(sample.labels.items())).values())] = int(sample.value)
    return found


def fates(url: str, destination: str = "fake") -> Counter[str]:
    """Return how many events of a destination came to what; see that none is missing and none is twice."""
    shown = metrics(url)
    found: Counter[str] = Counter()
    for labels, value in shown.items():
        if labels[:2] == ("forwarder_delivery_events_total", destination):
            found[labels[2]] += value
    for name in ("accepted_total", "revived_total", "waiting"):
        found[name.removesuffix("_total")] = shown[f"forwarder_delivery_{name}", destination]
    ended = found["delivered"] + found["filtered"] + found["dead"]
    assert found["accepted"] == ended - found["revived"] + found["waiting"], found
    return found


def wait_until(true: Callable[[], bool], wait_s: float = 30) -> None:
    """Wait until something is so."""
    until = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.1)
