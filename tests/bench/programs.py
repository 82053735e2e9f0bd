"""Programs under measurement: the CPU time and memory they use, and where they listen."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ROOT

TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """A program under measurement."""

    def __init__(self, *words: str, quiet: bool = True) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cpu(self) -> float:
        """Return the CPU seconds it has used, user and system, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self) -> float:
        """Return its resident memory in MB, without files it has mapped."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) / 1024

    def port(self) -> int:
        """Return the port it prints first."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def listening(self) -> int:
        """Return the port its log tells of."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{") and (said := json.loads(line))["event"] == "listening":
                return int(said["address"].rpartition(":")[2])
        raise AssertionError("the forwarder did not start")

    def end(self) -> None:
        """Stop it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)


@contextmanager
def running(*words: str) -> Iterator[Process]:
    """Run a program as long as the block lasts."""
    process = Process(*words)
    try:
        yield process
    finally:
        process.end()
