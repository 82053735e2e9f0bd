"""``build.py serve``'s programs: three addresses that answer, and nothing left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import patient
from tests.support.processes import ROOT
from tests.support.waiting import PATIENCE_S, eventually

NAMES = ("shop", "forwarder", "fake Amplitude")


class Demo:
    """A running demo and where its programs answer."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "web_demo", "--port", "0", "--no-browser"]
        self.process = subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in NAMES]
        self.addresses = {name: line.split()[-1] for name, line in zip(NAMES, lines, strict=True)}
        assert [line.partition(":")[0] for line in lines] == list(NAMES)
        self.console = self.process.stdout.readline().split()[-1]

    def children(self) -> list[int]:
        """Return the process ids of its programs."""
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(one) for one in text.split()]

    def stop(self, number: int) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode


@contextmanager
def demo() -> Iterator[Demo]:
    running = Demo()
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGTERM)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_three_addresses_answer_and_a_signal_ends_all(number: int) -> None:
    with demo() as running:
        assert "Third Wave" in patient.get(running.addresses["shop"]).text
        settings = patient.get(running.addresses["forwarder"] + "/v1/projects/demo/settings").json()
        [plugin] = settings["remotePlugins"]
        assert patient.get(plugin["url"]).status_code == 200
        with patient.client() as browser:
            assert "You are signed in" in browser.get(running.console).text
            assert "Source shop" in browser.get(running.addresses["forwarder"] + "/console/settings").text
        assert patient.get(running.addresses["forwarder"] + "/console").status_code == 401
        children = running.children()
        assert len(children) == len(NAMES)
        assert running.stop(number) == 0
        assert not any(map(alive, children))


def test_an_event_goes_all_the_way_and_two_demos_do_not_meet() -> None:
    with demo() as one, demo() as other:
        event = {"event": "Seen", "userId": "user-1", "type": "track", "writeKey": "demo"}
        patient.post(one.addresses["forwarder"] + "/v1/track", json=event).raise_for_status()

        def arrivals(running: Demo) -> list[object]:
            said = patient.get(running.addresses["fake Amplitude"] + "/_/events").json()
            return [arrival["item"]["event_type"] for arrival in said["arrivals"]]

        assert eventually(lambda: arrivals(one) == ["Seen"])
        assert arrivals(other) == []


def test_one_program_that_ends_ends_all() -> None:
    with demo() as running:
        children = running.children()
        os.kill(children[0], signal.SIGKILL)
        _, said = running.process.communicate(timeout=PATIENCE_S)
        assert running.process.returncode == 1
        assert re.search(r"^serve: the \S+ has ended; its log is ", said, re.MULTILINE), said
        assert not any(map(alive, children))


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = [sys.executable, "-m", "web_demo", "--no-browser", "--port", str(port)]
        done = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    assert done.returncode == 1, done
    [line] = [one for one in done.stderr.splitlines() if one.startswith("serve:")]
    assert f"port {port}: Address already in use; choose another base" in line


@pytest.mark.parametrize("port", ["99999", "-1", "abc"])
def test_a_port_that_is_none_is_one_line(port: str) -> None:
    words = [sys.executable, "build.py", "serve", f"--port={port}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    assert f"{port} is no base port" in done.stderr
