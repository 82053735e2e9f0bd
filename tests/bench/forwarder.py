"""``build.py bench forwarder``: what an event costs from accepted to delivered, all on loopback.

Every figure stands beside REF (``tests/bench/reference.py``) measured in the same run: compare ratios, for
microseconds depend on the machine and on who else uses it. JSON lines go to ``dist/bench/forwarder.jsonl``.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson

from forwarder.spool import NewEvent, open_spool
from tests.bench import finding, history, load, mapping, planning, replays, sessions
from tests.bench.programs import Process, running
from tests.support.nats import nats_server
from tests.support.processes import ROOT
from tests.support.spools import somewhere

CONFIG = """
[spool]
path = "{place}"
copy_path = "{folder}/spool.db"
max_events = 3000000
[limits]
requests_per_second = 1000000
events_per_second = 10000000
bytes_per_second = 10000000000
[[sources]]
name = "demo"
write_key = "demo"
[[sources]]
name = "past"
write_key = "past"
[[destinations]]
name = "amplitude"
base_url = "http://127.0.0.1:{sink}"
linger_ms = 50
[destinations.settings]
apiKey = "bench"
"""


STANDSTILL_S = 120
"""Longer than any pause that a forwarder makes while its destination takes everything."""


class Counts(NamedTuple):
    """What the sink has got so far; ``items``: of which an order makes several; ``ages`` in ms."""

    requests: int
    items: int
    events: int
    ages: list[int]


class Bench:
    """One sink, one folder; figures are printed and kept."""

    def __init__(self, folder: Path, sink: int) -> None:
        self.folder = folder
        self.sink = sink
        self.place = f"{folder}/spool.db"
        self.lines: list[dict[str, object]] = []

    def note(self, name: str, **figures: float) -> None:
        """Print and keep figures."""
        shown = "  ".join(
            f"{key} {value:,.4g}" if value < 1000 else f"{key} {value:,.0f}" for key, value in figures.items()
        )
        print(f"{name:34} {shown}", flush=True)
        self.lines.append({"name": name, **figures})

    def counts(self) -> Counts:
        """Ask the sink; ages are those since it was last asked."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.sink}/_/counts") as answer:
            said = json.load(answer)
        return Counts(said["requests"], said["items"], said["events"], said["ages"])

    @contextmanager
    def forwarder(self) -> Iterator[tuple[Process, int]]:
        """Run the forwarder on an emptied spool folder unless one was filled before."""
        config = self.folder / "forwarder.toml"
        config.write_text(CONFIG.format(folder=self.folder, place=self.place, sink=self.sink))
        with running("forwarder", "serve", "--config", str(config), "--port", "0") as process:
            yield process, process.listening()

    def disk(self) -> float:
        """Return the spool's size with all that lies beside it, in MB."""
        return sum(path.stat().st_blocks for path in self.folder.glob("spool.db*")) * 512 / 1e6

    def empty(self) -> None:
        """Forget the spool."""
        for path in self.folder.glob("spool.db*"):
            path.unlink()

    def wait(self, events: int) -> Counts:
        """Wait until so many events have arrived at the sink; ends the program where none comes any more."""
        last, until = -1, 0.0
        ages: list[int] = []
        while (counts := self.counts()).events < events:
            ages += counts.ages
            if counts.events > last:
                last, until = counts.events, time.monotonic() + STANDSTILL_S
            if time.monotonic() > until:
                raise SystemExit(f"bench: {counts.events:,} of {events:,} events arrived, and no more come")
            time.sleep(0.05)
        return counts._replace(ages=ages + counts.ages)


def reference(requests: list[bytes], connections: int) -> float:
    """Return REF's CPU microseconds per request."""
    with running("tests.bench.reference") as process:
        port = process.port()
        asyncio.run(load.post_all(port, iter(requests[: len(requests) // 10]), connections))
        before = process.cpu()
        asyncio.run(load.post_all(port, iter(requests), connections))
        return (process.cpu() - before) / len(requests) * 1e6


def saturated(bench: Bench, name: str, requests: list[bytes], each: int, connections: int) -> None:
    """Post as fast as it goes; what the forwarder used until the last event had arrived."""
    bench.empty()
    events = each * len(requests)
    ref = reference(requests[: max(300, len(requests) // 4)], connections)
    warm, measured = requests[: len(requests) // 5], requests[len(requests) // 5 :]
    with bench.forwarder() as (process, port):
        start = bench.counts().events
        asyncio.run(load.post_all(port, iter(warm), connections))
        before = bench.wait(start + each * len(warm))
        cpu, began = process.cpu(), time.monotonic()
        refused = asyncio.run(load.post_all(port, iter(measured), connections))
        after = bench.wait(start + events)
        took, used = time.monotonic() - began, process.cpu() - cpu
        count = each * len(measured)
        bench.note(
            name,
            **{
                "us/event": used / count * 1e6,
                "REF us/request": ref,
                "request in REFs": used / len(measured) * 1e6 / ref,
                "events/CPU-s": count / used,
                "events/s": count / took,
                "requests/1000": (after.requests - before.requests) / count * 1000,
                "items/event": (after.items - before.items) / count,
                "refused": refused,
            },
        )


def paced(bench: Bench, rate: int, seconds: int) -> None:
    """Latency from sent to arrived, single events at an even pace."""
    bench.empty()
    with bench.forwarder() as (_, port):
        before = bench.counts()
        asyncio.run(load.post_paced(port, rate, 2))
        bench.wait(before.events + rate * 2)
        before = bench.counts()
        asyncio.run(load.post_paced(port, rate, seconds))
        after = bench.wait(before.events + rate * seconds)
        ages = sorted(after.ages)
        cut = statistics.quantiles(ages, n=100)
        made = (after.requests - before.requests) / len(ages) * 1000
        name = f"{rate}/s singles, 50 ms linger"
        bench.note(name, **{"p50 ms": cut[49], "p99 ms": cut[98], "requests/1000": made})


def flow(bench: Bench, events: int) -> None:
    """Memory and disk while very many events are accepted and delivered."""
    bench.empty()
    tenth = events // 1000
    with bench.forwarder() as (process, port):
        start, memory, disk = bench.counts().events, [], []
        for number in range(1, 11):
            requests = (load.batch(100) for _ in range(tenth))
            asyncio.run(load.post_all(port, requests, 4))
            bench.wait(start + number * 100 * tenth)
            memory.append(process.memory())
            disk.append(bench.disk())
        bench.note(
            f"flow of {1000 * tenth:,}",
            **{
                "memory MB after a tenth": memory[0],
                "half": memory[4],
                "all": memory[9],
                "spool MB after a tenth": disk[0],
                "most": max(disk),
                "all ": disk[9],
            },
        )


def capacity(bench: Bench, events: int) -> None:
    """Cost of delivering so many events that wait in the spool, and what that needs of memory and disk."""
    bench.empty()

    async def fill() -> None:
        spool = await open_spool(bench.folder / "spool.db", max_events=3_000_000, max_bytes=10**10)
        for _ in range(events // 1000):
            made = [load.event() for _ in range(1000)]
            rows = [NewEvent("demo", str(one["messageId"]), orjson.dumps(one)) for one in made]
            await spool.append(rows, 1_790_000_000_000)
        await spool.close()

    asyncio.run(fill())
    size = (bench.folder / "spool.db").stat().st_size / 1e6
    start, asked = bench.counts().events, bench.counts().requests
    with bench.forwarder() as (process, _):
        cpu, began = process.cpu(), time.monotonic()
        done = bench.counts().events - start
        bench.wait(start + done + (events - done) // 10)
        first = process.memory()
        made = bench.wait(start + events).requests - asked
        bench.note(
            f"backlog of {events:,}",
            **{
                "us/event": (process.cpu() - cpu) / (events - done) * 1e6,
                "events/s": (events - done) / (time.monotonic() - began),
                "requests/1000": made / events * 1000,
                "memory MB at 10 %": first,
                "memory MB at the end": process.memory(),
                "spool MB": size,
            },
        )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="build.py bench forwarder", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fortieth or less, to see that it works")
    parser.add_argument(
        "--only",
        choices=[
            "planning",
            "batches",
            "singles",
            "stream",
            "paced",
            "flow",
            "backlog",
            "sessions",
            "history",
            "replay",
        ],
        help="one part",
    )
    parser.add_argument("--events", type=int, help="events in history, for --only history; up to 10 million")
    options = parser.parse_args()
    part = 40 if options.quick else 1
    with tempfile.TemporaryDirectory(prefix="bench-") as name, running("tests.bench.sink") as sink:
        bench = Bench(Path(name), sink.port())
        if options.only in (None, "planning"):
            bench.note("planning, presets", **planning.measure())
            bench.note("default mapping", **mapping.measure())
        if options.only in (None, "sessions"):
            bench.note("sessions", **sessions.measure(part))
        if options.only in (None, "history"):
            bench.note("history", **history.measure(20_000 // part))
            for events in [options.events] if options.events else [100_000 // part, 1_000_000 // part]:
                bench.note(f"finding in {events:,}", **finding.measure(events))
        if options.only in (None, "batches"):
            requests = [load.batch(100) for _ in range(2000 // part)]
            saturated(bench, "batches of 100", requests, 100, 4)
        if options.only in (None, "singles"):
            requests = [load.single() for _ in range(50_000 // part)]
            saturated(bench, "singles", requests, 1, 64)
        if options.only in (None, "stream"):
            files = bench.place
            with nats_server() as server:
                bench.place = somewhere(server, bench.folder).place
                requests = [load.batch(100) for _ in range(2000 // part)]
                saturated(bench, "batches of 100, in a stream", requests, 100, 4)
                requests = [load.single() for _ in range(50_000 // part)]
                saturated(bench, "singles, in a stream", requests, 1, 64)
            bench.place = files
        if options.only in (None, "paced"):
            for rate in (1000,) if options.quick else (1000, 2000):
                paced(bench, rate, 20 // part + 1)
        if options.only in (None, "flow"):
            flow(bench, 5_000 if options.quick else 1_000_000)
        if options.only in (None, "replay"):
            events, seconds = (2_000, 2) if options.quick else (options.events or 100_000, 4)
            bench.note("replay", **replays.measure(bench, events, 1_000, seconds))
        if options.only in (None, "backlog"):
            for events in (2_000,) if options.quick else (10_000, 100_000, 1_000_000):
                capacity(bench, events)
        out = ROOT / "dist" / "bench"
        out.mkdir(parents=True, exist_ok=True)
        with (out / "forwarder.jsonl").open("w") as file:
            file.writelines(json.dumps(line) + "\n" for line in bench.lines)


if __name__ == "__main__":
    main()
