"""The demo's fake Amplitude as a real process on a free port, and what it received."""

import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.processes import program
from tests.support.waiting import PATIENCE_S, eventually


class Amplitude:
    """The fake Amplitude of the demo, as a process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def arrivals(self, after: int = 0) -> list[dict[str, Any]]:
        """Return every item that arrived after so many, with its path and whether it counted."""
        said = self._said(after)
        assert said["forgotten"] <= after, "some arrivals were let go of unseen; look more often"
        return list(said["arrivals"])

    def requests(self) -> int:
        """Return how many uploads came, whatever became of them."""
        return int(self._said()["requests"])

    def faults(self) -> int:
        """Return how many faults are still to come."""
        return int(self._said()["faults"])

    def _said(self, after: int = 0) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_/events?after={after}", timeout=PATIENCE_S) as answer:
            said: dict[str, Any] = json.load(answer)
        return said

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of one name that counted."""
        found = [one["item"] for one in self.arrivals() if one["counted"]]
        return [item for item in found if item.get("event_type") == name]

    def times(self, name: str, by: Callable[[dict[str, Any]], object]) -> Counter[object]:
        """Return how often each event of one name arrived, counted by Amplitude or not."""
        found = [one["item"] for one in self.arrivals() if one["item"].get("event_type") == name]
        return Counter(by(item) for item in found)

    def on(self, path: str) -> list[dict[str, Any]]:
        """Return the items of one endpoint."""
        return [one["item"] for one in self.arrivals() if one["path"] == path]

    def wait_for(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for that many events of one name, and return them."""
        assert eventually(lambda: len(self.events(name)) >= count), (name, self.arrivals())
        return self.events(name)

    def forget(self) -> None:
        """Have it forget what arrived, and every fault still to come."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/_/reset", b""), timeout=PATIENCE_S):
            pass

    def misbehave(self, *faults: dict[str, Any]) -> None:
        """Queue faults for the next requests."""
        request = urllib.request.Request(f"{self.url}/_/faults", json.dumps(faults).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE_S):
            pass


@contextmanager
def fake_amplitude(api_key: str | None = None, port: int = 0) -> Iterator[Amplitude]:
    """Run the demo's fake Amplitude; with ``api_key`` it takes no other; port 0 is a free one."""
    with program("web_demo.amplitude", *(("--api-key", api_key) if api_key else ()), port=port) as url:
        yield Amplitude(url)
