"""A forwarder between honest senders and an Amplitude that answers as a test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from tests.support import patient
from tests.support.forwarder import Running, forwarder
from tests.support.receiver import listening
from tests.support.sender import post
from tests.support.waiting import PATIENCE_S, eventually

EMOJI = "\U0001f600"
MOST_MORE = 200_000_000
"""Bytes of memory above the idle forwarder's that an attack may take at its peak."""
MARKERS = ("attacker-7", "bob@example.com", "4111111111111111", "honest-", "honest user", "10.11.12.13")
"""What events and answers hold and no log line may."""


class Answer(NamedTuple):
    """What the server answers."""

    status: int
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()


OK = Answer(200, b'{"code":200}')


class Hostile:
    """An Amplitude that answers as it is told: ``script`` first, then ``usual`` makes the answers."""

    def __init__(self) -> None:
        self.url = ""
        self.taken: set[str] = set()
        """Insert ids of what was answered 200."""
        self.requests = 0
        self.heads: list[dict[str, str]] = []
        self.script: list[Callable[[bytes], Answer]] = []
        self.usual: Callable[[bytes], Answer] = lambda _: OK
        self._lock = threading.Lock()

    def answer(self, headers: dict[str, str], body: bytes) -> Answer:
        """Answer a request, and remember its items where they are taken."""
        with self._lock:
            self.requests += 1
            self.heads.append(headers)
            answer = (self.script.pop(0) if self.script else self.usual)(body)
            if answer.status == 200 and answer.body == OK.body:
                self.taken.update(str(item.get("insert_id")) for item in items_of(headers, body))
        return answer


def items_of(headers: dict[str, str], body: bytes) -> list[dict[str, Any]]:
    """Return the items of one request."""
    if headers["content-type"].startswith("application/json"):
        return list(json.loads(body)["events"])
    form = parse_qs(body.decode())
    items = json.loads(form.get("identification", form.get("mapping", ["[]"]))[0])
    return items if isinstance(items, list) else [items]


@contextmanager
def hostile() -> Iterator[Hostile]:
    """Run one on a free port."""
    one = Hostile()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = one.answer(headers, self.rfile.read(int(headers["content-length"])))
            with suppress(OSError):  # it did not want the answer
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None: ...

    with listening(Handler) as one.url:
        yield one


class Stage(NamedTuple):
    """A forwarder, the server it delivers to, and the honest events that were answered 200."""

    running: Running
    server: Hostile
    accepted: set[str]

    def honest(self, count: int) -> list[dict[str, object]]:
        """Return new honest events, each of a user of its own."""
        first = len(self.accepted)
        return [
            {
                "type": "track",
                "event": "Clicked",
                "messageId": f"honest-{first + n}",
                "userId": f"honest user {first + n}",
                "context": {"ip": "10.11.12.13"},
            }
            for n in range(count)
        ]

    def send(self, honest: int, *others: dict[str, object]) -> None:
        """Send honest events and others in one batch."""
        events = self.honest(honest)
        assert post(f"{self.running.url}/v1/batch", {"batch": [*others, *events]})[0] == 200
        self.accepted.update(str(event["messageId"]) for event in events)

    def all_arrives(self) -> None:
        """See that everything honest arrives, what comes now among it."""
        self.send(5)
        assert eventually(lambda: self.accepted <= self.server.taken, 2 * PATIENCE_S)


@contextmanager
def staged(config: Path, server: Hostile, accepted: set[str] | None = None) -> Iterator[Stage]:
    """Run a forwarder; see at the end that memory was bounded and that its log is clean."""
    with forwarder(config) as running:
        stage = Stage(running, server, set() if accepted is None else accepted)
        stage.send(20)
        assert eventually(lambda: stage.accepted <= server.taken)
        idle = memory_of(running, "VmRSS")
        yield stage
        assert memory_of(running, "VmHWM") - idle < MOST_MORE
        assert patient.get(f"{running.url}/health").json()["status"] == "ok"
        assert running.stop() == 0
        said = "".join(running.everything_said())
        assert not [marker for marker in MARKERS if marker in said]
        assert "our own code failed" not in said


def memory_of(running: Running, name: str) -> int:
    """Return a figure of the process' memory: ``VmRSS`` now, ``VmHWM`` at its peak."""
    text = Path(f"/proc/{running.process.pid}/status").read_text()
    [line] = [line for line in text.splitlines() if line.startswith(name)]
    return int(line.split()[1]) * 1024
