"""Requests of few bytes that cost much, at the limits as they come: honest senders beside lose nothing."""

import gzip
import json
import resource
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support import patient
from tests.support.configuration import TOKEN, configuration
from tests.support.forwarder import Running, forwarder
from tests.support.spools import spooled_ids
from tests.support.waiting import PATIENCE_S, eventually

CONFIG = configuration("shop", "demo", server={"operator_token": TOKEN, "trusted_proxies": ["127.0.0.1"]})
ATTACKER = "203.0.113.66"
CONNECTIONS = 16
SECONDS = 1.5
MOST_MORE = 200_000_000
"""Bytes of memory that an attack may take."""


def batch(events: list[object], key: str = "demo") -> bytes:
    body = {"writeKey": key, "batch": events}
    return gzip.compress(json.dumps(body, separators=(",", ":")).encode())


def nested(levels: int) -> object:
    value: object = []
    for _ in range(levels):
        value = [value]
    return value


EVENT = {"type": "track", "event": "e", "userId": "u"}
HALF = gzip.compress(b'{"writeKey":"wrong","batch":[' + b"[]," * 168_000 + b'"\\ud83d"]}')
BODIES = {
    "wrong key, half a character": HALF,
    "wrong key, nested": batch([{**EVENT, "a": [nested(60)] * 240}] * 15, "wrong"),
    "wrong key, inflated beyond": gzip.compress(b'{"writeKey":"wrong","batch":[' + b"[]," * 5_000_000),
    "right key, nested": batch([{**EVENT, "a": [nested(60)] * 240}] * 15),
    "right key, nested deeper than allowed": gzip.compress(
        b'{"writeKey":"demo","batch":['
        + b",".join(
            [b'{"type":"track","event":"e","userId":"u","a":' + b"[" * 8_000 + b"]" * 8_000 + b"}"] * 25
        )
        + b"]}"
    ),
    "right key, half characters": gzip.compress(
        b'{"writeKey":"demo","batch":[' + b'{"type":"track","event":"\\ud83d","userId":"u"},' * 2_400 + b"0]}"
    ),
    "2,500 events": batch([EVENT] * 2_500),
    "2,500 events with much beside": gzip.compress(
        json.dumps({"writeKey": "demo", "context": {"a": "x" * 1_500}, "batch": [EVENT] * 2_500}).encode()
    ),
}


class Attack(threading.Thread):
    """Sends one body as often as it is answered."""

    def __init__(self, url: str, body: bytes, ending: threading.Event) -> None:
        super().__init__(daemon=True)
        self.url, self.body, self.ending = url, body, ending
        self.statuses: Counter[int] = Counter()

    def run(self) -> None:
        headers = {"content-encoding": "gzip", "x-forwarded-for": ATTACKER}
        with patient.client(base_url=self.url, headers=headers) as client:
            while not self.ending.is_set():
                self.statuses[client.post("/v1/batch", content=self.body).status_code] += 1


class Honest(threading.Thread):
    """Sends events one after the other from an address of its own, the key in the body as pages do."""

    def __init__(self, url: str, number: int, ending: threading.Event) -> None:
        super().__init__(daemon=True)
        self.url, self.number, self.ending = url, number, ending
        self.accepted: list[str] = []
        self.others: list[int] = []

    def run(self) -> None:
        headers = {"x-forwarded-for": f"203.0.113.{self.number}"}
        with patient.client(base_url=self.url, headers=headers) as client:
            while not self.ending.is_set():
                name = f"honest-{self.number}-{len(self.accepted)}"
                event = {**EVENT, "messageId": name, "writeKey": "demo"}
                status = client.post("/v1/t", json=event).status_code
                if status == 200:
                    self.accepted.append(name)
                else:
                    self.others.append(status)
                time.sleep(0.02)


def resident_bytes(running: Running) -> int:
    return int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("kind", BODIES)
def test_honest_senders_lose_nothing_and_memory_stays_bounded(tmp_path: Path, kind: str) -> None:
    (tmp_path / "forwarder.toml").write_text(CONFIG)
    ending = threading.Event()
    with forwarder(tmp_path / "forwarder.toml") as running:
        honest = [Honest(running.url, number, ending) for number in range(1, 4)]
        attacks = [Attack(running.url, BODIES[kind], ending) for _ in range(CONNECTIONS)]
        for one in honest:
            one.start()
        assert eventually(lambda: all(len(one.accepted) > 5 for one in honest))
        idle = most = resident_bytes(running)
        began = time.monotonic()
        for attack in attacks:
            attack.start()
        while time.monotonic() < began + SECONDS:
            most = max(most, resident_bytes(running))
            time.sleep(0.05)
        before = [len(one.accepted) for one in honest]
        assert eventually(
            lambda: all(len(one.accepted) > then for one, then in zip(honest, before, strict=True))
        )
        ending.set()
        for thread in [*honest, *attacks]:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        seconds = time.monotonic() - began
        assert running.stop() == 0
    assert [one.others for one in honest] == [[], [], []]
    accepted = {name for one in honest for name in one.accepted}
    assert accepted <= set(spooled_ids(tmp_path))
    assert most - idle < MOST_MORE
    if kind.startswith("wrong"):
        answers = sum((attack.statuses for attack in attacks), Counter[int]())
        assert answers.keys() <= {400, 401, 429}
        # Sixty a minute are answered at once; then each connection waits a second for an answer.
        assert sum(answers.values()) <= 60 + seconds + CONNECTIONS * (seconds + 1), "they are slowed down"
