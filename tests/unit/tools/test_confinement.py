"""Unit tests are held to what they may do."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.confinement import ConfinementError


def connect(host: str) -> None:
    """Open a connection to a host by number, at a port where nobody listens."""
    with socket.socket() as connection:
        connection.settimeout(0.1)
        connection.connect((host, 9))


@pytest.mark.parametrize(
    "act",
    [
        lambda: subprocess.run([sys.executable, "-V"], check=True),
        lambda: os.posix_spawn(sys.executable, [sys.executable, "-V"], {}),
        lambda: os.system("true"),
        os.fork,
        lambda: connect("192.0.2.1"),
        lambda: Path(__file__).with_name("written").write_text("x"),
        lambda: os.open("written", os.O_CREAT | os.O_APPEND),
        lambda: sqlite3.connect("written"),
        lambda: sqlite3.connect(Path(__file__).with_name("written")),
    ],
    ids=["run", "spawn", "shell", "fork", "connection", "file", "file here", "database here", "database"],
)
def test_what_is_not_for_unit_tests_is_refused(act: Callable[[], object]) -> None:
    with pytest.raises(ConfinementError):
        act()


def test_files_of_its_own_and_loopback_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "written").write_text("x")
    for place in (tmp_path / "database", ":memory:"):
        sqlite3.connect(place).close()
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1")
