"""A forwarder in operation: reload and stop under load, behind a proxy, without leaking secrets."""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import patient
from tests.support.configuration import configuration
from tests.support.forwarder import Running, forwarder
from tests.support.load import Load
from tests.support.processes import ROOT
from tests.support.spools import spooled, spooled_ids
from tests.support.waiting import PATIENCE_S

TOKEN, API_KEY, SECRET_KEY = "an-operators-long-token", "the-api-key-of-it", "the-secret-key-of-it"
CONFIG = configuration(
    amplitude="http://127.0.0.1:9",
    server={"operator_token": TOKEN, "trusted_proxies": ["127.0.0.1"]},
    settings={"apiKey": API_KEY, "secretKey": SECRET_KEY},
)
PAGE = {"library": {"name": "analytics.js"}}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "forwarder.toml").write_text(CONFIG)
    with forwarder(tmp_path / "forwarder.toml") as process:
        yield process


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Running]:
    """One forwarder for all tests that do not end it or change its configuration."""
    (folder / "forwarder.toml").write_text(CONFIG)
    with forwarder(folder / "forwarder.toml") as process:
        yield process


def kept_of(folder: Path, event: str) -> list[dict[str, Any]]:
    """Return the events of one name that its spool holds."""
    return [one for one in spooled(folder) if one["event"] == event]


def test_reading_the_configuration_again_loses_no_request(running: Running, tmp_path: Path) -> None:
    loads = [Load(running.url, f"load{number}") for number in range(4)]
    for load in loads:
        load.start()
    for number in range(3):
        extra = f'[[sources]]\nname = "more{number}"\nwrite_key = "more{number}"\n'
        (tmp_path / "forwarder.toml").write_text(CONFIG + extra)
        running.hang_up()
        running.wait_for("configuration reloaded")
        (tmp_path / "forwarder.toml").write_text(CONFIG + "[limits]\nnesting = 1\n")
        running.hang_up()
        running.wait_for("configuration not reloaded, the old one stays")
    for load in loads:
        load.ending.set()
        load.join(60)
    assert [load.others for load in loads] == [[], [], [], []]
    assert running.stop() == 0
    kept = set(spooled_ids(tmp_path))
    assert {number for load in loads for number in load.accepted} == kept
    assert not [line for line in running.everything_said() if "next start" in line], "nothing else changed"


def test_only_what_differs_from_the_start_waits_for_the_next_one(running: Running, tmp_path: Path) -> None:
    changed = CONFIG + "[limits]\nidle_seconds = 80.0\n"
    for text in (changed, changed + '[[sources]]\nname = "b"\nwrite_key = "b"\n', CONFIG):
        (tmp_path / "forwarder.toml").write_text(text)
        running.hang_up()
        running.wait_for("configuration reloaded")
    running.stop()
    waiting = [line for line in running.everything_said() if "next start" in line]
    assert len(waiting) == 2, "as long as it differs, not where it is as it was"
    assert all("limits.idle_seconds" in line for line in waiting)


def test_the_first_line_says_what_starts(running: Running, tmp_path: Path) -> None:
    running.stop()
    first = json.loads(running.everything_said()[0])
    assert first["event"] == "starting"
    assert first["version"] == version("amplitude-session-forwarder")
    assert first["configuration"] == str(tmp_path / "forwarder.toml")
    assert first["spool"] == str(tmp_path / "spool.db")
    assert (first["sources"], first["destinations"]) == (["web"], ["amplitude"])


def test_no_counter_has_a_second_series_for_its_beginning(shared: Running) -> None:
    event = {"event": "E", "userId": "u", "writeKey": "web-key"}
    assert patient.post(f"{shared.url}/v1/t", json=event).status_code == 200
    said = patient.get(f"{shared.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    assert "forwarder_delivery_accepted_total" in said
    assert "_created" not in said


def test_what_it_writes_is_for_its_own_user_alone(shared: Running, folder: Path) -> None:
    event = {"event": "DedupIndex", "userId": "u", "writeKey": "web-key"}
    assert patient.post(f"{shared.url}/v1/t", json=event).status_code == 200
    files = list(folder.glob("spool.db*"))
    assert files
    assert not [file for file in files if file.stat().st_mode & 0o077]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_keeps_what_was_accepted(running: Running, tmp_path: Path, number: signal.Signals) -> None:
    loads = [Load(running.url, f"load{number}") for number in range(4)]
    for load in loads:
        load.start()
    while min(len(load.accepted) for load in loads) < 5:
        loads[0].ending.wait(0.01)
    assert running.stop(number) == 0
    for load in loads:
        load.join(60)
        assert all(isinstance(other, httpx.TransportError) for other in load.others), load.others
    kept = set(spooled_ids(tmp_path))
    assert {number for load in loads for number in load.accepted} <= kept


def test_a_proxys_word_counts_for_the_address_and_the_scheme(shared: Running, folder: Path) -> None:
    event = {"event": "By a proxy", "userId": "u", "writeKey": "web-key", "context": PAGE}
    headers = {"x-forwarded-for": "unknown", "x-forwarded-proto": "https"}
    for said in ("6.6.6.6, 203.0.113.7", "203.0.113.7:4711", "[2001:db8::7]:4711", "unknown"):
        headers["x-forwarded-for"] = said
        assert patient.post(f"{shared.url}/v1/t", json=event, headers=headers).status_code == 200
    document = patient.get(f"{shared.url}/v1/projects/web-key/settings", headers=headers).json()
    assert document["integrations"]["Segment.io"]["protocol"] == "https"
    addresses = [kept["context"].get("ip") for kept in kept_of(folder, "By a proxy")]
    assert addresses == ["203.0.113.7", "203.0.113.7", "2001:db8::7", None]


@pytest.mark.parametrize("path", ["/v1/pixel/track", "/v1/pixel/track/", "/p/i/t"])
def test_a_picture_takes_an_event(shared: Running, folder: Path, path: str) -> None:
    name = f"Mail opened, {path}"
    event = {"event": name, "userId": "ü?>", "writeKey": "web-key"}
    data = base64.b64encode(json.dumps(event).encode()).decode()
    answer = patient.get(f"{shared.url}{path}", params={"data": data})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert patient.get(f"{shared.url}/v1/pixel/track", params={"data": "nonsense"}).status_code == 200
    assert patient.get(f"{shared.url}/v1/pixel/other").json()["code"] == "not_found"
    assert patient.post(f"{shared.url}/v1/pixel/track").json()["code"] == "method_not_allowed"
    assert patient.head(f"{shared.url}/v1/pixel/track", params={"data": data}).status_code == 200
    [kept] = kept_of(folder, name)
    assert kept["userId"] == "ü?>"


def test_no_secret_leaves_the_process(running: Running) -> None:
    operator = {"authorization": f"Bearer {TOKEN}"}
    event = {"event": "DedupIndex", "userId": "u", "writeKey": "web-key"}
    seen = [patient.post(f"{running.url}/v1/t", json=event).text]
    for path in (
        "/metrics",
        "/openapi.json",
        "/health",
        "/v1/projects/web-key/settings",
        "/console",
        "/nowhere",
    ):
        for headers in ({}, operator, {"authorization": "Bearer wrong"}):
            answer = patient.get(running.url + path, headers=headers)
            seen += [answer.text, str(answer.headers)]
    running.wait_for("not all was taken")
    running.hang_up()
    running.wait_for("configuration reloaded")
    running.stop()
    seen += running.everything_said()
    for secret in (TOKEN, API_KEY, SECRET_KEY):
        assert not any(secret in text for text in seen)


def test_a_port_in_use_is_one_clear_line(shared: Running) -> None:
    port = shared.url.rpartition(":")[2]
    command = [sys.executable, "-m", "forwarder", "serve", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, cwd=ROOT)
    assert done.returncode == 1
    said = f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --host or --port"
    assert said in done.stderr
    assert "Traceback" not in done.stderr
