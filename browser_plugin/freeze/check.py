"""The checks that every frozen module has to pass before it may be used."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from browser_plugin.freeze.tools import FreezeError, node

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
    module: Path,
    poisoned: Path | None,
    description: dict[str, object],
    texts: Sequence[str],
    answers: Sequence[str],
    outside: dict[str, str],
    folder: Path,
) -> dict[str, int]:
    """Run every check on a module; raises FreezeError where one fails, returns counts for the report.

    ``texts`` and the host's ``answers`` to them; ``outside`` has the host's answers to the texts among
    OUTSIDE. ``poisoned`` is the module with 0xA5 in place of everything left out: where it answers the
    same, the answers do not depend on what was left out.
    """

    def ask(path: Path, repeat: int, odd: Sequence[object]) -> dict[str, list[object]]:
        out = path.with_suffix(".answers.json")
        order = {
            "module": str(path),
            "description": description,
            "texts": list(texts),
            "repeat": repeat,
            "outside": list(odd),
            "out": str(out),
        }
        (folder / path.stem).mkdir(exist_ok=True)
        try:
            node("check.mjs", order, folder / path.stem)
        except FreezeError as error:
            raise FreezeError(f"{path.stem} module: {error}") from error
        told: dict[str, list[object]] = json.loads(out.read_text())
        return told

    with ThreadPoolExecutor(2) as pool:
        second = pool.submit(ask, poisoned, 0, ()) if poisoned else None
        first = ask(module, REPEATED, OUTSIDE)
        compare("the frozen module", texts, first["answers"], answers)
        if second:
            compare("the poisoned module", texts, second.result()["answers"], answers)
    if first["grown"]:
        raise FreezeError(f"memory grew by {first['grown']} bytes during {REPEATED} calls")
    discarded = 0
    for value, outcome in zip([*OUTSIDE, "undefined"], first["outside"], strict=True):
        assert isinstance(outcome, dict)
        right = isinstance(value, str) and outcome.get("answer") == outside.get(value)
        if not (right or "discarded" in outcome):
            raise FreezeError(f"input outside the profile, {value!r:.40}, ended in {str(outcome)[:80]}")
        discarded += not right
    return {"calls": len(texts), "repeated": REPEATED, "outside": len(OUTSIDE) + 1, "discarded": discarded}


def compare(what: str, texts: Sequence[str], said: Sequence[object], answers: Sequence[str]) -> None:
    """Raise FreezeError where one answer differs from the host's."""
    for text, one, other in zip(texts, said, answers, strict=True):
        if one != other:
            raise FreezeError(f"{what} answers {one!r:.80} to {text!r:.80}, the host's Python {other!r:.80}")
