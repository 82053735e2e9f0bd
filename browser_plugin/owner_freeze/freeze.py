"""An owner's code as frozen modules of its own, beside the one with the session rules.

All data is kept at the levels ``whole`` and ``code``: what an owner's code may read, no workload shows in
full, and data that is missing reads as zeros, which may be silently wrong. ``tight`` leaves out data as well,
and may be used where it answers none of 20,000 events that no profile saw otherwise. Code that is missing
traps; the page then brings the whole module. That one is the reference: the host's Python is another version.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser_plugin.freeze.boot import boot
from browser_plugin.freeze.install import installed
from browser_plugin.freeze.keeping import keep
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.rewrite import HOST_EXPORTS, thawless, with_memory
from browser_plugin.freeze.tools import HERE, FreezeError
from browser_plugin.owner.source import OwnerCode
from browser_plugin.owner_freeze.asking import Answers, asked
from browser_plugin.owner_freeze.calls import DEPTHS, LEVELS, Depth, Level, calls_of
from browser_plugin.owner_freeze.smaller import Smaller
from browser_plugin.owner_freeze.texts import ROOM
from browser_plugin.owner_freeze.wheel import HANDLE, wheel_of

INPUTS = (
    *(HERE.parent / name for name in ("enrichment.py", "minimal.py", "page/frozen.js")),
    *(
        Path(__file__).with_name(f"{name}.py")
        for name in ("asking", "calls", "events", "freeze", "recording", "smaller", "strategies")
    ),
    *(Path(__file__).with_name(f"{name}.py") for name in ("texts", "touch", "wheel")),
)
"""Files of ours, beside the freeze's own, whose contents decide about the modules."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """The modules in a folder, what the page needs to host them, and what each level was asked."""

    folder: Path
    description: dict[str, Any]

    def levels(self) -> dict[str, dict[str, Any]]:
        """Return by level its module's file, and how many of the events held out trapped or were wrong."""
        found: dict[str, dict[str, Any]] = self.description["levels"]
        return found

    def gate(self, level: Level) -> None:
        """Raise FreezeError where a level's module may not be used."""
        of = self.levels()[level]
        if of["wrong"]:
            raise FreezeError(
                f"--level {level} cannot be used for this code: {of['wrong']} of {of['held_out']} events get"
                f" another answer than the whole module's, the first is {of['first']:.200}; use --level code"
            )


def frozen_once(
    code: OwnerCode,
    level: Level,
    events: Sequence[dict[str, Any]],
    pyodide: Path,
    cache: Path,
    say: Callable[[str], None],
    depth: Depth | None = None,
) -> Frozen:
    """Return the frozen code; what the same inputs gave before is not made again. Raises FreezeError.

    ``events``: of the owner's own, for the workload; ``pyodide``: its npm package; ``depth``: how many events
    it is profiled and checked with. Whether the level may be used is for ``Frozen.gate`` to say.
    """
    depth = depth or DEPTHS[level]
    total = hashlib.sha256(f"{code.version}\n{code.name}\n{level}\n{depth}\n{json.dumps(events)}".encode())
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
            description = _freeze(code, level, events, pyodide, cache, part, say, depth)
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
    depth: Depth,
) -> dict[str, Any]:
    workload, held_out = calls_of(code, events, depth)
    original = Module.read((pyodide / "pyodide.asm.wasm").read_bytes())
    with tempfile.TemporaryDirectory(prefix="freeze-") as name:
        folder = Path(name)
        say("compiling the owner's code and installing it, by the interpreter's own tools")
        wheel = installed(wheel_of(code, folder / "wheel"), pyodide, cache, folder)
        say("starting the interpreter, importing and warming the owner's code")
        module, _, function = HANDLE.partition(":")
        state = boot(original, pyodide, wheel, (module, function), workload, folder, ROOM)
        whole = with_memory(thawless(original, state, HOST_EXPORTS), state.memory).write()
        description: dict[str, Any] = {**state.description(), "version": code.version, "level": level}
        say(f"asking the whole module about {len(held_out)} events")
        right = asked(whole, description, held_out, folder / "whole")
        if None in right:
            raise FreezeError(f"the whole module traps on {held_out[right.index(None)]:.80}")
        levels = {"whole": {"wasm": _written(out, whole), **Answers(held_out, right, right).counted()}}
        smaller = Smaller(original, state, workload, pyodide.parent, folder)
        for made in LEVELS[1 : LEVELS.index(level) + 1]:
            say(f"profiling, and leaving out what the level {made} does without")
            plain, *others = smaller.modules(made)
            say(f"asking the module of the level {made} about {len(held_out)} events")
            answers = Answers(held_out, right, asked(plain, description, held_out, folder / made))
            for number, other in enumerate(others):
                said = asked(other, description, held_out, folder / f"{made}-{number}")
                answers = answers.with_poisoned(said)
            levels[made] = {"wasm": _written(out, plain), **answers.counted()}
        description |= {"whole": levels["whole"]["wasm"], "wasm": levels[level]["wasm"], "levels": levels}
    return description


def _written(out: Path, wasm: bytes) -> str:
    name = f"enrichment-{hashlib.sha256(wasm).hexdigest()[:16]}.wasm"
    (out / name).write_bytes(wasm)
    return name
