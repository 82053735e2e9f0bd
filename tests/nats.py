"""A real NATS server with JetStream, and places in it."""

import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from forwarder.spool import Spool, open_spool
from tests.harness import eventually
from tests.integration.operating import free_port

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


class Where(NamedTuple):
    """Where a spool is. ``copy``: a stream's copy."""

    place: str
    copy: Path

    async def open(self, max_events: int = 1000, max_bytes: int = 10**6, *, tool: bool = False) -> Spool:
        """Open the spool."""
        return await open_spool(
            self.place, max_events=max_events, max_bytes=max_bytes, tool=tool, copy=self.copy
        )


def at(path: Path) -> Where:
    """Return the place of a file."""
    return Where(str(path), path.with_name("copy.db"))


def somewhere(server: Nats | None, folder: Path) -> Where:
    """Return where a new spool may be: a stream of the server, or without one a file."""
    return Where(f"{server.url}/{uuid4().hex}", folder / "copy.db") if server else at(folder / "spool.db")
