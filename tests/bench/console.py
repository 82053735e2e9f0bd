"""What the console costs: ``python -m tests.bench.console [events]`` prints one line of JSON.

First the forwarder's CPU for each event with a Live page open, and without one, in turns; then how long each
page takes where history has so many events, the what-if and the question before sending again among them.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import orjson

from forwarder.amplitude.actions.presets import presets
from forwarder.config.settings import Settings
from forwarder.history.recent import recent_events
from forwarder.spool import NewDead, Settlement, open_spool
from tests.bench import load
from tests.bench.finding import NOW, fill, ids_of
from tests.bench.forwarder import CONFIG, Bench
from tests.bench.programs import running
from tests.support.consoles import TOKEN, console

TURNS: Final = 10
"""Turns of the first part, every other one with the page open; the dearest and the cheapest are left out."""
_BATCHES: Final = 200
"""Requests of a turn, of a hundred events."""
_DEAD: Final = 1_000
"""Dead letters of one reason."""
_WHY: Final = "invalid fields"
_TRIES: Final = 5
"""How often each page is asked for; the first time, which compiles its template, does not count."""


def live_page(turns: int = TURNS, batches: int = _BATCHES) -> dict[str, float]:
    """Return the CPU microseconds of an event without a Live page and with one, and their ratio."""
    used: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="bench-") as name, running("tests.bench.sink") as sink:
        bench = Bench(Path(name), sink.port())
        config = bench.folder / "forwarder.toml"
        text = CONFIG.format(folder=name, place=bench.place, sink=bench.sink)
        config.write_text(f'{text}\n[server]\noperator_token = "{TOKEN}"\n')
        with running("forwarder", "serve", "--config", str(config), "--port", "0") as process:
            port = process.listening()
            for turn in range(-1, turns):  # the first one warms up
                with _watching(port, turn % 2 == 1):
                    before = bench.counts().events
                    requests = iter([load.batch(100) for _ in range(batches)])
                    began = process.cpu()
                    asyncio.run(load.post_all(port, requests, 4))
                    bench.wait(before + 100 * batches)
                    if turn >= 0:
                        used[turn % 2 == 1].append((process.cpu() - began) / batches * 1e4)
    without, beside = (_middle(used[is_open]) for is_open in (False, True))
    return {"us/event without": without, "with a Live page": beside, "with / without": beside / without}


def _middle(values: list[float]) -> float:
    some = sorted(values)[1:-1] or values
    return sum(some) / len(some)


@contextmanager
def _watching(port: int, is_open: bool) -> Iterator[None]:
    """Have a Live page open for as long as the block lasts, if so asked."""
    if not is_open:
        yield
        return
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/console/live/stream", headers={"authorization": f"Bearer {TOKEN}"})
    sock = connection.sock
    stream = connection.getresponse()
    stream.readline()  # it is fed from now on
    reader = threading.Thread(target=_read, args=(stream,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        sock.shutdown(socket.SHUT_RDWR)
        reader.join()
        connection.close()


def _read(stream: http.client.HTTPResponse) -> None:
    with suppress(http.client.IncompleteRead, ConnectionError):  # the page was closed
        while stream.read1(65_536):
            pass


def pages(events: int) -> dict[str, float]:
    """Return the milliseconds that each page takes at most, with so many events in history."""
    settings = Settings.model_validate(
        {
            "server": {"operator_token": TOKEN},
            "sources": [{"name": "demo", "write_key": "k"}],
            "destinations": [{"name": "one", "settings": {"apiKey": "the-api-key"}}],
        }
    )
    with tempfile.TemporaryDirectory(prefix="bench-console-") as name:
        path = Path(name, "spool.db")
        fill(path, events)
        return asyncio.run(_pages(path, settings, events))


async def _pages(path: Path, settings: Settings, events: int) -> dict[str, float]:
    spool = await open_spool(path, max_events=10**7, max_bytes=10**10)
    took: dict[str, float] = {}
    letters = await spool.look(lambda database: recent_events(database, _DEAD))
    dead = [NewDead(one, _WHY, b"{}", b"") for one in letters]
    await spool.settle("one", Settlement(events, dead=dead), NOW + events)
    try:
        async with console(spool, settings) as client:
            for name, (address, form) in _questions(events).items():
                times = []
                for _ in range(_TRIES):
                    began = time.perf_counter()
                    if form is None:
                        answer = await client.get(f"/console{address}")
                    else:
                        answer = await client.post(f"/console{address}", data=form)
                    times.append((time.perf_counter() - began) * 1000)
                    answer.raise_for_status()
                took[f"{name} ms"] = max(times[1:])
    finally:
        await spool.close()
    return took


def _questions(events: int) -> dict[str, tuple[str, Mapping[str, str] | None]]:
    """Return what is asked for by name: an address, and a form where one is sent."""
    old, middle = ids_of(events // 1000 + 1), ids_of(events // 2)
    track = presets()[0]
    mapping = {**track["mapping"], "event_type": {"@template": "Seen {{event}}"}}  # type: ignore[dict-item]
    edited = {"trigger": str(track["subscribe"]), "mapping": orjson.dumps(mapping).decode(), "on": "on"}
    return {
        "live": ("", None),
        "live, filtered": ("?q=nothing+like+it", None),
        "events": ("/events", None),
        "by message": (f"/events?message={old.message}", None),
        "by user": (f"/events?user={old.user}", None),
        "by session": (f"/events?session={middle.session}", None),
        "by name": ("/events?name=Order+Completed", None),
        "by a name that none has": ("/events?name=Nothing", None),
        "by outcome": ("/events?outcome=dead", None),
        "time line": (f"/events/timeline?user={middle.user}", None),
        "one event": (f"/events/{events // 2}", None),
        "mappings": ("/mappings", None),
        "a mapping": ("/mappings/one/0", None),
        "what if": ("/mappings/one/0", edited),
        "destinations": ("/destinations", None),
        "dead letters": ("/dead", None),
        "sending again": ("/dead/confirm", {"act": "retry", "destination": "one", "reason": _WHY}),
        "settings": ("/settings", None),
    }


if __name__ == "__main__":
    asked = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    print(json.dumps({**live_page(), "events": asked, **pages(asked)}))
