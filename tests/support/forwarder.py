"""A real forwarder process on a free port, and its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from tests.support.processes import ROOT
from tests.support.waiting import PATIENCE_S

HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Starts a program as a service manager does that keeps its socket."""


class Running:
    """One process of ``forwarder serve``; its log lines as they come."""

    url = ""

    def __init__(
        self,
        config: Path,
        *arguments: str,
        program: Sequence[str] = ("-m", "forwarder"),
        until: str = "listening",
        listener: socket.socket | None = None,
    ) -> None:
        """``program``: what Python runs as the forwarder; ``until``: what is waited for.

        ``listener``: is handed over as a service manager does it.
        """
        command = [sys.executable, *program, "serve", "--config", str(config), *arguments]
        if listener is not None:
            command = [sys.executable, "-c", HAND_OVER, str(listener.fileno()), *command]
        self.process = subprocess.Popen(
            command,
            pass_fds=[] if listener is None else [listener.fileno()],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: Queue[str] = Queue()
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(until)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put("")

    def wait_for(self, event: str) -> dict[str, object]:
        """Return the next log line that tells of ``event``."""
        while line := self._lines.get(timeout=PATIENCE_S):
            self.said.append(line)
            if line.startswith("{"):
                said: dict[str, object] = json.loads(line)
                if said["event"] == "listening":
                    self.url = str(said["address"])
                if said["event"] == event:
                    return said
        raise AssertionError(f"the forwarder ended before it said {event}: {self.said}")

    def everything_said(self) -> list[str]:
        """Return all log lines of a forwarder that has ended."""
        while line := self._lines.get(timeout=PATIENCE_S):
            self.said.append(line)
        return self.said

    def cpu_s(self) -> float:
        """Return the seconds of CPU that it has used, whatever else the machine does."""
        used = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")

    def hang_up(self) -> None:
        """Have it read its configuration again."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait, and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        if self.process.stderr:
            self.process.stderr.close()
        return code


@contextmanager
def forwarder(config: Path, port: int = 0, program: Sequence[str] = ("-m", "forwarder")) -> Iterator[Running]:
    """Run a forwarder as long as the block lasts; port 0 is a free one. ``program``: see ``Running``."""
    running = Running(config, "--port", str(port), program=program)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()
        elif running.process.stderr and not running.process.stderr.closed:
            running.process.stderr.close()
