"""What each level of an owner's code costs: bytes, start, time for an event, traps, wrong answers."""

import json
import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import brotli  # type: ignore[import-untyped,unused-ignore]

from browser_plugin.freeze.tools import node
from browser_plugin.owner_freeze.events import made_up
from browser_plugin.owner_freeze.freeze import Frozen
from browser_plugin.owner_freeze.texts import texts_of

TIMED = 1_000
"""Events that the time is measured with: made up, the same ones for every module."""
SEED = 4
"""Another than those of profile and check: what is timed was not trained on."""
HEAD = ("your code", "level", "bytes with brotli", "start, ms", "an event, us", "traps", "wrong", "of events")


class Cost(NamedTuple):
    """What one level of one module costs. Times are medians under Node, for comparing levels."""

    name: str
    level: str
    brotli: int
    start_ms: float
    event_us: float
    trapped: int
    wrong: int
    held_out: int

    def cells(self) -> tuple[str, ...]:
        """Return it as a table's row."""
        times = (f"{self.start_ms:.0f}", f"{self.event_us:.0f}")
        counts = (f"{self.trapped:,}", f"{self.wrong:,}", f"{self.held_out:,}")
        return (self.name, self.level, f"{self.brotli:,}", *times, *counts)


def costs_of(name: str, frozen: Frozen) -> list[Cost]:
    """Return the costs of every level that was made; measured once for the same modules."""
    path = frozen.folder / "costs.json"
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(json.dumps(_measured(frozen)))
        part.replace(path)
    known: dict[str, dict[str, Any]] = json.loads(path.read_text())
    counted = {level: (of["trapped"], of["wrong"], of["held_out"]) for level, of in frozen.levels().items()}
    return [
        Cost(name, level, one["brotli"], one["start_ms"], one["event_us"], *counted[level])
        for level, one in known.items()
    ]


def _measured(frozen: Frozen) -> dict[str, dict[str, Any]]:
    modules = {level: frozen.folder / of["wasm"] for level, of in frozen.levels().items()}
    with tempfile.TemporaryDirectory(prefix="costs-") as name:
        folder = Path(name)
        order: dict[str, object] = {
            "modules": {level: str(path) for level, path in modules.items()},
            "description": {one: frozen.description[one] for one in ("entry", "buffer", "capacity")},
            "texts": texts_of(islice(made_up(SEED), TIMED)),
            "out": str(folder / "costs.json"),
        }
        node(str(Path(__file__).with_name("costs.mjs")), order, folder)
        measured: dict[str, dict[str, Any]] = json.loads((folder / "costs.json").read_text())
    for level, path in modules.items():
        measured[level]["brotli"] = compressed(path).stat().st_size
    return measured


def compressed(wasm: Path) -> Path:
    """Return the module's compressed form, which is made beside it once: it takes half a minute."""
    path = wasm.with_name(f"{wasm.name}.br")
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_bytes(brotli.compress(wasm.read_bytes(), quality=11, lgwin=24))
        part.replace(path)
    return path


def table(costs: Iterable[Cost]) -> str:
    """Return the costs as a table of Markdown, which a terminal shows as well."""
    rows = [HEAD, *(cost.cells() for cost in costs)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
