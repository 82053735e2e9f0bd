"""The checks that every frozen module has to pass before it may be used; check.mjs asks, under Node."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from browser_plugin.freeze.host import OUTSIDE, Host
from browser_plugin.freeze.tools import FreezeError, node

CALLS_PER_INSTANCE = 1_000
"""Calls that no profile saw that one instance of the module answers; then a new one begins."""
TRAPS = 1_000
"""Of so many calls that no profile saw, one may trap at the most; in a page another way then answers."""


def check(
    wasm: bytes,
    poisoned: bytes | None,
    description: Mapping[str, object],
    host: Host,
    folder: Path,
    repeated: int,
    seen: int | None = None,
) -> dict[str, int]:
    """Run every check on a module; raises FreezeError where one fails, returns counts for the report.

    ``description`` is what the page's host needs to call it (``State.description``).
    ``poisoned`` is the module with 0xA5 in place of everything left out: where it answers the same, the
    answers do not depend on what was left out. ``seen``: how many of the host's texts, from the first one,
    the profile saw (None: all); these are all answered. Of the others, held out, no answer may be wrong, and
    one in ``TRAPS`` may be missing, of either module: a poisoned one that only traps says nothing.
    """
    seen = len(host.texts) if seen is None else seen
    traps = {}
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, "frozen", wasm, description, host.texts, seen, repeated, OUTSIDE, folder)
        second = (
            pool.submit(ask, "poisoned", poisoned, description, host.texts, seen, 0, (), folder)
            if poisoned
            else None
        )
        for name, asked in (("frozen", first), ("poisoned", second)):
            if asked:
                traps[name] = compare(name, host, asked.result()["answers"])
    held_out = len(host.texts) - seen
    for name, trapped in traps.items():
        if trapped * TRAPS > held_out:
            raise FreezeError(
                f"{trapped} of {held_out} calls that no profile saw trap in the {name} module; add texts of"
                " their kind to the workload"
            )
    report = first.result()
    if report["grown"]:
        raise FreezeError(f"memory grew by {report['grown']} bytes during {repeated} calls")
    discarded = 0
    for value, outcome in zip([*OUTSIDE, "undefined"], report["outside"], strict=True):
        right = host.outside.get(value) if isinstance(value, str) else None
        answered = right is not None and outcome.get("answer") == right
        if not (answered or "discarded" in outcome or "refused" in outcome):
            raise FreezeError(f"input outside the profile, {value!r:.40}, ended in {str(outcome)[:80]}")
        discarded += "discarded" in outcome
    return {
        "calls": len(host.texts),
        "held_out": held_out,
        "trapped": traps["frozen"],
        "poisoned_trapped": traps.get("poisoned", 0),
        "repeated": repeated,
        "outside": len(report["outside"]),
        "discarded": discarded,
    }


def ask(
    name: str,
    wasm: bytes,
    description: Mapping[str, object],
    texts: Sequence[str],
    seen: int,
    repeat: int,
    outside: Sequence[object],
    folder: Path,
) -> dict[str, Any]:
    """Return what a module said to the texts, and how it ended on what is outside the profile."""
    mine = folder / name
    mine.mkdir()
    (mine / "module.wasm").write_bytes(wasm)
    order: dict[str, object] = {
        "module": str(mine / "module.wasm"),
        "description": dict(description),
        "texts": list(texts),
        "seen": seen,
        "per_instance": CALLS_PER_INSTANCE,
        "repeat": repeat,
        "outside": list(outside),
        "out": str(mine / "report.json"),
    }
    try:
        node("check.mjs", order, mine)
    except FreezeError as error:
        mend = "; if it takes another path than the workload's texts(), add it to them"
        raise FreezeError(f"the {name} module ends in {error}{mend}") from error
    report: dict[str, Any] = json.loads((mine / "report.json").read_text())
    return report


def compare(name: str, host: Host, said: Sequence[str | None]) -> int:
    """Return how many calls trapped (None); raises FreezeError where an answer differs from the host's."""
    for text, one, other in zip(host.texts, said, host.answers, strict=True):
        if one is not None and one != other:
            raise FreezeError(
                f"the {name} module answers {one!r:.80} to {text!r:.80}, the host's Python {other!r:.80}"
            )
    return sum(one is None for one in said)
