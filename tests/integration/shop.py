"""A sender for fault tests: posts numbered events, remembers what was accepted, checks where it ended."""

import base64
import http.client
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.running import ROOT

LOGIN = base64.b64encode(b"demo:").decode()


def post(url: str, value: object) -> tuple[int, Any]:
    """Post JSON; return status and answer, status 0 where there is none."""
    request = urllib.request.Request(
        url,
        json.dumps(value).encode(),
        {"content-type": "application/json", "authorization": f"Basic {LOGIN}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except (OSError, http.client.HTTPException):  # it died over it
        return 0, None


class Amplitude:
    """The misbehaving Amplitude's process, from outside."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def faults(self, *moods: dict[str, object]) -> None:
        """Give it moods for its next requests."""
        assert post(f"{self.url}/_/faults", list(moods))[0] == 200

    def state(self) -> dict[str, Any]:
        """Return what it has counted."""
        with urllib.request.urlopen(f"{self.url}/_/taken", timeout=30) as answer:
            state: dict[str, Any] = json.load(answer)
        return state


@contextmanager
def amplitude(port: int = 0) -> Iterator[Amplitude]:
    """Run it as long as the block lasts."""
    words = [sys.executable, "-m", "tests.integration.faulty_amplitude", str(port)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Amplitude(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.communicate(timeout=10)


@dataclass
class Shop:
    """Posts events of a few users; ``accepted``: message ids answered with 200, to their numbers."""

    users: int = 20
    accepted: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    _next: int = 0

    def events(self, count: int) -> list[dict[str, object]]:
        """Return new events: mostly tracks, now and then an identify."""
        made = []
        for number in range(self._next, self._next + count):
            user = number % self.users
            event: dict[str, object] = {
                "messageId": f"message-{number:08}",
                "userId": f"user-{user:05}",
                "anonymousId": f"device-{user:05}",
            }
            if number // self.users % 10 == 9:
                event |= {"type": "identify", "traits": {"n": number}}
            else:
                event |= {"type": "track", "event": "Clicked", "properties": {"n": number}}
            made.append(event)
        self._next += count
        return made

    def send(self, url: str, events: Sequence[dict[str, object]]) -> int:
        """Post a batch once; return the status."""
        status, _ = post(f"{url}/v1/batch", {"batch": events})
        if status == 200:
            self.accepted.update(
                (str(event["messageId"]), int(str(event["messageId"])[8:])) for event in events
            )
        else:
            self.refused += 1
        return status

    def send_until_taken(self, url: str, events: Sequence[dict[str, object]]) -> None:
        """Post a batch as a client library does: again until it is taken."""
        until = time.monotonic() + 30
        while self.send(url, events) != 200:
            assert time.monotonic() < until
            time.sleep(0.05)


def tally(shop: Shop, amplitude: Amplitude, dead: Sequence[str], kills: int = 0, wait_s: float = 60) -> None:
    """Wait until everything has arrived and check it: nothing lost, nothing doubled, order kept."""
    wanted = set(shop.accepted.values()) - {int(name[8:]) for name in dead}
    until = time.monotonic() + wait_s
    while True:
        state = amplitude.state()
        numbers = [number for *_, number in state["taken"]]
        if wanted <= set(numbers):
            break
        missing = sorted(wanted - set(numbers))
        assert time.monotonic() < until, f"{len(missing)} events never arrived, the first {missing[:5]}"
        time.sleep(0.1)
    assert len(numbers) == len(set(numbers)), "something was counted twice"
    by_user = defaultdict(list)
    for _, _, user, _, number in state["taken"]:
        by_user[user].append(number)
    for user, order in by_user.items():
        assert order == sorted(order), f"the events of {user} arrived out of order"
    print(
        f"accepted {len(shop.accepted)} = delivered {len(wanted)} + dead {len(dead)};"
        f" refused requests {shop.refused}, repeats Amplitude recognised {state['repeats']},"
        f" requests {state['requests']}, kills {kills}"
    )


@contextmanager
def shopping(shop: Shop, url: str, size: int = 50) -> Iterator[None]:
    """Post batches in the background as long as the block lasts; each until it is taken."""
    ending = threading.Event()

    def run() -> None:
        while not ending.is_set():
            shop.send_until_taken(url, shop.events(size))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(60)
