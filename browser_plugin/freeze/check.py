"""The checks that every frozen module has to pass before it may be used; check.mjs asks, under Node."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import FreezeError, host_answers, node

CALLS = 20_000
"""Made-up calls that are compared with the host's Python, answer by answer."""
REPEATED = 1_000_000
"""Calls during which memory may not grow."""
OUTSIDE: tuple[object, ...] = (
    *("", "\0", "\0\t\0\t\0\t\0\t\0\t\0", "\ud83d", "1\t1\t1\t1\t1\t\ude00"),
    *("x" * 4000, "\t" * 8000, "9" * 8188, "\u4e2d" * 2700, "x" * 3_000_000, "\u4e2d\U0001f600" * 400_000),
    *(None, 5, 1.5, True, [], ["1"], {}, {"toString": None}),
)
"""What no page hands over: empty, huge, halves of characters, other types. A right answer or a clean end."""


def check(
    wasm: bytes,
    poisoned: bytes | None,
    state: State,
    wheel: Path,
    entry: tuple[str, str],
    texts: Sequence[str],
    folder: Path,
    repeated: int = REPEATED,
) -> dict[str, int]:
    """Run every check on a module; raises FreezeError where one fails, returns counts for the report.

    ``poisoned`` is the module with 0xA5 in place of everything left out: where it answers the same, the
    answers do not depend on what was left out.
    """
    odd = [value for value in OUTSIDE if isinstance(value, str)]
    answers = host_answers(wheel, *entry, [*texts, *odd])
    right = dict(zip(odd, answers[len(texts) :], strict=True))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, "frozen", wasm, state, texts, repeated, OUTSIDE, folder)
        second = pool.submit(ask, "poisoned", poisoned, state, texts, 0, (), folder) if poisoned else None
        for name, asked in (("frozen", first), ("poisoned", second)):
            if asked:
                compare(name, texts, asked.result()["answers"], answers[: len(texts)])
    told = first.result()
    if told["grown"]:
        raise FreezeError(f"memory grew by {told['grown']} bytes during {repeated} calls")
    discarded = 0
    for value, outcome in zip([*OUTSIDE, "undefined"], told["outside"], strict=True):
        answered = isinstance(value, str) and value in right and outcome.get("answer") == right[value]
        if not (answered or "discarded" in outcome):
            raise FreezeError(f"input outside the profile, {value!r:.40}, ended in {str(outcome)[:80]}")
        discarded += not answered
    return {"calls": len(texts), "repeated": repeated, "outside": len(OUTSIDE) + 1, "discarded": discarded}


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
        raise FreezeError(f"the {name} module: {error}") from error
    told: dict[str, Any] = json.loads((mine / "told.json").read_text())
    return told


def compare(name: str, texts: Sequence[str], said: Sequence[str], answers: Sequence[str]) -> None:
    """Raise FreezeError where one answer differs from the host's."""
    for text, one, other in zip(texts, said, answers, strict=True):
        if one != other:
            raise FreezeError(
                f"the {name} module answers {one!r:.80} to {text!r:.80}, the host's Python {other!r:.80}; "
                "has the workload this kind of text?"
            )
