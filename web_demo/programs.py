"""Programs of the demo as processes: start them, wait until they answer, stop them."""

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

HOST = "127.0.0.1"
READY_WITHIN_S = 60
"""Until a program that does not answer counts as failed: many times what a start takes on a slow machine."""
STOP_WITHIN_S = 15
"""Until a program that was asked to end is killed: the forwarder stops within 10 s (``stop_seconds``)."""


@dataclass
class Program:
    """A program of ours: its name, its command line, where it answers when it is ready, where it writes."""

    name: str
    command: list[str]
    url: str
    ready: str
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C reaches it only through us."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def answers(self) -> bool:
        """Return whether it answers yet."""
        try:
            with urllib.request.urlopen(self.url + self.ready, timeout=2) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def ended(self) -> bool:
        """Return whether it has ended by itself."""
        return self.process is not None and self.process.poll() is not None


def fail(message: str) -> NoReturn:
    """End with one line."""
    print(f"serve: {message}", file=sys.stderr)
    raise SystemExit(1)


def ports(base: int) -> list[int]:
    """Return three ports nobody listens on: ``base`` and the next two, or any for 0."""
    listeners: list[socket.socket] = []
    for port in (base, base + 1, base + 2) if base else (0, 0, 0):
        listener = socket.socket()
        listeners.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            fail(f"port {port}: {why}; choose another base with --port N, or --port 0 for free ones")
    found = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return found


def wait(programs: Sequence[Program]) -> None:
    """Wait until all answer; end with the log's last lines where one does not."""
    end = time.monotonic() + READY_WITHIN_S
    for program in programs:
        while not program.answers():
            if program.ended() or time.monotonic() > end:
                tail = program.log.read_text(errors="replace").strip().splitlines()[-12:]
                print("\n".join(tail), file=sys.stderr)
                fail(f"the {program.name} did not start; its whole log is {program.log}")
            time.sleep(0.05)


def stop(programs: Sequence[Program]) -> None:
    """End them in the order in which events flow, so that nothing on the way is cut off."""
    for program in programs:
        if program.process is not None and not program.ended():
            program.process.send_signal(signal.SIGTERM)
    end = time.monotonic() + STOP_WITHIN_S
    for program in programs:
        if program.process is None:
            continue
        try:
            program.process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            program.process.kill()
            program.process.wait()
