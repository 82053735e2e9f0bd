"""What a module of an owner's code answers, under Node, held against the whole module's answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from browser_plugin.freeze.check import CALLS_PER_INSTANCE
from browser_plugin.freeze.tools import node


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to texts; None for a trap."""

    texts: Sequence[str]
    right: Sequence[str | None]
    said: Sequence[str | None]
    poisoned: Sequence[str | None] = ()
    """With 0xA5 in place of the data that is left out: what depends on that data shows twice."""

    def with_poisoned(self, said: Sequence[str | None]) -> "Answers":
        """Return the same with the poisoned module's answers."""
        return replace(self, poisoned=said)

    def counted(self) -> dict[str, Any]:
        """Return how many ``held_out`` events ``trapped`` and were ``wrong``, and the ``first`` that was."""
        wrong = [
            number
            for number, right in enumerate(self.right)
            for said in (self.said, self.poisoned)
            if said and said[number] not in (None, right)
        ]
        first = {"first": self.texts[wrong[0]]} if wrong else {}
        trapped = sum(one is None for one in self.said)
        return {"held_out": len(self.texts), "trapped": trapped, "wrong": len(set(wrong)), **first}


def asked(wasm: bytes, description: dict[str, Any], texts: Sequence[str], folder: Path) -> list[str | None]:
    """Return what a module answers under Node; None where it traps. ``folder``: a new one."""
    folder.mkdir()
    (folder / "module.wasm").write_bytes(wasm)
    order: dict[str, object] = {
        "module": str(folder / "module.wasm"),
        "description": {name: description[name] for name in ("entry", "buffer", "capacity")},
        "texts": list(texts),
        "seen": 0,
        "per_instance": CALLS_PER_INSTANCE,
        "repeat": 0,
        "outside": [],
        "out": str(folder / "answers.json"),
    }
    node("check.mjs", order, folder)
    answers: list[str | None] = json.loads((folder / "answers.json").read_text())["answers"]
    return answers
