"""An owner's code as a frozen module of its own, beside the one with the session rules.

All data is kept at the levels ``whole`` and ``code``: what an owner's code may read, no workload shows in
full, and data that is missing reads as zeros, which may be silently wrong. Code that is missing traps; the
page then brings the whole module. That one is the check's reference: the host's Python is another version.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from browser_plugin.freeze.boot import boot
from browser_plugin.freeze.install import installed
from browser_plugin.freeze.keeping import keep
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.order import ROOM
from browser_plugin.freeze.profile import ran
from browser_plugin.freeze.rewrite import HOST_EXPORTS, only, thawless, with_memory
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import HERE, FreezeError, node, wasm_opt
from browser_plugin.owner.source import OwnerCode
from browser_plugin.owner_freeze.events import made_up
from browser_plugin.owner_freeze.wheel import HANDLE, wheel_of

Level = Literal["whole", "code"]
LEVELS: tuple[Level, ...] = ("whole", "code")
PROFILED, HELD_OUT = 1_500, 2_000
"""Made-up events that a profiled run sees, and those of the check, which it does not."""
SEEDS = (1, 2)
"""Of the workload, and of the events that are held out."""


INPUTS = (
    *(HERE.parent / name for name in ("enrichment.py", "minimal.py", "page/frozen.js")),
    *(Path(__file__).with_name(name) for name in ("freeze.py", "events.py", "wheel.py")),
)
"""Files of ours, beside the freeze's own, whose contents decide about the modules."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """The modules in a folder, and what the page needs to host them."""

    folder: Path
    description: dict[str, Any]


def frozen_once(
    code: OwnerCode,
    level: Level,
    events: Sequence[dict[str, Any]],
    pyodide: Path,
    cache: Path,
    say: Callable[[str], None],
) -> Frozen:
    """Return the frozen code; what the same inputs gave before is not made again. Raises FreezeError.

    ``events``: of the owner's own, for the workload; ``pyodide``: its npm package.
    """
    total = hashlib.sha256(f"{code.version}\n{code.name}\n{level}\n{json.dumps(events)}".encode())
    for path in (
        *INPUTS,
        *sorted(HERE.rglob("*.py")),
        *sorted(HERE.rglob("*.mjs")),
        pyodide / "package.json",
    ):
        total.update(path.read_bytes())
    folder = cache / f"owner-{total.hexdigest()[:20]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=cache, prefix="part-"))
        try:
            description = _freeze(code, level, events, pyodide, cache, part, say)
            (part / "description.json").write_text(json.dumps(description, indent=2))
            keep(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Frozen(folder, json.loads((folder / "description.json").read_text()))


def _freeze(
    code: OwnerCode,
    level: Level,
    events: Sequence[dict[str, Any]],
    pyodide: Path,
    cache: Path,
    out: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    workload = texts_of([*events, *islice(made_up(SEEDS[0]), PROFILED)])
    held_out = texts_of([*events, *islice(made_up(SEEDS[1]), HELD_OUT)])
    original = Module.read((pyodide / "pyodide.asm.wasm").read_bytes())
    with tempfile.TemporaryDirectory(prefix="freeze-") as name:
        folder = Path(name)
        say("compiling the owner's code and installing it, by the interpreter's own tools")
        wheel = installed(wheel_of(code, folder / "wheel"), pyodide, cache, folder)
        say("starting the interpreter, importing and warming the owner's code")
        module, _, function = HANDLE.partition(":")
        state = boot(original, pyodide, wheel, (module, function), workload, folder)
        whole = with_memory(thawless(original, state, HOST_EXPORTS), state.memory).write()
        description: dict[str, Any] = {**state.description(), "version": code.version, "level": level}
        description["whole"] = _written(out, whole)
        say(f"asking the whole module about {len(held_out)} events")
        right = asked(whole, description, held_out, folder / "whole")
        if None in right:
            raise FreezeError(f"the whole module traps on {held_out[right.index(None)]:.80}")
        if level == "code":
            smaller = _without_code(original, state, workload, pyodide.parent, folder, say)
            description["wasm"] = _written(out, smaller)
            description |= _compared(held_out, right, asked(smaller, description, held_out, folder / "code"))
        else:
            description["wasm"] = description["whole"]
    return description


def _without_code(
    original: Module, state: State, texts: list[str], modules: Path, folder: Path, say: Callable[[str], None]
) -> bytes:
    say("profiling which code runs")
    _, running = ran(original, state, texts, folder)
    say(f"optimising {len(running)} basic blocks that ran")
    path = folder / "code.wasm"
    path.write_bytes(only(thawless(original, state, HOST_EXPORTS), state, running).write())
    wasm_opt(modules, path, path, "-Oz", "--strip-debug", "--strip-producers")
    return with_memory(Module.read(path.read_bytes()), state.memory).write()


def _written(out: Path, wasm: bytes) -> str:
    name = f"enrichment-{hashlib.sha256(wasm).hexdigest()[:16]}.wasm"
    (out / name).write_bytes(wasm)
    return name


def _compared(texts: list[str], right: list[str | None], said: list[str | None]) -> dict[str, int]:
    """Return how many events trapped. Raises FreezeError where one is answered otherwise."""
    for text, answer, one in zip(texts, right, said, strict=True):
        if one is not None and one != answer:
            raise FreezeError(f"without unused code {text:.80} becomes {one:.80}, with it {answer:.80}")
    return {"held_out": len(texts), "trapped": said.count(None)}


def asked(wasm: bytes, description: dict[str, Any], texts: list[str], folder: Path) -> list[str | None]:
    """Return what a module answers under Node; None where it traps. ``folder``: a new one."""
    folder.mkdir()
    (folder / "module.wasm").write_bytes(wasm)
    order: dict[str, object] = {
        "module": str(folder / "module.wasm"),
        "description": {name: description[name] for name in ("entry", "buffer", "capacity")},
        "texts": texts,
        "seen": 0,
        "per_instance": len(texts) + 1,
        "repeat": 0,
        "outside": [],
        "out": str(folder / "told.json"),
    }
    node("check.mjs", order, folder)
    answers: list[str | None] = json.loads((folder / "told.json").read_text())["answers"]
    return answers


def texts_of(events: Sequence[dict[str, Any]]) -> list[str]:
    """Return events as a page writes them; those that are too long for it are left out."""
    return [text for text in map(json.dumps, events) if len(text) <= ROOM]
