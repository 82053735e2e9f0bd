"""Senders for ``takeover``, and what is found of their events: pauses, waits, what was lost or came twice."""

import http.client
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.bench.machines import PORT, Forwarder
from tests.support.amplitude import Amplitude
from tests.support.sender import LOGIN

SENDERS, BATCH, USERS = 10, 5, 60
RATE = 250
"""Events per second of all senders together."""
RESENT = 0.05
"""The part of the accepted batches that comes once more."""
_HEADERS = {"content-type": "application/json", "authorization": f"Basic {LOGIN}"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A batch of new events that was answered 200. Times are of ``time.time()``."""

    process: str
    began: float
    ended: float
    tried: int
    """How often it had been sent before: only the first time is sure to be news."""


@dataclass
class Traffic:
    """Senders who post to whichever forwarder takes it, each batch until it is accepted."""

    forwarders: Sequence[Forwarder]
    accepted: list[Accepted] = field(default_factory=list)
    at: dict[int, float] = field(default_factory=dict)
    """When each event was accepted, by number."""
    answers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    ready: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    """Who said that it is ready, as seen five times a second."""
    open: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._numbers = defaultdict[int, int](int)
        self._last = self.forwarders[0]
        work: list[Callable[[], None]] = [lambda n=n: self._send(n) for n in range(SENDERS)]  # type: ignore[misc]
        self._threads = [threading.Thread(target=one, daemon=True) for one in (*work, self._watch)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(60)

    def _events(self, sender: int) -> list[dict[str, Any]]:
        """Return new events of users who are this sender's alone, so that their order is known."""
        made = []
        for _ in range(BATCH):
            count = self._numbers[sender] = self._numbers[sender] + 1
            user = sender + SENDERS * (count % (USERS // SENDERS))
            event = {"type": "track", "event": "Clicked", "userId": f"user-{user:05}"}
            number = count * SENDERS + sender
            made.append({**event, "messageId": f"m-{number:08}", "properties": {"n": number}})
        return made

    def _send(self, sender: int) -> None:
        chance, every = random.Random(sender), SENDERS * BATCH / RATE
        due = time.monotonic() + chance.uniform(0, every)
        while not self._ending.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due + every, time.monotonic())
            batch = self._events(sender)
            self._send_until_accepted(batch)
            if chance.random() < RESENT:
                self._post(self._last, batch)

    def _send_until_accepted(self, batch: Sequence[dict[str, Any]]) -> None:
        """Post as client libraries do; a sender who has begun goes on for a minute after the end."""
        until, tried, forwarder = time.monotonic() + 120, 0, self._last
        while time.monotonic() < until:
            life, began = f"{forwarder.name}.{forwarder.lives}", time.time()
            status = self._post(forwarder, batch)
            self.answers[str(status)] += 1
            if status == 200:
                ended = time.time()
                with self._lock:
                    self._last = forwarder
                    self.accepted.append(Accepted(life, began, ended, tried))
                    self.at.update((event["properties"]["n"], ended) for event in batch)
                return
            tried += 1
            with self._lock:
                here = self.forwarders.index(forwarder)
                forwarder = self.forwarders[(here + 1) % len(self.forwarders)]
            time.sleep(0.1)

    def _post(self, forwarder: Forwarder, batch: Sequence[dict[str, Any]]) -> int:
        connection = http.client.HTTPConnection(forwarder.address, PORT, timeout=4)
        try:
            connection.request("POST", "/v1/batch", json.dumps({"batch": batch}), _HEADERS)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200 and "code" not in json.loads(text):
                self.answers["no code"] += 1
            return answer.status
        except (OSError, http.client.HTTPException, ValueError):
            return 0
        finally:
            connection.close()

    def _watch(self) -> None:
        while not self._ending.is_set():
            now = time.time()
            said = {one.name: _ask(one) for one in self.forwarders}
            self.ready.append((now, tuple(name for name, status in said.items() if status == 200)))
            self.open.append((now, tuple(name for name, status in said.items() if status)))
            time.sleep(0.2)


def at_once(accepted: Iterable[Accepted]) -> list[str]:
    """Return who accepted new events after another one had begun to: nobody ever may."""
    first_end, last = dict[str, float](), dict[str, Accepted]()
    for one in sorted(accepted, key=lambda one: one.ended):
        if not one.tried:  # otherwise it may have been known, and a duplicate is answered 200 by anybody
            first_end.setdefault(one.process, one.ended)
            last[one.process] = one
    return sorted(
        f"{process} beside {other}"
        for process, one in last.items()
        for other, since in first_end.items()
        if first_end[process] < since < one.began
    )


def _ask(forwarder: Forwarder) -> int:
    """Return how a forwarder answers whether it is ready, 0 where it does not."""
    connection = http.client.HTTPConnection(forwarder.address, PORT, timeout=0.4)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@dataclass
class Found:
    """What became of the events of one scenario. Seconds."""

    accepting: float
    """The longest time in which nothing was accepted."""
    delivering: float
    """The longest time in which nothing arrived."""
    waited: float
    """The longest time from accepted to arrived."""
    repeats: int
    lost: list[int]
    twice: list[int]
    disordered: list[str]


def examine(traffic: Traffic, amplitude: Amplitude, patience: float, exempt: frozenset[int]) -> Found:
    """Wait until all has arrived, and say what has not, or otherwise than it should.

    ``patience``: seconds; ``exempt``: events that were dead letters, which come late.
    """
    until = time.monotonic() + patience
    while True:
        arrivals = amplitude.arrivals()
        came = {one["item"]["event_properties"]["n"] for one in arrivals}
        lost = sorted(traffic.at.keys() - came)
        if not lost or time.monotonic() > until:
            break
        time.sleep(0.5)
    counted = [one for one in arrivals if one["counted"]]
    numbers = [one["item"]["event_properties"]["n"] for one in counted]
    by_user, waited = defaultdict[str, list[int]](list), 0.0
    for number, one in zip(numbers, counted, strict=True):
        if number in exempt:
            continue
        by_user[one["item"]["user_id"]].append(number)
        if number in traffic.at:
            waited = max(waited, one["at"] / 1000 - traffic.at[number])
    return Found(
        accepting=longest_gap([one.ended for one in traffic.accepted]),
        delivering=longest_gap([one["at"] / 1000 for one in arrivals]),
        waited=round(waited, 1),
        repeats=len(arrivals) - len(counted),
        lost=lost,
        twice=sorted(number for number in set(numbers) if numbers.count(number) > 1)
        if len(set(numbers)) < len(numbers)
        else [],
        disordered=[user for user, order in by_user.items() if order != sorted(order)],
    )


def longest_gap(times: Sequence[float]) -> float:
    """Return the longest time between two moments that follow each other."""
    ordered = sorted(times)
    return round(max((b - a for a, b in pairwise(ordered)), default=0.0), 1)
