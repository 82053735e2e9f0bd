"""The checks that every frozen module has to pass before it may be used; check.mjs asks, under Node."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from browser_plugin.freeze.host import OUTSIDE, Host
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import FreezeError, node

REPEATED = 1_000_000
"""Calls during which memory may not grow."""


def check(
    wasm: bytes, poisoned: bytes | None, state: State, host: Host, folder: Path, repeated: int = REPEATED
) -> dict[str, int]:
    """Run every check on a module; raises FreezeError where one fails, returns counts for the report.

    ``poisoned`` is the module with 0xA5 in place of everything left out: where it answers the same, the
    answers do not depend on what was left out.
    """
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, "frozen", wasm, state, host.texts, repeated, OUTSIDE, folder)
        second = (
            pool.submit(ask, "poisoned", poisoned, state, host.texts, 0, (), folder) if poisoned else None
        )
        for name, asked in (("frozen", first), ("poisoned", second)):
            if asked:
                compare(name, host, asked.result()["answers"])
    told = first.result()
    if told["grown"]:
        raise FreezeError(f"memory grew by {told['grown']} bytes during {repeated} calls")
    discarded = 0
    for value, outcome in zip([*OUTSIDE, "undefined"], told["outside"], strict=True):
        right = host.outside.get(value) if isinstance(value, str) else None
        answered = right is not None and outcome.get("answer") == right
        if not (answered or "discarded" in outcome or "refused" in outcome):
            raise FreezeError(f"input outside the profile, {value!r:.40}, ended in {str(outcome)[:80]}")
        discarded += "discarded" in outcome
    return {
        "calls": len(host.texts),
        "repeated": repeated,
        "outside": len(told["outside"]),
        "discarded": discarded,
    }


def ask(
    name: str,
    wasm: bytes,
    state: State,
    texts: Sequence[str],
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
        "description": state.description(),
        "texts": list(texts),
        "repeat": repeat,
        "outside": list(outside),
        "out": str(mine / "told.json"),
    }
    try:
        node("check.mjs", order, mine)
    except FreezeError as error:
        mend = "; if it takes another path than the workload's texts(), add it to them"
        raise FreezeError(f"the {name} module ends in {error}{mend}") from error
    told: dict[str, Any] = json.loads((mine / "told.json").read_text())
    return told


def compare(name: str, host: Host, said: Sequence[str]) -> None:
    """Raise FreezeError where one answer differs from the host's."""
    for text, one, other in zip(host.texts, said, host.answers, strict=True):
        if one != other:
            raise FreezeError(
                f"the {name} module answers {one!r:.80} to {text!r:.80}, the host's Python {other!r:.80}"
            )
