"""A sender for fault tests: posts numbered events, remembers what was accepted, checks where it ended."""

import base64
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.amplitude import Amplitude
from tests.support.waiting import PATIENCE_S, PAUSE_S, used_up

LOGIN = base64.b64encode(b"demo:").decode()


def post(url: str, value: object) -> tuple[int, Any]:
    """Post JSON; return status and answer, status 0 where there is none."""
    request = urllib.request.Request(
        url,
        json.dumps(value).encode(),
        {"content-type": "application/json", "authorization": f"Basic {LOGIN}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except (OSError, http.client.HTTPException):  # it died over it
        return 0, None


@dataclass
class Sender:
    """Posts events of a few users; ``accepted``: message ids answered with 200, to their numbers.

    ``crowd``: tells its users from those of another sender, whose numbers begin elsewhere.
    """

    users: int = 20
    crowd: str = ""
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
                "userId": f"user-{self.crowd}{user:05}",
                "anonymousId": f"device-{self.crowd}{user:05}",
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
        until = time.monotonic() + PATIENCE_S
        while self.send(url, events) != 200:
            assert time.monotonic() < until
            time.sleep(PAUSE_S)


class Arrived:
    """What an Amplitude has counted: numbers in order by user, and how often it recognised a repeat."""

    def __init__(self, amplitude: Amplitude) -> None:
        self._amplitude = amplitude
        self._seen = 0
        self.repeats = 0
        self.numbers: set[int] = set()
        self.by_user: dict[str, list[int]] = defaultdict(list)

    def look(self) -> set[int]:
        """Take in what has come since; return all numbers."""
        arrivals = self._amplitude.arrivals(self._seen)
        self._seen += len(arrivals)
        for one in arrivals:
            item = one["item"]
            number = (item.get("event_properties") or item["user_properties"])["n"]
            if not one["counted"]:
                self.repeats += 1
                continue
            assert number not in self.numbers, f"{number} was counted twice"
            self.numbers.add(number)
            self.by_user[item["user_id"]].append(number)
        return self.numbers


def tally(
    shop: Sender,
    amplitude: Amplitude,
    dead: Sequence[str] = (),
    kills: int = 0,
    arrived: Arrived | None = None,
) -> Arrived:
    """Wait until everything has arrived and check it: nothing lost, nothing doubled, order kept.

    ``arrived``: what was seen before, where more comes than the fake keeps.
    """
    wanted = set(shop.accepted.values()) - {int(name[8:]) for name in dead}
    arrived = arrived or Arrived(amplitude)
    if not used_up(lambda: len(wanted - arrived.look()), 2 * PATIENCE_S):
        missing = sorted(wanted - arrived.look())
        raise AssertionError(f"{len(missing)} never arrived, such as {missing[:5]}")
    for user, order in arrived.by_user.items():
        assert order == sorted(order), f"the events of {user} arrived out of order"
    print(
        f"accepted {len(shop.accepted)} = delivered {len(wanted)} + dead {len(dead)};"
        f" refused requests {shop.refused}, repeats Amplitude recognised {arrived.repeats},"
        f" requests {amplitude.requests()}, kills {kills}"
    )
    return arrived


@contextmanager
def sending(shop: Sender, url: str, size: int = 50) -> Iterator[None]:
    """Post batches in the background as long as the block lasts; each until it is taken."""
    ending = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            while not ending.is_set():
                shop.send_until_taken(url, shop.events(size))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(PATIENCE_S)
    assert not failed, failed
