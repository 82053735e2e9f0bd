"""A real NATS server with JetStream."""

import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import free_port
from tests.support.waiting import eventually

PROGRAM = Path(sysconfig.get_path("scripts"), "nats-server")


class Nats:
    """One server; what it stores outlives ``kill`` and is there again after ``start``."""

    def __init__(self, folder: Path, port: int = 0, *arguments: str) -> None:
        self.port = port or free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._folder = folder
        self._arguments = arguments
        self.start()

    def start(self) -> None:
        """Run it; it takes connections when this returns."""
        log = self._folder / "log"
        log.unlink(missing_ok=True)
        command: list[str | Path] = [PROGRAM, "-js", "-sd", self._folder / "store", "-a", "127.0.0.1"]
        command += ["-p", str(self.port), "-l", log, *self._arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        assert eventually(lambda: log.exists() and "Server is ready" in log.read_text()), "NATS did not start"

    def kill(self) -> None:
        """Have it end in the middle of whatever it does."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def nats_server(*arguments: str) -> Iterator[Nats]:
    """Run a server as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        server = Nats(Path(folder), 0, *arguments)
        try:
            yield server
        finally:
            server.kill()
