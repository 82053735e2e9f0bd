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
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import patient
from tests.support.configuration import write_config
from tests.support.forwarder import forwarder
from tests.support.hostile_amplitude import EMOJI, OK, Answer, Stage, hostile, staged
from tests.support.operator import all_ended, fates
from tests.support.sender import post
from tests.support.waiting import PATIENCE_S, eventually


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
            assert all_ended(again.running.url)


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
