"""Who serves from a stream, as supervisors and balancers see it, and ends while NATS is away."""

import json
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.support.amplitude import fake_amplitude
from tests.support.configuration import TOKEN
from tests.support.forwarder import Running
from tests.support.kills import machine
from tests.support.nats import Nats, nats_server
from tests.support.sender import Sender, post, tally
from tests.support.spools import somewhere
from tests.support.waiting import PATIENCE_S, eventually


@contextmanager
def started(config: Path, until: str = "listening") -> Iterator[Running]:
    """Run a forwarder with a status port as long as the block lasts."""
    text = config.read_text()
    if "status_port" not in text:
        config.write_text(text.replace("[server]", "[server]\nstatus_port = 0", 1))
    running = Running(config, "--port", "0", until=until)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGKILL)
        elif running.process.stderr and not running.process.stderr.closed:
            running.process.stderr.close()


def status_address(running: Running) -> str:
    """Return where a forwarder's status is asked for."""
    lines = (json.loads(line) for line in running.said if line.startswith("{"))
    return next(f"http://127.0.0.1:{line['port']}" for line in lines if line["event"] == "status port")


def asked(address: str, path: str, token: str = "") -> tuple[int, str]:
    """Return status and text of an answer."""
    request = urllib.request.Request(address + path, headers={"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except urllib.error.URLError:  # it does not listen yet
        return 0, '{"status": ""}'


def state(address: str, path: str) -> tuple[int, str]:
    """Return the status code, and the status in words."""
    code, text = asked(address, path)
    return code, json.loads(text)["status"]


def says(address: str, path: str, wanted: tuple[int, str]) -> bool:
    """Tell whether the status is what it should be."""
    return state(address, path) == wanted


def writable(address: str) -> str:
    """Return what the metric says of whether events can be accepted."""
    code, text = asked(address, "/metrics", TOKEN)
    assert code == 200
    return next(line for line in text.splitlines() if line.startswith("forwarder_spool_writable ")).split()[1]


def test_supervisors_learn_who_serves_and_what_is_wrong(tmp_path: Path) -> None:
    with nats_server() as server, fake_amplitude() as fake:
        stream = somewhere(server, tmp_path).place
        one, two = (machine(tmp_path, name, stream, fake) for name in ("one", "two"))
        stands_by = "standing by: another forwarder serves from this stream"
        with started(one) as first, started(two, stands_by) as second:
            serving, standing = status_address(first), status_address(second)
            for address, path in product((serving, first.url), ("/health", "/ready")):
                assert eventually(partial(says, address, path, (200, "ok")))
            assert state(standing, "/health") == (200, "standby")
            assert state(standing, "/ready") == (503, "standby")
            assert eventually(lambda: (writable(serving), writable(standing)) == ("1.0", "0.0"))
            assert asked(standing, "/metrics")[0] == 401
            assert asked(standing, "/v1/t")[0] == 404, "no events come here"

            server.kill()
            assert eventually(lambda: state(serving, "/ready") == (503, "stream_silent"))
            assert state(first.url, "/ready") == (503, "stream_silent")
            assert state(serving, "/health") == (200, "stream_silent"), "a restart would mend nothing"
            assert state(standing, "/health") == (200, "standby")
            assert writable(serving) == "0.0"
            server.start()
            assert eventually(lambda: state(serving, "/ready") == (200, "ok"))

            assert first.stop(signal.SIGTERM) == 0
            second.wait_for("listening")
            for address in (standing, second.url):
                assert eventually(partial(says, address, "/ready", (200, "ok")))


@pytest.mark.parametrize("idle", [True, False])
def test_a_stop_while_nats_is_away_is_a_good_end(tmp_path: Path, idle: bool) -> None:
    """Senders who wait are told in JSON to come again, and nothing of theirs is lost."""
    with fake_amplitude() as fake, nats_server() as server:
        config = machine(tmp_path, "one", somewhere(server, tmp_path).place, fake)
        shop, answers = Sender(), list[tuple[int, Any]]()
        with started(config) as running:
            shop.send_until_taken(running.url, shop.events(20))
            events = shop.events(20)
            server.kill()
            sender = threading.Thread(
                target=lambda: answers.append(post(f"{running.url}/v1/batch", {"batch": events}))
            )
            if not idle:
                sender.start()
            running.wait_for("the stream takes nothing; events wait")
            assert running.stop(signal.SIGTERM) == 0
            said = "".join(running.said)
            assert "Traceback" not in said
            assert "never retrieved" not in said
        if not idle:
            sender.join(PATIENCE_S)
            ((status, answer),) = answers
            assert status == 503
            assert answer["code"] in ("spool_lost", "stream_silent")
            assert answer["success"] is False
        server.start()
        with started(config) as running:
            shop.send_until_taken(running.url, events)
            tally(shop, fake)


def test_a_stop_while_standing_by_is_a_good_end(tmp_path: Path) -> None:
    with fake_amplitude() as fake, nats_server() as server:
        stream = somewhere(server, tmp_path).place
        one, two = (machine(tmp_path, name, stream, fake) for name in ("one", "two"))
        stands_by = "standing by: another forwarder serves from this stream"
        with started(one), started(two, stands_by) as second, started(two, stands_by) as third:
            assert second.stop(signal.SIGTERM) == 0
            server.kill()
            third.wait_for("NATS does not answer; standing by")
            assert third.stop(signal.SIGTERM) == 0
            for running in (second, third):
                said = "".join(running.said)
                assert "Traceback" not in said
                assert "never retrieved" not in said


def test_of_two_that_start_together_on_one_copy_one_serves(tmp_path: Path, nats: Nats) -> None:
    with fake_amplitude() as fake:
        config = machine(tmp_path, "one", somewhere(nats, tmp_path).place, fake)
        with started(config, "status port") as first, started(config, "status port") as second:
            both = {status_address(one): one for one in (first, second)}

            ready: list[str] = []

            def look() -> list[str]:
                ready[:] = [address for address in both if state(address, "/ready")[0] == 200]
                return ready

            assert eventually(look)
            (serving,) = ready
            (other,) = both.keys() - {serving}
            assert both.pop(serving).stop(signal.SIGKILL) == -signal.SIGKILL
            assert eventually(lambda: look() == [other])
            shop = Sender()
            both[other].wait_for("listening")
            shop.send_until_taken(both[other].url, shop.events(20))
            tally(shop, fake)
