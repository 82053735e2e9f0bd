"""Connections that send more than a request may hold, or what HTTP/1.1 forbids; others are served on."""

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support import patient
from tests.support.configuration import TOKEN, write_config
from tests.support.forwarder import Running, forwarder
from tests.support.load import Load
from tests.support.spools import spooled_ids
from tests.support.waiting import PATIENCE_S, eventually

BODY = json.dumps({"event": "Seen", "userId": "u", "writeKey": "demo"}).encode()
MOST_MORE = 60_000_000
"""Bytes of memory that an attack may take; the forwarder itself has about as many."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("abuse")


def configured(folder: Path, limits: str) -> Path:
    (folder / "page").mkdir()
    (folder / "page" / "large.bin").write_bytes(bytes(8_000_000))
    config = write_config(folder, {})
    text = config.read_text().replace("[server]", f'[server]\nassets = "{folder}"')
    config.write_text(text.replace("[limits]", f"[limits]\n{limits}"))
    return config


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    """One forwarder for all: every attack meets what those before it left behind."""
    with forwarder(configured(folder, "request_seconds = 10")) as process:
        yield process


accepted: set[str] = set()
"""Message ids of honest senders that were answered 200."""


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_lost(running: Running, folder: Path) -> Iterator[None]:
    """See at the end that what was accepted in any of the tests is kept."""
    accepted.clear()
    yield
    assert running.stop() == 0
    assert accepted <= set(spooled_ids(folder))


@contextmanager
def honest(running: Running) -> Iterator[None]:
    """A sender beside the attack: every event of it is answered 200 and kept; memory stays bounded."""
    load = Load(running.url, f"honest-{len(accepted)}", "demo")
    load.start()
    assert eventually(lambda: len(load.accepted) > 20)
    before = resident_bytes(running)
    yield
    after, then = resident_bytes(running), len(load.accepted)
    assert eventually(lambda: len(load.accepted) > then + 20)
    load.ending.set()
    load.join(PATIENCE_S)
    assert load.others == []
    accepted.update(load.accepted)
    assert after - before < MOST_MORE


def connect(running: Running) -> socket.socket:
    address = urlsplit(running.url)
    return socket.create_connection((str(address.hostname), address.port or 0), timeout=PATIENCE_S)


def resident_bytes(running: Running) -> int:
    return int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()


def answered(one: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    said = b""
    with suppress(ConnectionResetError):
        while part := one.recv(65_536):
            said += part
    return said


def ask(running: Running, raw: bytes) -> tuple[int, str]:
    """Status and code of the answer to a raw request."""
    with connect(running) as one:
        one.sendall(raw)
        said = one.recv(65_536)
        while said.endswith(b"\r\n\r\n"):
            said += one.recv(65_536)
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body).get("code", "")


ENDLESS = {
    "trailers": (b"a:b\r\n", b"1\r\n{\r\n0\r\n"),
    "one trailer": (b"a" * 1_000, b"1\r\n{\r\n0\r\na:"),
    "extensions of a chunk": (b"a" * 1_000, b"1\r\n{\r\n5;"),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_follows_a_body_without_end_is_cut_off(running: Running, kind: str) -> None:
    piece, beginning = ENDLESS[kind]
    with honest(running), connect(running) as one:
        one.sendall(b"POST /v1/t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + beginning)
        sent = 0
        with suppress(OSError):
            for _ in range(1_000):
                one.sendall(piece * (50_000 // len(piece)))
                sent += 50_000
        assert sent < 40_000_000, "nobody stopped it"


def test_trailers_are_no_headers(running: Running) -> None:
    chunked = b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailers = b"X-Write-Key: demo\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n"
    event = b'{"event":"Seen","userId":"u"}'
    body = b"%x\r\n%b\r\n0\r\n" % (len(event), event)
    assert ask(running, b"POST /v1/t HTTP/1.1\r\n" + chunked + body + trailers) == (401, "no_write_key")
    assert ask(running, b"GET /metrics HTTP/1.1\r\n" + chunked + body + trailers) == (401, "operator_only")
    keyed = body.replace(b"0\r\n", b"0\r\nA: b\r\n", 1) + b"\r\n"
    with connect(running) as one:  # nor are they the next request's
        one.sendall(b"POST /v1/t HTTP/1.1\r\n" + chunked + keyed.replace(b"A: b", b"X-Write-Key: demo"))
        assert b" 401 " in one.recv(65_536)
        one.sendall(b"POST /v1/t HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(event), event))
        assert b" 401 " in one.recv(65_536)
    many = b"X-A: " + b"a" * 1_000 + b"\r\n"
    wanted = (431, "headers_too_large")
    assert ask(running, b"POST /v1/t HTTP/1.1\r\n" + chunked + b"1\r\n{\r\n0\r\n" + many * 40) == wanted


def test_requests_sent_ahead_are_bounded(running: Running) -> None:
    ahead = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2_600
    with honest(running), ExitStack() as stack:
        for _ in range(100):
            one = stack.enter_context(connect(running))
            one.settimeout(1)
            with suppress(OSError):
                one.sendall(b"GET /p/large.bin HTTP/1.1\r\nHost: x\r\n\r\n" + ahead)
        time.sleep(1)


def test_a_few_requests_sent_ahead_are_answered_and_the_last_says_so(running: Running) -> None:
    with connect(running) as one:
        one.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        said = b""
        while said.count(b"HTTP/1.1 200") < 10:
            said += one.recv(65_536)
        assert b"connection: close" not in said
        one.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        said = answered(one)
    assert 10 <= said.count(b"HTTP/1.1 200") < 100
    assert said.count(b"connection: close") == 1
    assert b"connection: close" in said.rpartition(b"HTTP/1.1 200")[2]


UPGRADES = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB",
    b"Connection: upgrade\r\nUpgrade: websocket",
    b"Upgrade: TLS/1.0\r\nConnection: keep-alive, Upgrade",
]


@pytest.mark.parametrize("offer", UPGRADES)
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_offers_of_another_protocol_are_ignored(
    running: Running, offer: bytes, later: bool, chunked: bool
) -> None:
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(BODY)
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) if chunked else BODY
    head = b"POST /v1/t HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n" + length + b"\r\n\r\n"
    with connect(running) as one:
        for _ in range(3):  # on one connection
            one.sendall(head if later else head + body)
            if later:
                time.sleep(0.05)
                one.sendall(body)
            assert b" 200 " in one.recv(65_536)
        one.sendall((head + body) * 2)
        said = b""
        while said.count(b"HTTP/1.1 200") < 2:
            said += one.recv(65_536)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"POST /v1/t HTTP/1.1\r\n", "bad_host"),
        (b"POST /v1/t HTTP/1.1\r\nHost: a\r\nHost: a\r\n", "bad_host"),
        (b"POST /v1/t HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "bad_host"),
        (b"POST /v1/t HTTP/1.0\r\nHost: a\r\nHost: b\r\n", "bad_host"),
        (b"POST /v1/t HTTP/1.1\r\nHost: evil.example/p\r\n", "bad_host"),
        (b"POST /v1/t HTTP/1.1\r\nHost: user@evil.example\r\n", "bad_host"),
        (b"POST /v1/t HTTP/2.0\r\nHost: a\r\n", "not_http"),
        (b"POST /v1/t HTTP/0.9\r\nHost: a\r\n", "not_http"),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n", "not_http"),
    ],
)
def test_the_rules_of_http(running: Running, head: bytes, code: str) -> None:
    length = b"Content-Length: %d\r\n\r\n" % len(BODY)
    assert ask(running, head + length + BODY) == (400, code)


@pytest.mark.parametrize("host", [b"Host: x\r\n", b"Host: [::1]:8300\r\n", b"Host: \r\n", b""])
def test_what_http_allows_is_served(running: Running, host: bytes) -> None:
    version = b"1.1" if host else b"1.0"
    raw = b"POST /v1/t HTTP/%b\r\n%bContent-Length: %d\r\n\r\n%b" % (version, host, len(BODY), BODY)
    assert ask(running, raw)[0] == 200


def test_other_spellings_of_a_file_s_name_take_no_memory(running: Running) -> None:
    with patient.client(base_url=running.url) as client:
        tag = client.get("/p/large.bin").headers["etag"]
    before = resident_bytes(running)
    with honest(running), connect(running) as one:
        for number in range(300):
            name = "%2e/" * (number + 1) + "x/%2e%2e/" * number + "large.bin"
            head = f"GET /p/{name} HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\n\r\n"
            one.sendall(head.encode())
            assert b" 304 " in one.recv(65_536)
    assert resident_bytes(running) - before < 20_000_000


def test_readers_of_files_leave_descriptors_for_others(tmp_path: Path) -> None:
    config = configured(tmp_path, "connections = 100")
    running = Running(config, "--port", "0", program=(str(few_files(tmp_path)),))
    try:
        assert any('"connections": 50' in line for line in running.said), running.said
        with ExitStack() as stack:
            for _ in range(95):
                one = stack.enter_context(connect(running))
                with suppress(OSError):
                    one.sendall(b"GET /p/large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            for _ in range(20):
                assert patient.post(f"{running.url}/v1/t", content=BODY).status_code == 200
                assert patient.get(f"{running.url}/p/large.bin").status_code == 200
    finally:
        running.stop()


def few_files(folder: Path) -> Path:
    """A program that is the forwarder with room for 356 descriptors."""
    program = folder / "few.py"
    program.write_text(
        "import resource, runpy\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (356, 356))\n"
        "runpy.run_module('forwarder', run_name='__main__')\n"
    )
    return program
