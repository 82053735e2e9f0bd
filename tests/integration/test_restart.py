"""A restart under load: the listening socket stays, so nobody is refused and nothing sent is lost."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from forwarder.http.listening import inherited
from tests.support.configuration import configuration
from tests.support.forwarder import Running
from tests.support.load import Load
from tests.support.processes import ROOT
from tests.support.spools import spooled_ids
from tests.support.waiting import PATIENCE_S, eventually

CONFIG = configuration(amplitude="http://127.0.0.1:9", settings={"secretKey": "s"})


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket as a service manager holds it."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen(1024)
        yield opened


class NewConnections(Load):
    """Sends each event on a connection of its own, as the pages of as many visitors do."""

    def run(self) -> None:
        while not self.ending.is_set():
            number = f"{self.prefix}-{len(self.accepted) + len(self.others)}"
            event = {"event": "E", "userId": "u", "messageId": number, "writeKey": "web-key"}
            try:
                answer = httpx.post(f"{self.url}/v1/t", json=event, timeout=PATIENCE_S)
            except httpx.TransportError as error:
                self.others.append(error)
                continue
            (self.accepted if answer.status_code == 200 else self.others).append(number)


def test_a_restart_refuses_nobody_and_loses_nothing(listener: socket.socket, tmp_path: Path) -> None:
    config = tmp_path / "forwarder.toml"
    config.write_text(CONFIG)
    running = Running(config, listener=listener)
    assert running.url == f"http://127.0.0.1:{listener.getsockname()[1]}"
    loads: list[Load] = [NewConnections(running.url, f"new{n}") for n in range(3)]
    loads += [Load(running.url, f"kept{n}") for n in range(2)]
    try:
        for load in loads:
            load.start()
        for _ in range(2):
            sent = [len(load.accepted) for load in loads]
            assert eventually(
                lambda sent=sent: all(  # type: ignore[misc]
                    len(load.accepted) > before + 3 for load, before in zip(loads, sent, strict=True)
                )
            ), "every sender's events are taken"
            assert running.stop() == 0
            running = Running(config, listener=listener)
    finally:
        for load in loads:
            load.ending.set()
        for load in loads:
            load.join(PATIENCE_S)
        assert running.stop(signal.SIGTERM) == 0
    assert [load.others for load in loads] == [[]] * len(loads), "refused, lost or answered otherwise"
    kept = spooled_ids(tmp_path)
    assert sorted(kept) == sorted(number for load in loads for number in load.accepted)


PATIENT = """
from forwarder.http import protocol
protocol._LAST_REQUEST_S = 30.0
from forwarder.cli import main
main()
"""
"""A forwarder that waits longer: this test looks whether it waits at all, on a machine that may be busy."""


def test_a_stop_takes_what_is_on_its_way(tmp_path: Path) -> None:
    config = tmp_path / "forwarder.toml"
    config.write_text(CONFIG)
    running = Running(config, "--port", "0", program=("-c", PATIENT))
    port = int(running.url.rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        fresh, used = (
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S))
            for _ in range(2)
        )
        assert b"200 OK" in posted(used, "first")  # by then the other one is accepted, too
        running.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: not listening(port))
        for connection, number in ((fresh, "second"), (used, "third")):
            answer = posted(connection, number)
            assert b"200 OK" in answer
            assert b"connection: close" in answer
            assert connection.recv(1) == b"", "it is closed behind the answer"
    assert running.stop() == 0
    assert set(spooled_ids(tmp_path)) == {"first", "second", "third"}


def posted(connection: socket.socket, number: str) -> bytes:
    """Send one event on a connection that may be used again; return the answer."""
    body = json.dumps({"event": "E", "userId": "u", "messageId": number, "writeKey": "web-key"}).encode()
    head = f"POST /v1/t HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    answer = b""
    while not (whole := re.search(rb"content-length: (\d+)\r\n.*?\r\n\r\n(.*)", answer, re.DOTALL)) or len(
        whole[2]
    ) < int(whole[1]):
        more = connection.recv(65_536)
        assert more, answer
        answer += more
    return answer


def listening(port: int) -> bool:
    """Tell whether anybody takes connections at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except ConnectionError:  # refused, or reset because it was still in the queue
        return False
    return True


def test_a_socket_handed_to_another_process_is_not_taken() -> None:
    environment = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}
    assert inherited(environment) is None
    assert inherited({}) is None


@pytest.mark.parametrize(
    ("open_three", "count", "says"),
    [
        ("exec 3</dev/null", "1", "file descriptor 3 is no socket"),
        ("exec 3<&-", "1", "file descriptor 3 is no socket"),
        ("exec 3</dev/null", "2", "LISTEN_FDS is '2': one socket is served"),
    ],
)
def test_what_cannot_be_listened_on_is_told_in_one_line(
    tmp_path: Path, open_three: str, count: str, says: str
) -> None:
    handed = f'{open_three}; export LISTEN_PID=$$ LISTEN_FDS={count}; exec "$@"'
    command = ["/bin/sh", "-c", handed, "sh", sys.executable, "-m", "forwarder", "serve"]
    (tmp_path / "forwarder.toml").write_text(CONFIG)
    done = subprocess.run(
        [*command, "--config", str(tmp_path / "forwarder.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
