"""``build.py bench abuse``: the dearest inputs that hypothesis finds, in CPU time for each byte.

Searches on ingest's bodies, on planning with every action, and on Amplitude's answers; hypothesis makes
inputs dearer and dearer. Each search ends with so many inputs or after so many seconds, whichever comes
first, and shows on stderr how far it is; an interrupt (Ctrl-C, SIGTERM) ends all, with what was found.
Prints the dearest of each, measures the dearest event also as large as an event may be, and ends with an
error where one lies above its bound. Costs are multiples of what this machine needs, in the same moment, to
read JSON of as many bytes and write it as a query.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.responses import UpstreamResponse, read_response
from forwarder.errors import ForwarderError
from forwarder.http.responses import Refusal
from forwarder.ingest.body import decode_body, exceeds_depth
from forwarder.ingest.envelope import batch, single
from forwarder.javascript.dates import read_date
from tests.bench.searching import Dearest, Progress, search
from tests.property import test_planning, test_tracking_bodies
from tests.support.processes import ROOT
from tests.support.simulation.items import sent_item

LARGEST = 500_000
"""Bytes of a body, also of an inflated one: as a request of Segment's API may have."""
FLOOR = 1_000
"""Bytes that every input counts as: what a request costs in any case."""
MOST = {"ingest": 13.0, "planning": 130.0, "answers": 30.0}
"""Times the reference, for each byte: twice what the dearest known input costs. Planning: 32 kB, the largest
event, with the presets and with every action four times over, then cost a third of a second at most."""
LARGEST_EVENT = 32_768
REFERENCE = json.dumps([{"name": f"name {number}", "value": number * 1.5} for number in range(200)])
RUNS = 3
EXAMPLES, QUICK_EXAMPLES = 5_000, 300
SECONDS = 270
"""Most seconds of each of the three searches, so that all end within 15 minutes. More and more of them are
hypothesis' own: it replays what it has found in parts to make it dearer, and few of those count as inputs."""


def refer() -> None:
    """Do the work that costs are multiples of."""
    for one in json.loads(REFERENCE):
        urlencode(one)


def cost(call: Callable[[], object], size: int) -> float:
    """Return the cost for a byte, in multiples of the reference; the least of some runs where that matters.

    The reference is measured between the runs: what slows the machine down slows down both.
    """
    least = _run(call)
    if least > size:
        reference = _run(refer)
        for _ in range(RUNS):
            least = min(least, _run(call))
            reference = min(reference, _run(refer))
    else:
        reference = _QUIET.reference()
    return least / max(size, FLOOR) / (reference / len(REFERENCE))


class Quiet:
    """The reference's cost in microseconds, for inputs that are not dear."""

    def __init__(self) -> None:
        self._least = 0.0

    def reference(self) -> float:
        """Return it, measured once."""
        self._least = self._least or min(_run(refer) for _ in range(20))
        return self._least


_QUIET = Quiet()


def _run(call: Callable[[], object]) -> float:
    began = time.thread_time()
    call()
    return (time.thread_time() - began) * 1e6


def take(body: bytes, encoding: bytes) -> None:
    """Read a body as ingest does, as one event and as a batch."""
    try:
        text = decode_body(body, encoding, LARGEST)
        if exceeds_depth(text, 100):
            return
    except Refusal:
        return
    for read in (single, batch):
        try:
            read(text)
        except Refusal:
            continue


def plan(event: dict[str, Any]) -> None:
    """Plan an event with the presets and with every action at once, its times not read before."""
    read_date.cache_clear()
    for planner in (test_planning.PRESETS, test_planning.ALL):
        try:
            planner.items(event)
        except ForwarderError:
            continue


TEXTS = st.text(max_size=200) | st.builds(
    lambda part, times: part * times, st.text(min_size=1, max_size=4), st.integers(1, 20_000)
)
PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=10), inner, max_size=8),
    max_leaves=30,
)
PRODUCTS = st.builds(lambda one, times: [one] * times, PARTS, st.integers(1, 500))
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "identify", "group", "page", "screen", "alias"]), "userId": TEXTS},
    optional={
        "event": st.sampled_from(["Order Completed", "Seen"]) | TEXTS,
        "traits": PARTS,
        "properties": PARTS | st.fixed_dictionaries({"products": PRODUCTS}, optional={"revenue": PARTS}),
        "context": st.fixed_dictionaries(
            {},
            optional={"userAgent": TEXTS, "page": PARTS, "campaign": PARTS, "device": PARTS, "traits": PARTS},
        ),
        "groups": PARTS,
        "timestamp": TEXTS,
        "integrations": PARTS,
    },
)
SENT = [sent_item(f"u{number % 3}", f"d{number}") for number in range(100)]
INDEXES = st.builds(lambda one, times: [one] * times, st.integers(-1, 200), st.integers(0, 5_000))
SAID = st.dictionaries(
    st.sampled_from(["code", "error", "missing_field", "events_with_invalid_fields", "silenced_devices"])
    | st.sampled_from(["events_with_missing_fields", "throttled_events", "throttled_users", "eps_threshold"]),
    PARTS | INDEXES | st.dictionaries(st.text(max_size=20), INDEXES, max_size=10),
)
ANSWERS = st.builds(lambda said: json.dumps(said).encode(), SAID) | st.binary(max_size=10_000)
BODIES = test_tracking_bodies.encoded | st.tuples(
    st.builds(lambda part, times: part * times, st.binary(min_size=1, max_size=30), st.integers(1, 15_000)),
    st.sampled_from([b"", b"gzip", b"deflate", b"gzip, gzip"]),
)


def of_ingest(made: tuple[bytes, bytes]) -> tuple[float, int]:
    """Return a body's cost and size; compressed ones count as what they may become."""
    size = len(made[0])
    return cost(lambda: take(*made), size if not made[1] else max(size, 10 * FLOOR)), size


def of_planning(event: dict[str, Any]) -> tuple[float, int]:
    """Return an event's cost and size, as JSON; ingest lets none beyond 32 kB through."""
    size = len(json.dumps(event).encode())
    return (cost(lambda: plan(event), size) if size <= LARGEST_EVENT else 0.0), size


def grown(value: Any, times: int) -> Any:
    """Return an event with every text and list so many times as long."""
    if isinstance(value, str):
        return value * times
    if isinstance(value, list):
        return value * times
    if isinstance(value, dict):
        return {name: one if name == "type" else grown(one, times) for name, one in value.items()}
    return value


def largest_of(event: dict[str, Any], size: int) -> Dearest:
    """Return the event's cost where it is as large as an event may be: superlinear cost shows there."""
    for times in range(LARGEST_EVENT // max(size, 1), 1, -1):
        large = grown(event, times)
        value, size = of_planning(large)
        if value:
            return Dearest(value, size, large)
    return Dearest(*of_planning(event), event)


def products() -> Dearest:
    """Return the dearest purchase of thousands of tiny products, of every kind that JSON has."""
    found = Dearest()
    for one in (0, False, None, "", -1, [], {}, [0], "a", {"price": "1"}, {"quantity": ""}):
        times = 16_000 // len(json.dumps([one]))
        event = {"type": "track", "event": "Order Completed", "properties": {"products": [one] * times}}
        found.hear(*of_planning(event), event)
    return found


def of_answers(body: bytes) -> tuple[float, int]:
    """Return the cost and size of an answer of Amplitude's, read with every status that matters."""

    def read() -> None:
        for status in (200, 400, 413, 429, 500):
            read_response(Endpoint.HTTPAPI, SENT, UpstreamResponse(status, body))

    return cost(read, len(body)), len(body)


SEARCHES: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], tuple[float, int]]]] = {
    "ingest": (BODIES, of_ingest),
    "planning": (EVENTS, of_planning),
    "answers": (ANSWERS, of_answers),
}


def find(tries: int, seconds: float) -> tuple[dict[str, Dearest], bool]:
    """Return the dearest inputs of all kinds, and whether the search came to its end."""
    found = dict[str, Dearest]()
    for name, (strategy, measure) in SEARCHES.items():
        progress, alike = Progress(name, tries), tries == QUICK_EXAMPLES
        found[name] = search(strategy, measure, progress, tries=tries, seconds=seconds, alike=alike)
        if found[name].stopped:
            return found, False
    if found["planning"].made is not None:
        found["planning, the largest"] = largest_of(found["planning"].made, found["planning"].size)
    found["planning, many products"] = products()
    return found, True


def show(found: dict[str, Dearest]) -> list[str]:
    """Print what was found and keep it for a report; return the names of what is dearer than it may be."""
    lines, above = [], []
    for name, dearest in found.items():
        most = MOST[name.partition(",")[0]]
        lines.append({"name": name, "times": dearest.cost, "bytes": dearest.size, "most": most})
        shown = repr(dearest.made)[:160]
        print(
            f"{name:24} {dearest.cost:6.1f} times the reference, of at most {most}:"
            f" {dearest.size:,} bytes, {shown}"
        )
        if dearest.cost > most:
            above.append(name)
    out = ROOT / "dist" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "abuse.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return above


def main() -> None:
    """Search, print, judge."""
    parser = argparse.ArgumentParser(prog="build.py bench abuse", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_EXAMPLES} inputs of each kind")
    parser.add_argument(
        "--examples", type=int, default=EXAMPLES, help=f"at most so many inputs of each kind ({EXAMPLES})"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        help=f"at most so many seconds for each of the {len(SEARCHES)} searches ({SECONDS})",
    )
    options = parser.parse_args()
    plan({"type": "track", "userId": "first", "context": {"userAgent": "starts the engine"}})
    found, ended = find(QUICK_EXAMPLES if options.quick else options.examples, options.seconds)
    above = show(found)
    if above:
        raise SystemExit(f"bench: dearer than it may be: {', '.join(above)}")
    if not ended:
        raise SystemExit("bench: stopped before its end")


if __name__ == "__main__":
    main()
