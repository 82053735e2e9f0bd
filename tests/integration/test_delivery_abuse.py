"""Hostile events, answers and files under a real forwarder: honest events beside them arrive.

Each test sends honest events beside the attack. At the end everything honest that was answered 200 has
arrived, memory was bounded, and the log holds nothing of any event.
"""

import gzip
import json
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import pytest

from tests.support import patient
from tests.support.configuration import write_config
from tests.support.forwarder import Running, forwarder
from tests.support.operator import fates
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


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One forwarder for all: every attack meets what those before it left behind."""
    with (
        hostile() as server,
        staged(write_config(tmp_path_factory.mktemp("abuse"), server.url), server) as one,
    ):
        yield one


AGENT = "HbbTV/1.1.1 (; a;" + "b" * 237 + EMOJI
POISON: dict[str, dict[str, object]] = {
    "identify": {
        "type": "identify",
        "traits": {"$set": EMOJI},
        "context": {"page": {"referrer": "x"}},
    },
    "purchase": {
        "type": "track",
        "event": "Order Completed",
        "traits": {"$set": EMOJI},
        "context": {"page": {"referrer": "x"}},
    },
    "user agent": {"type": "track", "event": "Seen", "context": {"userAgent": AGENT}},
    "halves": {"type": "track", "event": "Seen", "properties": {"a\ud83d": "\ude00", "b": ["\ud83d" * 9]}},
}
FIRST = {
    "400": Answer(400, b'{"code":400,"error":"some of attacker-7 is wrong"}'),
    "503": Answer(503),
    "502": Answer(502, b"<html>bob@example.com</html>"),
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("poison", POISON)
def test_half_a_character_stops_nothing(stage: Stage, poison: str, first: str) -> None:
    """The first answer is none of success, so that every item is read against it."""
    stage.server.script += [lambda _: FIRST[first]] * 2
    event = {**POISON[poison], "userId": "attacker-7", "messageId": f"attacker-7-{poison}-{first}"}
    stage.send(20, event)
    stage.all_arrives()


def dear_events(count: int) -> bytes:
    """Return about a kilobyte of gzip: events that became half a gigabyte each, once."""
    event = {
        "type": "track",
        "event": "Order Completed",
        "userId": "attacker-7",
        "properties": {"products": [{}] * 3_000},
        "traits": {"$set": EMOJI * 2_500},
        "context": {"page": {"referrer": "x"}, "locale": "x" * 2_000},
    }
    plain = json.dumps({"writeKey": "demo", "batch": [event] * count}, ensure_ascii=False).encode()
    assert len(plain) < 512_000
    return gzip.compress(plain, 9)


def test_a_kilobyte_of_gzip_kills_nothing_nor_at_the_next_start(tmp_path: Path) -> None:
    accepted: set[str] = set()
    with hostile() as server:
        config = write_config(tmp_path, server.url)
        with forwarder(config) as running:
            one = Stage(running, server, accepted)
            one.send(20)
            body = dear_events(14)
            assert len(body) < 4_000
            for _ in range(5):
                sent = patient.post(
                    f"{running.url}/v1/batch", content=body, headers={"content-encoding": "gzip"}
                )
                assert sent.status_code == 200
            one.send(20)
            running.stop(signal.SIGKILL)
        with staged(config, server, accepted) as again:
            again.all_arrives()
            assert eventually(lambda: fates(again.running.url)["waiting"] == 0)


def test_many_products_cost_others_little_time(stage: Stage) -> None:
    waits: list[float] = []
    ending = threading.Event()

    def send() -> None:
        while not ending.is_set():
            began = time.monotonic()
            stage.send(1)
            waits.append(time.monotonic() - began)
            time.sleep(0.02)

    sender = threading.Thread(target=send)
    sender.start()
    assert eventually(lambda: len(waits) >= 20)
    calm = max(waits[:20])
    body = dear_events(14)
    for _ in range(5):
        answer = patient.post(
            f"{stage.running.url}/v1/batch", content=body, headers={"content-encoding": "gzip"}
        )
        assert answer.status_code == 200
    after = len(waits)
    assert eventually(lambda: len(waits) >= after + 40)
    ending.set()
    sender.join(PATIENCE_S)
    assert max(waits) < max(8, 30 * calm), "it was 16 s and more, where 0.02 s were usual"
    stage.all_arrives()


def packed(times: int) -> Answer:
    """Return an answer of 320 MB in some kilobytes: packed once, or more often."""
    packer = zlib.compressobj(9, wbits=31)
    body = b"".join(packer.compress(bytes(10_000_000)) for _ in range(32)) + packer.flush()
    for _ in range(times - 1):
        body = gzip.compress(body, 9)
    return Answer(200, body, (("content-encoding", ", ".join(["gzip"] * times)),))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_answers_are_not_unpacked(stage: Stage, times: int) -> None:
    bomb = packed(times)
    stage.server.script += [lambda _: bomb] * 3
    stage.send(20)
    stage.all_arrives()


def test_cookies_are_not_kept(stage: Stage) -> None:
    cookies = tuple(("set-cookie", f"c{n}={'x' * 1_000}; Path=/; Max-Age=9999") for n in range(20))
    stage.server.usual = lambda _: Answer(*OK[:2], cookies)
    before = len(stage.server.heads)
    try:
        for _ in range(20):
            stage.send(2)
            assert eventually(lambda: stage.accepted <= stage.server.taken)
    finally:
        stage.server.usual = lambda _: OK
    heads = stage.server.heads[before:]
    assert len(heads) >= 20
    assert not [head for head in heads if "cookie" in head]
    dead = fates(stage.running.url)["dead"]
    stage.server.script += [lambda _: Answer(431)] * 2
    stage.all_arrives()
    assert fates(stage.running.url)["dead"] == dead, "431 is no event's fault"


def echoed(body: bytes) -> Answer:
    """Answer as a server that quotes what it refuses."""
    return Answer(400, json.dumps({"code": 400, "error": "bad: " + body.decode()[:5_000]}).encode())


def throttled(body: bytes) -> Answer:
    """Answer as Amplitude does to somebody who sends too much."""
    named = {"bob@example.com": 31, "attacker-7": 31}
    return Answer(429, json.dumps({"code": 429, "error": "Too many", "throttled_users": named}).encode())


@pytest.mark.parametrize("answer", [echoed, throttled])
def test_nothing_of_an_event_or_an_answer_is_logged(stage: Stage, answer: Callable[[bytes], Answer]) -> None:
    """The log itself is looked at when the forwarder has ended.

    Once: a second answer would name nobody who is in its request, which means the whole project.
    """
    stage.server.script.append(answer)
    card = {"card": "4111111111111111", "mail": "bob@example.com"}
    event: dict[str, object] = {
        "type": "track",
        "event": "Paid",
        "userId": "bob@example.com",
        "messageId": f"attacker-7-{answer.__name__}",
        "properties": card,
    }
    stage.send(20, event)
    stage.all_arrives()


@pytest.mark.parametrize("hang_up", [False, True])
def test_a_file_that_is_damaged_under_a_forwarder_ends_it(tmp_path: Path, hang_up: bool) -> None:
    """It does not go on to answer 200 for events that nobody will ever deliver."""
    with hostile() as server:
        server.usual = lambda _: Answer(503)
        with forwarder(write_config(tmp_path, server.url)) as running:
            one = Stage(running, server, set())
            for _ in range(5):
                one.send(200)
            assert eventually(lambda: server.requests > 0)
            for name in ("spool.db", "spool.db-wal"):
                path = tmp_path / name
                damaged = bytearray(path.read_bytes())
                damaged[4096:] = b"\xa5" * (len(damaged) - 4096)
                with path.open("r+b") as file:
                    file.write(damaged)
            server.usual = lambda _: OK

            def has_ended() -> bool:
                with suppress(OSError):
                    post(f"{running.url}/v1/batch", {"batch": one.honest(50)})
                if hang_up and running.process.poll() is None:
                    running.hang_up()
                return running.process.poll() is not None

            assert eventually(has_ended), "it goes on over a damaged file"
            code = running.process.wait()
            said = running.everything_said()
    assert code == 1
    assert not [line for line in said if "Traceback" in line]
    assert [line for line in said if "damaged" in line or "not a spool" in line], said[-5:]
