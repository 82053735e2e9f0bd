"""Senders that dawdle, flood or send nonsense get 4xx or are cut off; nobody else notices."""

import gzip
import json
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.configuration import configuration
from tests.support.forwarder import Running, forwarder
from tests.support.patient import post
from tests.support.waiting import PATIENCE_S, eventually

CONFIG = configuration(
    server={"assets": "assets"}, limits={"request_seconds": 1.0, "unanswered_bytes": 5_000_000}
)
EVENT = {"event": "Seen", "userId": "u", "writeKey": "web-key"}
IDLE = 1_000
BEGINNINGS = [
    b"POST /v1/t HT",
    b"POST /v1/t HTTP/1.1\r\nHost: x\r\nX-",
    b"POST /v1/t HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    b"POST /v1/t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("senders")
    (folder / "forwarder.toml").write_text(CONFIG)
    (folder / "assets" / "page").mkdir(parents=True)
    (folder / "assets" / "page" / "large.bin").write_bytes(bytes(30_000_000))
    with forwarder(folder / "forwarder.toml") as process:
        yield process


def connect(running: Running) -> socket.socket:
    address = urlsplit(running.url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S)


def healthy(running: Running, times: int = 5) -> None:
    """A sender beside the others is served as ever."""
    for _ in range(times):
        assert post(f"{running.url}/v1/t", json=EVENT).status_code == 200


def send_on(one: socket.socket, piece: bytes) -> None:
    """Send the piece over and over, 100 MB in all."""
    for _ in range(100_000_000 // len(piece)):
        one.sendall(piece)


def resident_bytes(running: Running) -> int:
    with open(f"/proc/{running.process.pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_a_thousand_idle_connections_do_not_stop_a_healthy_sender(running: Running) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_096)), hard))
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(running)) for _ in range(IDLE)]
        healthy(running)
        assert all(one.recv(1) == b"" for one in idle), "idle connections are closed in the end"
        healthy(running)


def test_slow_senders_are_cut_off(running: Running) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(running)) for _ in range(40)]
        for one, beginning in zip(slow, BEGINNINGS * 10, strict=True):
            one.sendall(beginning)
        until = time.monotonic() + PATIENCE_S
        open_still = set(slow)
        while open_still and time.monotonic() < until:
            healthy(running, 1)
            for one in list(open_still):
                try:
                    one.sendall(b"1")
                    one.settimeout(0.001)
                    if one.recv(1) == b"":
                        open_still.discard(one)
                except TimeoutError:
                    pass
                except OSError:
                    open_still.discard(one)
            time.sleep(0.2)
        assert not open_still


def test_slow_readers_are_cut_off(running: Running) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.socket()) for _ in range(10)]
        address = urlsplit(running.url)
        for one in slow:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            one.settimeout(PATIENCE_S)
            one.connect((address.hostname, address.port))
            one.sendall(b"GET /p/large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        files = f"/proc/{running.process.pid}/fd"
        assert eventually(lambda: len(opened(files)) >= len(slow))
        healthy(running)
        assert eventually(lambda: not opened(files)), "nothing of it stays open"


def opened(files: str) -> list[str]:
    """The descriptors of a process by which it reads the large file."""
    found = []
    for number in os.listdir(files):
        with suppress(OSError):
            found.append(os.readlink(f"{files}/{number}"))
    return [path for path in found if path.endswith("large.bin")]


def test_a_connection_may_wait_for_its_next_request(running: Running) -> None:
    one = HTTPConnection(str(urlsplit(running.url).netloc))
    one.connect()
    socket_then = one.sock
    for wait in (1.5, 0):  # longer than a request may take
        one.request("GET", "/health")
        assert json.load(one.getresponse())["status"] == "ok"
        time.sleep(wait)
    assert one.sock is socket_then
    one.close()


def test_what_slow_senders_hold_is_bounded_as_a_whole(running: Running) -> None:
    head = b"POST /v1/b HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n"
    healthy(running)
    before = resident_bytes(running)
    with ExitStack() as stack:
        for _ in range(200):  # 80 MB, more than 30 MB of it at once
            one = stack.enter_context(connect(running))
            with suppress(OSError):
                one.sendall(head + b"[" * 400_000)
        healthy(running)
        assert resident_bytes(running) - before < 20_000_000


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"POST /v1/t HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n", 431, "headers_too_large"),
        (b"nonsense\r\n\r\n", 400, "not_http"),
        (b"POST /v1/t HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "not_http"),
    ],
)
def test_refusals_before_any_route_are_json_too(running: Running, raw: bytes, status: int, code: str) -> None:
    with connect(running) as one:
        one.sendall(raw)
        said = b"".join(iter(lambda: one.recv(65_536), b""))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["code"] == code


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_gets_its_answer(running: Running, announced: bool) -> None:
    body = b"x" * 5_000_000
    answer = post(f"{running.url}/v1/b", content=body if announced else iter([body]))
    assert (answer.status_code, answer.json()["code"]) == (400, "body_too_large")
    assert answer.headers["connection"] == "close"


def test_headers_without_end_are_cut_off(running: Running) -> None:
    with connect(running) as one:
        one.sendall(b"POST /v1/t HTTP/1.1\r\n")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            send_on(one, b"X-A: " + b"a" * 10_000 + b"\r\n")
    healthy(running)


def test_bodies_without_end_are_cut_off(running: Running) -> None:
    with connect(running) as one:
        one.sendall(b"POST /v1/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            send_on(one, b"10000\r\n" + b"a" * 65_536 + b"\r\n")
    healthy(running)


def bad_bodies() -> list[tuple[bytes, str]]:
    key = "k" * 10_000_000
    return [
        (json.dumps({key: 1}).encode(), ""),
        (gzip.compress(json.dumps({key: 1}).encode()), "gzip"),
        (gzip.compress(b"0" * 200_000_000, 6), "gzip"),
        (gzip.compress(json.dumps(EVENT).encode())[:-5], "gzip"),
        (gzip.compress(gzip.compress(b"0" * 50_000_000)), "gzip"),
        (b"[" * 400_000, ""),
        (b'{"batch":[' + b"[" * 200_000 + b"]" * 200_000 + b"]}", ""),
        (b'{"batch":[' + b"0," * 200_000 + b"0]}", ""),
        (b'{"batch":[{"a":' + b"9" * 400_000 + b"}]}", ""),
        (json.dumps(EVENT).encode("utf-16"), ""),
        (json.dumps(EVENT).encode("utf-32"), ""),
        (b"\xef\xbb\xbf" + json.dumps(EVENT).encode(), ""),
        (os.urandom(100_000), ""),
        (os.urandom(100_000), "gzip"),
        (json.dumps(EVENT).encode(), "br"),
        (json.dumps(EVENT).encode(), "gzip, gzip"),
    ]


def test_bad_bodies_are_answered_in_bounded_memory(running: Running) -> None:
    bodies = bad_bodies()
    headers = {"authorization": "Basic d2ViLWtleTo="}

    def send_all() -> None:
        for body, encoding in bodies:
            given = headers | ({"content-encoding": encoding} if encoding else {})
            for path in ("/v1/t", "/v1/b"):
                answer = post(running.url + path, content=body, headers=given)
                assert answer.status_code < 500
                assert answer.status_code == 200 or {"code", "message"} <= answer.json().keys()

    send_all()
    before = resident_bytes(running)
    for _ in range(3):
        send_all()
        healthy(running, 1)
    assert resident_bytes(running) - before < 30_000_000


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200),
    st.sampled_from(["t", "b", "i", "batch", "import"]),
    st.sampled_from(["", "gzip", "identity", "deflate"]),
    st.sampled_from(
        ["application/json", "text/plain", "application/x-www-form-urlencoded", "é".encode().hex()]
    ),
    st.sampled_from(["", "Basic d2ViLWtleTo=", "Basic x", "Bearer web-key", "Nonsense"]),
)
def test_any_bytes_get_an_answer(
    running: Running, body: bytes, kind: str, encoding: str, media: str, authorization: str
) -> None:
    headers = {"content-type": media, "content-encoding": encoding, "authorization": authorization}
    answer = post(f"{running.url}/v1/{kind}", content=body, headers={k: v for k, v in headers.items() if v})
    assert answer.status_code < 500
    assert answer.headers["content-type"] == "application/json"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=100))
def test_any_bytes_instead_of_http_are_harmless(running: Running, raw: bytes) -> None:
    with connect(running) as one:
        one.sendall(raw + b"\r\n\r\n")
        one.shutdown(socket.SHUT_WR)
        said = one.recv(100)
        assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    healthy(running, 1)
