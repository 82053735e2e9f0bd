"""``build.py bench abuse``: the dearest inputs that hypothesis finds, in CPU-microseconds for each byte.

Searches on ingest's bodies, on planning with every action, and on Amplitude's answers; hypothesis makes
inputs dearer and dearer. Prints the dearest of each and ends with an error where one lies above its bound.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import strategies as st

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.responses import UpstreamResponse, read_response
from forwarder.errors import ForwarderError
from forwarder.http.responses import Refusal
from forwarder.ingest.body import decode_body, exceeds_depth
from forwarder.ingest.envelope import batch, single
from tests.property import test_planning, test_tracking_bodies
from tests.support.processes import ROOT
from tests.support.simulation.items import sent_item

LARGEST = 500_000
"""Bytes of a body, also of an inflated one: as a request of Segment's API may have."""
FLOOR = 1_000
"""Bytes that every input counts as: what a request costs in any case."""
MOST_US = {"ingest": 2.0, "planning": 10.0, "answers": 2.0}
"""CPU-microseconds for a byte. Planning: 32 kB, the largest event, then cost a third of a second at most."""
EXAMPLES, QUICK_EXAMPLES = 5_000, 300


@dataclass
class Dearest:
    """The dearest input found: its cost for a byte, and how it looks."""

    cost: float = 0.0
    size: int = 0
    shown: str = ""


def cost(call: Callable[[], object], size: int) -> float:
    """Return the CPU-microseconds for a byte, the least of three runs where a second look is worth it."""
    least = _run(call)
    if least > size:
        least = min(least, _run(call), _run(call))
    return least / max(size, FLOOR)


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
    """Plan an event with the presets and with every action at once."""
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


def search(
    strategy: st.SearchStrategy[Any], measure: Callable[[Any], tuple[float, int]], tries: int
) -> Dearest:
    """Return the dearest of so many inputs."""
    found = Dearest()

    @settings(
        max_examples=tries,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def dearer(made: Any) -> None:
        value, size = measure(made)
        target(value)
        if value > found.cost:
            found.cost, found.size, found.shown = value, size, repr(made)[:160]

    dearer()
    return found


def of_ingest(made: tuple[bytes, bytes]) -> tuple[float, int]:
    """Return a body's cost and size; compressed ones count as what they may become."""
    size = len(made[0])
    return cost(lambda: take(*made), size if not made[1] else max(size, 10 * FLOOR)), size


def of_planning(event: dict[str, Any]) -> tuple[float, int]:
    """Return an event's cost and size, as JSON; ingest lets none beyond 32 kB through."""
    size = len(json.dumps(event).encode())
    return (cost(lambda: plan(event), size) if size <= 32_768 else 0.0), size


def of_answers(body: bytes) -> tuple[float, int]:
    """Return the cost and size of an answer of Amplitude's, read with every status that matters."""

    def read() -> None:
        for status in (200, 400, 413, 429, 500):
            read_response(Endpoint.HTTPAPI, SENT, UpstreamResponse(status, body))

    return cost(read, len(body)), len(body)


def main() -> None:
    """Search, print, judge."""
    parser = argparse.ArgumentParser(prog="build.py bench abuse", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_EXAMPLES} inputs of each kind")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"inputs of each kind ({EXAMPLES})")
    options = parser.parse_args()
    tries = QUICK_EXAMPLES if options.quick else options.examples
    plan({"type": "track", "userId": "first", "context": {"userAgent": "starts the engine"}})
    kinds: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], tuple[float, int]]]] = {
        "ingest": (BODIES, of_ingest),
        "planning": (EVENTS, of_planning),
        "answers": (ANSWERS, of_answers),
    }
    lines, above = [], []
    for name, (strategy, measure) in kinds.items():
        found = search(strategy, measure, tries)
        lines.append({"name": name, "us/byte": found.cost, "bytes": found.size, "most": MOST_US[name]})
        print(
            f"{name:10} {found.cost:8.3f} us/byte of at most {MOST_US[name]}:"
            f" {found.size:,} bytes, {found.shown}"
        )
        if found.cost > MOST_US[name]:
            above.append(name)
    out = ROOT / "dist" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "abuse.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if above:
        raise SystemExit(f"bench: dearer than it may be: {', '.join(above)}")


if __name__ == "__main__":
    main()
