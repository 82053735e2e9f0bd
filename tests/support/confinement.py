"""What a unit test may not do: start a process, speak to another machine, write outside its folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTS = {
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
}
"""Python's audit events of a process that starts."""
OWN_MACHINE = ("127.", "::1", "localhost", "::ffff:127.")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
OF_TOOLS = ("__pycache__", ".hypothesis", ".pytest_cache", "/dev/", "hcl2/.lark_cache.bin")
"""Parts of paths that Python, the test tools and the Terraform parser (a cache) write to by themselves."""


class ConfinementError(AssertionError):
    """A unit test did what unit tests do not."""


class Confinement:
    """The hook that Python tells of every such act. It stays for good, and minds only while it is ``on``."""

    def __init__(self) -> None:
        self.on = False
        self.folder = ""
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.on:
            return
        if event in STARTS:
            raise ConfinementError(f"a unit test started a process ({event})")
        if event == "socket.connect":
            self._connects(arguments[1])
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITES and not isinstance(path, int):
                self._writes(path)
        elif event == "sqlite3.connect" and arguments[0] != ":memory:":  # SQLite opens the file by itself
            self._writes(arguments[0])

    def _connects(self, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "127."  # a path is this machine's own
        if not str(host).startswith(OWN_MACHINE):
            raise ConfinementError("a unit test spoke to another machine")

    def _writes(self, path: object) -> None:
        where = os.path.abspath(path if isinstance(path, str) else os.fsdecode(path))  # type: ignore[arg-type]
        if not where.startswith(self.folder) and not any(part in where for part in OF_TOOLS):
            raise ConfinementError(f"a unit test wrote {where}; tmp_path is where it may")


CONFINEMENT = Confinement()


@contextmanager
def confined(folder: Path) -> Iterator[None]:
    """Refuse processes, connections to other machines, and writing anywhere but below ``folder``."""
    CONFINEMENT.folder, CONFINEMENT.on = str(folder), True
    try:
        yield
    finally:
        CONFINEMENT.on = False
